import { describe, expect, test } from '@jest/globals'
import { createTimerListener, type Firing, type TimerListener } from '../src/triggers/timer-listener.ts'
import { parseSchedule } from '../src/triggers/timer-schedule.ts'
import type { ScheduleStatus, StatusStore } from '../src/triggers/timer-status.ts'
import type { TimeZone } from '../src/triggers/timer-zone.ts'
import { createFakeClock, type FakeClock } from './harness/fake-clock.ts'

const START = Date.UTC(2026, 0, 1)
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

interface World {
  readonly clock: FakeClock
  readonly listener: TimerListener
  readonly fired: { at: number; firing: Firing }[]
  readonly lines: string[]
  readonly stored: ScheduleStatus[]
}

interface Setup {
  readonly schedule: string
  readonly runOnStartup?: boolean
  readonly store?: Partial<StatusStore> | 'none'
  readonly run?: () => Promise<void>
}

function timer({ schedule: text, runOnStartup = false, store = {}, run }: Setup): World {
  const zone: TimeZone = { name: 'UTC', offsetAt: () => 0 }
  const schedule = parseSchedule(text, zone)
  if (schedule === undefined) throw new Error(`'${text}' is no schedule`)
  const clock = createFakeClock(START)
  const fired: { at: number; firing: Firing }[] = []
  const lines: string[] = []
  const stored: ScheduleStatus[] = []
  const listener = createTimerListener({
    name: 'tick',
    schedule,
    zone,
    runOnStartup,
    clock,
    store:
      store === 'none'
        ? undefined
        : {
            read: () => Promise.resolve(undefined),
            write: (status) => {
              stored.push(status)
              return Promise.resolve()
            },
            ...store,
          },
    log: (level, message) => lines.push(`${level} ${message}`),
    run: async (firing) => {
      fired.push({ at: clock.wall() - START, firing })
      await run?.()
    },
  })
  return { clock, listener, fired, lines, stored }
}

const times = ({ fired }: World): number[] => fired.map(({ at }) => at)

// https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Listener/TimerListener.cs
describe('a timer', () => {
  test('fires at the occurrences of its schedule', async () => {
    const world = timer({ schedule: '0 */10 * * * *' })
    void world.listener.start()
    await world.clock.advance(HOUR - 1)
    expect(times(world)).toEqual([10, 20, 30, 40, 50].map((minutes) => minutes * MINUTE))
    expect(world.fired.every(({ firing }) => !firing.isPastDue && firing.details === undefined)).toBe(true)
    expect(world.stored.at(-1)).toEqual({
      last: START + 50 * MINUTE,
      next: START + HOUR,
      lastUpdated: START + 50 * MINUTE,
    })
    await world.listener.stop()
    await world.clock.advance(HOUR)
    expect(times(world)).toHaveLength(5)
  })

  test('waits more than 24.8 days for the next occurrence', async () => {
    const world = timer({ schedule: '0 0 0 1 6 *' })
    void world.listener.start()
    await world.clock.advance(150 * DAY)
    expect(times(world)).toEqual([])
    await world.clock.advance(2 * DAY)
    expect(times(world)).toEqual([Date.UTC(2026, 5, 1) - START])
    await world.listener.stop()
  })

  test('a constant schedule of days fires after so many days', async () => {
    const world = timer({ schedule: '40:00:00' })
    void world.listener.start()
    await world.clock.advance(80 * DAY)
    expect(times(world)).toEqual([40 * DAY, 80 * DAY])
    await world.listener.stop()
  })

  test('an occurrence that falls into a run is skipped when the schedule goes on after it', async () => {
    let finish: () => void = () => undefined
    const world = timer({
      schedule: '0 * * * * *',
      run: () => new Promise((resolve) => (finish = resolve)),
    })
    void world.listener.start()
    await world.clock.advance(MINUTE)
    await world.clock.advance(5 * MINUTE)
    expect(times(world)).toEqual([MINUTE])
    finish()
    await world.clock.advance(1)
    // It follows at once, and only once.
    expect(times(world)).toEqual([MINUTE, 6 * MINUTE])
    finish()
    await world.clock.advance(MINUTE - 2)
    expect(times(world)).toHaveLength(2)
    await world.clock.advance(1)
    expect(times(world)).toEqual([MINUTE, 6 * MINUTE, 7 * MINUTE])
    const stop = world.listener.stop()
    finish()
    await stop
  })

  test('a stop waits for the run', async () => {
    let finish: () => void = () => undefined
    const world = timer({ schedule: '0 * * * * *', run: () => new Promise((resolve) => (finish = resolve)) })
    void world.listener.start()
    await world.clock.advance(MINUTE)
    let stopped = false
    const stop = world.listener.stop().then(() => (stopped = true))
    await world.clock.advance(HOUR)
    expect(stopped).toBe(false)
    finish()
    await stop
    await world.clock.advance(HOUR)
    expect(times(world)).toEqual([MINUTE])
  })

  test('runs at the start when it is to', async () => {
    const world = timer({ schedule: '0 0 * * * *', runOnStartup: true })
    void world.listener.start()
    await world.clock.advance(HOUR)
    expect(times(world)).toEqual([0, HOUR])
    expect(world.fired[0]?.firing.details).toBe('UnscheduledInvocationReason: RunOnStartup')
    expect(world.lines).toContain(
      "information Function 'tick' is configured to run on startup. Executing now.",
    )
    await world.listener.stop()
  })

  test('an occurrence that was missed is made up for at the start', async () => {
    const status = { last: START - 3 * HOUR, next: START - 2 * HOUR, lastUpdated: START - 3 * HOUR }
    const world = timer({ schedule: '0 0 * * * *', store: { read: () => Promise.resolve(status) } })
    void world.listener.start()
    await world.clock.advance(HOUR)
    expect(times(world)).toEqual([0, HOUR])
    expect(world.fired[0]?.firing).toMatchObject({ isPastDue: true, status })
    expect(world.fired[0]?.firing.details).toBe(
      'UnscheduledInvocationReason: IsPastDue, OriginalSchedule: 2025-12-31T22:00:00+00:00',
    )
    expect(world.lines).toContain("information Function 'tick' is past due on startup. Executing now.")
    await world.listener.stop()
  })

  test('lists the next five occurrences', async () => {
    const world = timer({ schedule: '0 0 * * * *' })
    void world.listener.start()
    await world.clock.advance(1)
    expect(world.lines[0]).toBe(
      "information The next 5 occurrences of the 'tick' schedule (Cron: '0 0 * * * *') will be:\n" +
        [1, 2, 3, 4, 5].map((hour) => `2026-01-01T0${hour}:00:00+00:00`).join('\n'),
    )
    expect(world.lines[1]).toMatch(
      /^debug Function 'tick' initial status: Last='0001-01-01T00:00:00\+00:00', Next='2026-01-01T01:00:00\+00:00'/,
    )
    await world.listener.stop()
  })

  test('a schedule without an occurrence never fires, and says so', async () => {
    const world = timer({ schedule: '0 0 0 30 2 *' })
    void world.listener.start()
    await world.clock.advance(400 * DAY)
    expect(times(world)).toEqual([])
    expect(world.lines).toEqual([
      "warning The schedule of 'tick' (Cron: '0 0 0 30 2 *') has no occurrence; it never fires.",
    ])
    await world.listener.stop()
  })

  describe('whose status cannot be', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const forbidden = Object.assign(new Error('no'), { statusCode: 403, code: 'AuthorizationFailure' })

    test('read begins anew after some seconds, and says why', async () => {
      let reads = 0
      const read = (): Promise<never> => {
        reads += 1
        return Promise.reject(refused)
      }
      const world = timer({ schedule: '0 * * * * *', store: { read } })
      void world.listener.start()
      await world.clock.advance(4000)
      expect(world.lines).toEqual([])
      await world.clock.advance(MINUTE - 4000)
      expect(reads).toBeGreaterThan(5)
      expect(world.lines[0]).toBe(
        "warning The schedule status of 'tick' cannot be read from container 'azure-webjobs-hosts' (connection 'AzureWebJobsStorage') (connection refused); it starts anew. Is the storage of connection 'AzureWebJobsStorage' (Azurite) running? Start it, or correct the setting.",
      )
      expect(times(world)).toEqual([MINUTE])
      await world.listener.stop()
    })

    test('read because of a wrong key begins anew at once', async () => {
      const world = timer({ schedule: '0 * * * * *', store: { read: () => Promise.reject(forbidden) } })
      void world.listener.start()
      await world.clock.advance(1)
      expect(world.lines[0]).toContain(
        '(403 AuthorizationFailure no); it starts anew. Check the key of connection',
      )
      await world.listener.stop()
    })

    test('written goes on, and says why', async () => {
      const world = timer({ schedule: '0 * * * * *', store: { write: () => Promise.reject(forbidden) } })
      void world.listener.start()
      await world.clock.advance(2 * MINUTE)
      expect(times(world)).toEqual([MINUTE, 2 * MINUTE])
      expect(world.lines.at(-1)).toContain(
        "error Function 'tick' failed to update the timer trigger status in container 'azure-webjobs-hosts'",
      )
      await world.listener.stop()
    })

    test('read does not hold up a stop', async () => {
      const world = timer({ schedule: '0 * * * * *', store: { read: () => Promise.reject(refused) } })
      const start = world.listener.start()
      await world.clock.advance(300)
      await world.listener.stop()
      await start
      await world.clock.advance(HOUR)
      expect(times(world)).toEqual([])
    })
  })

  test('tells its status, and writes it at the start only when it is new', async () => {
    const world = timer({ schedule: '0 0 * * * *' })
    expect(world.listener.status()).toBeUndefined()
    void world.listener.start()
    await world.clock.advance(1)
    const begun = { last: undefined, next: START + HOUR, lastUpdated: START }
    expect(world.listener.status()).toEqual(begun)
    expect(world.stored).toEqual([begun])
    await world.listener.stop()

    const kept = { last: START, next: START + HOUR, lastUpdated: START }
    const again = timer({ schedule: '0 0 * * * *', store: { read: () => Promise.resolve(kept) } })
    void again.listener.start()
    await again.clock.advance(0)
    expect(again.stored).toEqual([])
    expect(again.listener.status()).toEqual(kept)
    await again.listener.stop()
  })

  test('a start at once is not past due', async () => {
    const world = timer({ schedule: '0 0 * * * *', runOnStartup: true })
    void world.listener.start()
    await world.clock.advance(1)
    expect(world.fired[0]?.firing.isPastDue).toBe(false)
    await world.listener.stop()
  })

  test('a timer that is stopped before it has begun says nothing and fires nothing', async () => {
    const world = timer({ schedule: '0 0 * * * *', runOnStartup: true })
    const start = world.listener.start()
    await world.listener.stop()
    await start
    await world.clock.advance(2 * HOUR)
    expect(times(world)).toEqual([])
    expect(world.lines).toEqual([])
  })

  test('an occurrence that comes while it stops does not fire', async () => {
    let finish: () => void = () => undefined
    const world = timer({ schedule: '0 * * * * *', run: () => new Promise((resolve) => (finish = resolve)) })
    void world.listener.start()
    await world.clock.advance(MINUTE)
    const stop = world.listener.stop()
    await world.clock.advance(5 * MINUTE)
    finish()
    await stop
    await world.clock.advance(5 * MINUTE)
    expect(times(world)).toEqual([MINUTE])
  })

  test('storage gets five seconds, and not more', async () => {
    let reads = 0
    const world = timer({
      schedule: '0 * * * * *',
      store: {
        read: () => {
          reads += 1
          return Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))
        },
      },
    })
    void world.listener.start()
    await world.clock.advance(5000)
    expect(world.lines).toEqual([])
    expect(reads).toBe(21)
    await world.clock.advance(250)
    expect(world.lines[0]).toMatch(/^warning /)
    expect(reads).toBe(22)
    await world.listener.stop()
  })

  test('a schedule with fewer than five occurrences lists those, and says when there are no more', async () => {
    const clock = createFakeClock(START)
    const lines: string[] = []
    const fired: number[] = []
    const listener = createTimerListener({
      name: 'tick',
      schedule: {
        description: 'Twice',
        next: (after) => [START + MINUTE, START + 2 * MINUTE].find((at) => at > after),
        isFrequent: () => false,
      },
      zone: { name: 'UTC', offsetAt: () => 0 },
      runOnStartup: false,
      clock,
      store: undefined,
      log: (level, message) => lines.push(`${level} ${message}`),
      run: () => {
        fired.push(clock.wall() - START)
        return Promise.resolve()
      },
    })
    await listener.start()
    // Without a store there is no status to show.
    expect(lines).toEqual([
      "information The next 2 occurrences of the 'tick' schedule (Twice) will be:\n2026-01-01T00:01:00+00:00\n2026-01-01T00:02:00+00:00",
    ])
    await clock.advance(HOUR)
    expect(fired).toEqual([MINUTE, 2 * MINUTE])
    expect(lines.slice(1)).toEqual(["warning The schedule of 'tick' (Twice) has no further occurrence."])
    expect(listener.status()).toBeUndefined()
    await listener.stop()
  })

  test('without a store it fires all the same', async () => {
    const world = timer({ schedule: '0 * * * * *', store: 'none' })
    void world.listener.start()
    await world.clock.advance(MINUTE)
    expect(times(world)).toEqual([MINUTE])
    await world.listener.stop()
  })
})
