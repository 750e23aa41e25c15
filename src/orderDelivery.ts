import type { InvocationContext } from '@azure/functions'
import { failureOf, logOrder } from './log.ts'
import type { QueuedMessage } from './orders/queueDrain.ts'
import type { OrderService } from './orders/service.ts'

/** Processes one delivery of a queue message and logs what became of it. When it throws, the message must stay on its queue. */
export type DeliverOrder = (delivered: QueuedMessage, context: InvocationContext) => Promise<void>

/**
 * The one way in which a queue message is processed, whichever function receives it.
 *
 * @param maxDequeueCount how often the host delivers a message: it tells the last delivery
 */
export function orderDelivery(service: OrderService, maxDequeueCount: number): DeliverOrder {
  return async ({ message, messageId, dequeueCount, insertedAt }, context) => {
    const delivery = {
      via: 'queue',
      messageId,
      dequeueCount,
      queuedForMs: insertedAt && Math.max(0, Date.now() - insertedAt.getTime()),
    } as const
    try {
      const last = (dequeueCount ?? 0) >= maxDequeueCount
      const result = await service.process({ message, messageId, last })
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
