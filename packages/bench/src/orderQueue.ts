import { setTimeout as delay } from 'node:timers/promises'
import type { QueueClient } from '@azure/storage-queue'

const SENDERS = 16
/** The least time between two polls of the queue's length; with more left to drain it is longer. */
const LEAST_POLL_MS = 20
const POLL_PART = 0.03

/** Sends a number of orders to a queue, each with its own id. */
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

/** The number of messages in a queue, including those that are being processed. */
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
