import { app, type InvocationContext, type StorageQueueHandler } from '@azure/functions'
import { failureOf, logOrder, type OrderEvent } from '../log.ts'
import { ORDER_ID } from '../orders/order.ts'
import type { OrderService } from '../orders/service.ts'
import { ORDERS_QUEUE, STORAGE_CONNECTION } from '../storage/names.ts'
import { withBindingName } from './binding.ts'

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

/** Registers `orderProcessor`. */
export function registerOrderProcessor(handler: StorageQueueHandler<Uint8Array>): void {
  const trigger = {
    queueName: ORDERS_QUEUE,
    connection: STORAGE_CONNECTION,
    // The handler gets the message's exact bytes. As text it would be parsed, and its fields would overwrite the
    // metadata: {"id": "x", "dequeueCount": 99}. Every trigger has the property, the library's types lack it:
    // https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Description/FunctionMetadata.cs
    dataType: 'binary',
  }
  app.storageQueue('orderProcessor', withBindingName('message', { ...trigger, handler }))
}
