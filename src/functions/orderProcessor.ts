import type { InvocationContext, StorageQueueHandler } from '@azure/functions'
import { failureOf, logOrder, type OrderEvent } from '../log.ts'
import { ORDER_ID } from '../orders/order.ts'
import type { OrderService } from '../orders/service.ts'

/**
 * Storage queue trigger on `orders`: processes one queued order. `maxDequeueCount` is the host's: the last delivery is
 * told by it.
 */
export function orderProcessorHandler(
  service: OrderService,
  maxDequeueCount: number,
): StorageQueueHandler<Uint8Array> {
  return async (message, context) => {
    const delivery = deliveryOf(context)
    try {
      const result = await service.process({
        message,
        messageId: delivery.messageId,
        last: (delivery.dequeueCount ?? 0) >= maxDequeueCount,
      })
      logOrder(context, {
        ...delivery,
        ...(result.outcome === 'processed'
          ? { outcome: 'processed', orderId: result.order.id }
          : {
              outcome: 'poisoned',
              orderId: result.orderId,
              reason: failureOf(result.reason).reason,
            }),
      })
    } catch (error) {
      logOrder(context, { ...delivery, ...failureOf(error) })
      throw error
    }
  }
}

/** What the host says of the message. Its admin API, and so the portal's Test/Run, delivers text that is no queue message's. */
function deliveryOf({ triggerMetadata = {} }: InvocationContext): Omit<OrderEvent, 'outcome'> & {
  readonly messageId: string | undefined
  readonly dequeueCount: number | undefined
} {
  const { id, dequeueCount, insertionTime } = triggerMetadata
  const insertedAt = Date.parse(String(insertionTime))
  const count = Number(dequeueCount)
  return {
    via: 'queue',
    messageId: typeof id === 'string' && ORDER_ID.test(id) ? id : undefined,
    dequeueCount: count > 0 ? count : undefined,
    queuedForMs: Number.isNaN(insertedAt) ? undefined : Math.max(0, Date.now() - insertedAt),
  }
}
