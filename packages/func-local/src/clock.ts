import { setTimeout as sleep } from 'node:timers/promises'

/** Time, as whoever waits for it uses it. */
export interface Clock {
  /** Milliseconds since 1970, as the machine's clock shows them; it can be set. */
  readonly wall: () => number
  /** Milliseconds since some moment; they only grow. */
  readonly now: () => number
  /** Resolves after that many milliseconds, however many they are, and at once when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** Calls a function again and again until the returned function is called. The interval is at most 24 days. */
  readonly every: (milliseconds: number, run: () => void) => () => void
}

/** What a timer of Node.js can hold: 24.8 days. A longer one fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The machine's own clock. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  now: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    for (let left = milliseconds; left > 0 && !signal.aborted; left -= LONGEST_TIMER_MS) {
      await sleep(Math.min(left, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined)
    }
  },
  every: (milliseconds, run) => {
    const timer = setInterval(run, Math.min(milliseconds, LONGEST_TIMER_MS))
    return () => {
      clearInterval(timer)
    }
  },
}
