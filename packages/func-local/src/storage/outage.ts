import type { Clock } from '../clock.ts'
import type { Log } from '../host/log.ts'
import { isPermanent, nextStepOf, reasonOf, type StorageTarget } from './errors.ts'

/** What an outage report speaks of. */
export interface OutageSubject {
  readonly target: StorageTarget
  /** What cannot be done to it, `read` for example. */
  readonly verb: string
  readonly log: Log
  readonly clock: Clock
}

/** Reports once that storage does not respond or refuses, and once that it responds again. */
export interface OutageReport {
  /** A request failed; gives the time in milliseconds after which to ask again at the latest. */
  readonly failed: (error: unknown) => {
    readonly kind: 'passing' | 'permanent'
    readonly longestPause: number
  }
  readonly answered: () => void
}

/** An emulator that is started together with the host may take this long; until then nothing is wrong. */
const STORAGE_START_MS = 5000
const LONGEST_PASSING_MS = 10_000
/** A wrong key or a missing role: somebody has to correct it, and it takes its time to come into effect. */
const PERMANENT_MS = 60_000

/** Begins a report; nothing is reported during the first seconds of an outage that was there from the start. */
export function createOutageReport({ target, verb, log, clock }: OutageSubject): OutageReport {
  const started = clock.now()
  const subject = `${target.kind} '${target.name}'`
  let reported: string | undefined

  return {
    failed: (error) => {
      const reason = reasonOf(error)
      const line = `${subject.charAt(0).toUpperCase()}${subject.slice(1)} cannot be ${verb} (${reason}). ${nextStepOf(error, target)}`
      if (isPermanent(error)) {
        if (reported !== reason)
          log.error(
            `${line} Its function does not run until then; ${target.service ?? 'storage'} is asked once a minute.`,
          )
        reported = reason
        return { kind: 'permanent', longestPause: PERMANENT_MS }
      }
      if (reported === undefined && clock.now() - started > STORAGE_START_MS) {
        reported = reason
        log.warn(`${line} Trying again until it responds.`)
      }
      return { kind: 'passing', longestPause: LONGEST_PASSING_MS }
    },
    answered: () => {
      if (reported !== undefined)
        log.info(`${target.service ?? 'Storage'} responds again; ${subject} is being ${verb}.`)
      reported = undefined
    },
  }
}
