import type { Clock } from '../clock.ts'
import { isoWithOffset } from '../date-text.ts'
import type { LogLevel } from '../protocol.ts'
import { isPermanent, nextStepOf, reasonOf, targetText, type StorageTarget } from '../storage/errors.ts'
import { HOST_CONTAINER } from '../storage/blobs.ts'
import { connectionName } from '../storage/connection.ts'
import type { Schedule } from './timer-schedule.ts'
import { resume, statusJson, type ScheduleStatus, type StatusStore } from './timer-status.ts'
import type { TimeZone } from './timer-zone.ts'

/** One time that the timer fires. */
export interface Firing {
  /** The status before it. */
  readonly status: ScheduleStatus | undefined
  readonly isPastDue: boolean
  /** Why it runs at another time than the schedule says. */
  readonly details: string | undefined
}

/** What a timer needs. */
export interface TimerListenerOptions {
  readonly name: string
  readonly schedule: Schedule
  readonly zone: TimeZone
  readonly runOnStartup: boolean
  /** Absent where no status is kept. */
  readonly store: StatusStore | undefined
  readonly log: (level: LogLevel, message: string) => void
  readonly clock: Clock
  readonly run: (firing: Firing) => Promise<void>
}

/** A timer that can be asked for its status. */
export interface TimerListener {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly status: () => ScheduleStatus | undefined
}

// The machine's clock can be set while a timer waits: it is looked at now and then.
const LONGEST_WAIT_MS = 60 * 60 * 1000
const SHOWN_OCCURRENCES = 5
const STORAGE_START_MS = 5000
const RETRY_MS = 250
const STATUS_PLACE: StorageTarget = {
  kind: 'container',
  name: HOST_CONTAINER,
  connection: connectionName(undefined),
}

/**
 * Fires at the occurrences of a schedule, one at a time: an occurrence that falls into a run follows it at once, and only
 * once.
 *
 * https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Listener/TimerListener.cs
 */
export function createTimerListener(options: TimerListenerOptions): TimerListener {
  const { name, schedule, zone, store, log, clock } = options
  let status: ScheduleStatus | undefined
  let running: Promise<void> = Promise.resolve()
  const stopping = new AbortController()

  return {
    status: () => status,
    start: async () => {
      const before = await stored()
      const now = clock.wall()
      const resumed = resume(before, schedule, now)
      if (isStopped()) return
      if (resumed === undefined) {
        log(
          'warning',
          `The schedule of '${name}' (${schedule.description}) has no occurrence; it never fires.`,
        )
        return
      }
      status = resumed.status
      logOccurrences(now)
      if (resumed.isChanged) running = save()
      if (resumed.isPastDue) {
        log('information', `Function '${name}' is past due on startup. Executing now.`)
        fire(true, `IsPastDue, OriginalSchedule: ${fullDate(resumed.status.next)}`)
      } else if (options.runOnStartup) {
        log('information', `Function '${name}' is configured to run on startup. Executing now.`)
        fire(false, 'RunOnStartup')
      } else {
        void wait()
      }
    },
    stop: async () => {
      stopping.abort()
      await running
    },
  }

  function isStopped(): boolean {
    return stopping.signal.aborted
  }

  async function wait(): Promise<void> {
    // A timer may be a moment early; and a long wait goes on in parts.
    while (!isStopped() && status !== undefined) {
      const remaining = status.next - clock.wall()
      if (remaining <= 0) {
        fire(false, undefined)
        return
      }
      await clock.sleep(Math.min(Math.max(remaining, 1), LONGEST_WAIT_MS), stopping.signal)
    }
  }

  function fire(isPastDue: boolean, unscheduled: string | undefined): void {
    if (isStopped()) return
    const firedAt = clock.wall()
    const before = running
    const details = unscheduled === undefined ? undefined : `UnscheduledInvocationReason: ${unscheduled}`
    running = (async () => {
      await before
      await options.run({ status, isPastDue, details })
      const next = schedule.next(firedAt)
      if (next === undefined) {
        status = undefined
        log('warning', `The schedule of '${name}' (${schedule.description}) has no further occurrence.`)
        return
      }
      status = { last: firedAt, next, lastUpdated: firedAt }
      await save()
      void wait()
    })()
  }

  /** Storage that is started together with the host gets a few seconds; then the timer goes on without its past. */
  async function stored(): Promise<ScheduleStatus | undefined> {
    const deadline = clock.now() + STORAGE_START_MS
    for (;;) {
      try {
        return await store?.read()
      } catch (error) {
        if (isStopped()) return undefined
        if (isPermanent(error) || clock.now() > deadline) {
          log(
            'warning',
            `The schedule status of '${name}' cannot be read from ${targetText(STATUS_PLACE)} (${reasonOf(error)}); it starts anew. ${nextStepOf(error, STATUS_PLACE)}`,
          )
          return undefined
        }
        await clock.sleep(RETRY_MS, stopping.signal)
      }
    }
  }

  async function save(): Promise<void> {
    if (status === undefined) return
    try {
      await store?.write(status)
    } catch (error) {
      log(
        'error',
        `Function '${name}' failed to update the timer trigger status in ${targetText(STATUS_PLACE)} (${reasonOf(error)}). ${nextStepOf(error, STATUS_PLACE)}`,
      )
    }
  }

  function logOccurrences(now: number): void {
    const lines: string[] = []
    let moment: number | undefined = now
    for (let i = 0; i < SHOWN_OCCURRENCES && moment !== undefined; i++) {
      moment = schedule.next(moment)
      if (moment !== undefined) lines.push(fullDate(moment))
    }
    log(
      'information',
      `The next ${lines.length} occurrences of the '${name}' schedule (${schedule.description}) will be:\n${lines.join('\n')}`,
    )
    if (status !== undefined && store !== undefined) {
      const { Last, Next, LastUpdated } = statusJson(status, zone)
      log(
        'debug',
        `Function '${name}' initial status: Last='${Last}', Next='${Next}', LastUpdated='${LastUpdated}'`,
      )
    }
  }

  function fullDate(moment: number): string {
    return isoWithOffset(new Date(moment), zone.offsetAt(moment))
  }
}
