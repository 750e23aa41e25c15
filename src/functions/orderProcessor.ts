import type { InvocationContext, StorageQueueHandler } from '@azure/functions'
import { ORDER_ID } from '../orders/order.ts'
import type { QueuedMessage } from '../orders/queueDrain.ts'
import type { OrderService } from '../orders/service.ts'
import { orderDelivery } from '../orderDelivery.ts'

/**
 * Storage queue trigger on `orders`, and on each of the queues that orders are spread over: processes one queued order.
 * `maxDequeueCount` is the host's: the last delivery is told by it.
 */
export function orderProcessorHandler(
  service: OrderService,
  maxDequeueCount: number,
): StorageQueueHandler<Uint8Array> {
  const deliver = orderDelivery(service, maxDequeueCount)
  return (message, context) => deliver({ message, ...metadataOf(context) }, context)
}

/** What the host says of the message. Its admin API, and so the portal's Test/Run, delivers text that is no queue message's. */
function metadataOf({ triggerMetadata = {} }: InvocationContext): Omit<QueuedMessage, 'message'> {
  const { id, dequeueCount, insertionTime } = triggerMetadata
  const insertedAt = new Date(String(insertionTime))
  const count = Number(dequeueCount)
  return {
    messageId: typeof id === 'string' && ORDER_ID.test(id) ? id : undefined,
    dequeueCount: count > 0 ? count : undefined,
    insertedAt: Number.isNaN(insertedAt.getTime()) ? undefined : insertedAt,
  }
}
