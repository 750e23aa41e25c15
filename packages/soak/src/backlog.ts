import { setTimeout as delay } from 'node:timers/promises'

const PAUSE_MS = 500

/** How many messages wait on `orders`, looked at now and then. */
export interface Backlog {
  /** Looks until it is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves when the queue is short enough for more, or `signal` is aborted. */
  room(signal: AbortSignal): Promise<void>
  /** The most that were seen. */
  longest(): number
}

/**
 * A backlog that holds senders back while more than `limit` messages wait: Azurite, unlike Azure, goes through all of
 * a queue for every request, so that a long one makes all of storage slow.
 *
 * @param waiting answers how many messages there are
 */
export function createBacklog(waiting: () => Promise<number>, limit: number): Backlog {
  let now = 0
  let longest = 0
  return {
    longest: () => longest,
    async run(signal) {
      while (!signal.aborted) {
        // Storage that is away holds back nobody.
        now = await waiting().catch(() => 0)
        longest = Math.max(longest, now)
        await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined)
      }
    },
    async room(signal) {
      while (now > limit && !signal.aborted) await delay(PAUSE_MS / 5)
    },
  }
}
