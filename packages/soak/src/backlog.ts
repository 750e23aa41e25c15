import { setTimeout as delay } from 'node:timers/promises'

const PAUSE_MS = 500

/** The number of messages on the queues of orders, polled. */
export interface Backlog {
  /** Polls until it is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves when the queue is short enough for more, or `signal` is aborted. */
  room(signal: AbortSignal): Promise<void>
  /** The maximum so far. */
  longest(): number
}

/**
 * Makes senders wait while more than `limit` messages are on the queue. Unlike Azure, Azurite reads the whole queue for every
 * request, so a long queue makes all of storage slow.
 *
 * @param waiting returns the number of messages
 */
export function createBacklog(waiting: () => Promise<number>, limit: number): Backlog {
  let now = 0
  let longest = 0
  return {
    longest: () => longest,
    async run(signal) {
      while (!signal.aborted) {
        // During an outage of storage, senders do not wait.
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
