import { once } from '../once.ts'
import type { OrderQueues } from '../orders/ports.ts'
import type { StorageAccess } from './access.ts'

/**
 * The queues of orders. An order that is placed, or processed, needs its record alone: the queues' client library is loaded
 * when something is sent (docs/performance.md, "What was tried").
 *
 * @param count over how many queues orders are spread
 */
export function lazyQueues(access: StorageAccess, count: number): OrderQueues {
  const queues = once(async () => {
    const { queueService, storageOrderQueues } = await import('./queues.ts')
    return storageOrderQueues(queueService(access), count)
  })
  return {
    send: async (message, orderId) => (await queues()).send(message, orderId),
    poison: async (message) => (await queues()).poison(message),
  }
}
