import type { QueueServiceClient } from '@azure/storage-queue'
import { MOST_QUEUES, numberedQueues, ORDERS_QUEUE, POISON_QUEUE, poisonQueueOf } from './names.ts'
import { withinTime } from './timeout.ts'

/** The app's queues in an account, by name. */
export interface OwnQueues {
  /** `orders`, and those of `orders-0` … `orders-31` that exist. */
  readonly orders: readonly string[]
  /** `orders-poison`, and the numbered queues' own poison queues that exist: the host puts copies there. */
  readonly poison: readonly string[]
}

/**
 * Lists the app's queues. What exists counts, and not what the settings say: another number of queues may have been set when
 * the messages were sent.
 *
 * @param milliseconds it may take
 */
export async function ownQueues(queues: QueueServiceClient, milliseconds?: number): Promise<OwnQueues> {
  const existing = await withinTime(async (abortSignal) => {
    const names = new Set<string>()
    for await (const { name } of queues.listQueues({ prefix: ORDERS_QUEUE, abortSignal })) names.add(name)
    return names
  }, milliseconds)
  const numbered = numberedQueues(MOST_QUEUES)
  const exists = (name: string) => existing.has(name)
  return {
    orders: [ORDERS_QUEUE, ...numbered.filter(exists)],
    poison: [POISON_QUEUE, ...numbered.map(poisonQueueOf).filter(exists)],
  }
}
