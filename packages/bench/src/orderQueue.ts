import { setTimeout as delay } from 'node:timers/promises'
import type { QueueClient, QueueServiceClient } from '@azure/storage-queue'
import { numberedQueues, ORDERS_QUEUE } from '../../../src/storage/names.ts'
import { orderQueueOf } from '../../../src/storage/queues.ts'

const SENDERS = 16
/** The least time between two polls of the queue's length; with more left to drain it is longer. */
const LEAST_POLL_MS = 20
const POLL_PART = 0.03

/** Where orders wait: one queue, or several that they are spread over. */
export interface OrderQueues {
  readonly all: readonly QueueClient[]
  /** The queue of an order's id. */
  of(id: string): QueueClient
}

/** One queue for every order. */
export function oneQueue(queue: QueueClient): OrderQueues {
  return { all: [queue], of: () => queue }
}

/** The queues that the app spreads orders over. */
export function spreadQueues(queues: QueueServiceClient, count: number): OrderQueues {
  const names = count === 1 ? [ORDERS_QUEUE] : numberedQueues(count)
  const clients = new Map(names.map((name) => [name, queues.getQueueClient(name)]))
  return {
    all: [...clients.values()],
    of(id) {
      const name = orderQueueOf(id, count)
      const queue = clients.get(name)
      if (queue === undefined) throw new Error(`There is no queue ${name}.`)
      return queue
    },
  }
}

/** Sends a number of orders, each with its own id, to their queues. */
export async function fillQueue(
  queues: OrderQueues,
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
        await queues.of(order.id).sendMessage(text, { messageTimeToLive: -1 })
      }
    }),
  )
}

/** The number of messages in the queues, including those that are being processed. */
export async function backlogOf({ all }: OrderQueues): Promise<number> {
  const depths = await Promise.all(
    all.map(async (queue) => (await queue.getProperties()).approximateMessagesCount ?? 0),
  )
  return depths.reduce((sum, depth) => sum + depth, 0)
}

/** Resolves with the milliseconds until queues with `count` messages are empty. */
export async function drainTime(queues: OrderQueues, count: number, signal: AbortSignal): Promise<number> {
  const begun = performance.now()
  for (;;) {
    signal.throwIfAborted()
    const left = await backlogOf(queues)
    const elapsed = performance.now() - begun
    if (left === 0) return elapsed
    const done = Math.max(1, count - left)
    await delay(Math.max(LEAST_POLL_MS, (elapsed / done) * left * POLL_PART))
  }
}
