import { setTimeout as delay } from 'node:timers/promises'
import type { QueueClient } from '@azure/storage-queue'

const SENDERS = 16
/** How often the queue is asked whether it is empty: at least this seldom, and in proportion to what is left. */
const LEAST_POLL_MS = 20
const POLL_PART = 0.03

/** Puts so many orders on a queue, each with an id of its own. */
export async function fillQueue(
  queue: QueueClient,
  count: number,
  prefix: string,
  signal: AbortSignal,
): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      while (next < count) {
        signal.throwIfAborted()
        const order = { id: `${prefix}-${next++}`, item: 'widget', quantity: 2 }
        const text = Buffer.from(JSON.stringify(order)).toString('base64')
        await queue.sendMessage(text, { messageTimeToLive: -1 })
      }
    }),
  )
}

/** How many messages a queue holds, those that are being processed included. */
export async function backlogOf(queue: QueueClient): Promise<number> {
  return (await queue.getProperties()).approximateMessagesCount ?? 0
}

/** Resolves with the milliseconds until a queue of `count` messages is empty. */
export async function drainTime(queue: QueueClient, count: number, signal: AbortSignal): Promise<number> {
  const begun = performance.now()
  for (;;) {
    signal.throwIfAborted()
    const left = await backlogOf(queue)
    const elapsed = performance.now() - begun
    if (left === 0) return elapsed
    const done = Math.max(1, count - left)
    await delay(Math.max(LEAST_POLL_MS, (elapsed / done) * left * POLL_PART))
  }
}
