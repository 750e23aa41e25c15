import type { InvocationContext, StorageQueueHandler } from '@azure/functions'
import { failureOf, logOrder, type OrderEvent } from '../log.ts'
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
        last: delivery.dequeueCount >= maxDequeueCount,
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

function deliveryOf({ triggerMetadata = {} }: InvocationContext): Omit<OrderEvent, 'outcome'> & {
  readonly messageId: string
  readonly dequeueCount: number
} {
  const insertedAt = Date.parse(String(triggerMetadata['insertionTime']))
  return {
    via: 'queue',
    messageId: String(triggerMetadata['id']),
    dequeueCount: Number(triggerMetadata['dequeueCount']),
    queuedForMs: Number.isNaN(insertedAt) ? undefined : Math.max(0, Date.now() - insertedAt),
  }
}
