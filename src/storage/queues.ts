import {
  QueueServiceClient,
  RestError,
  type QueueClient,
  type StoragePipelineOptions,
} from '@azure/storage-queue'
import type { OrderQueues } from '../orders/ports.ts'
import type { StorageAccess } from './access.ts'
import { ORDERS_QUEUE, POISON_QUEUE } from './names.ts'
import { OPERATION_TIMEOUT_MS, RETRIES, withinTime } from './timeout.ts'

/** Makes the clients of the app's queues. Nothing is sent yet. */
export function queueClients(access: StorageAccess): { orders: QueueClient; poison: QueueClient } {
  const options: StoragePipelineOptions = {
    retryOptions: {
      maxTries: 1 + RETRIES.count,
      tryTimeoutInMs: OPERATION_TIMEOUT_MS,
      retryDelayInMs: RETRIES.firstDelayMs,
      maxRetryDelayInMs: RETRIES.maxDelayMs,
    },
  }
  const queues =
    access.kind === 'identity'
      ? new QueueServiceClient(access.queueServiceUri, access.credential, options)
      : QueueServiceClient.fromConnectionString(access.connectionString, options)
  return { orders: queues.getQueueClient(ORDERS_QUEUE), poison: queues.getQueueClient(POISON_QUEUE) }
}

/**
 * The queue a message goes to, and the one it can't be processed from; created on first use when missing.
 *
 * @param milliseconds one operation may take
 */
export function storageOrderQueues(
  clients: { orders: QueueClient; poison: QueueClient },
  milliseconds?: number,
): OrderQueues {
  return {
    send: (message) => send(clients.orders, message, milliseconds),
    poison: (message) => send(clients.poison, message, milliseconds),
  }
}

async function send(queue: QueueClient, message: Uint8Array, milliseconds?: number): Promise<void> {
  // Base64 is what the Functions host reads queue messages as unless host.json says otherwise.
  const text = Buffer.from(message).toString('base64')
  await withinTime(async (abortSignal) => {
    // Without a time to live of -1 a message is gone after 7 days.
    const put = () => queue.sendMessage(text, { messageTimeToLive: -1, abortSignal })
    try {
      await put()
    } catch (error) {
      // https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes
      if (!(error instanceof RestError) || error.code !== 'QueueNotFound') throw error
      await queue.createIfNotExists({ abortSignal })
      await put()
    }
  }, milliseconds)
}
