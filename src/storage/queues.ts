import { createHash } from 'node:crypto'
import {
  QueueServiceClient,
  RestError,
  type QueueClient,
  type StoragePipelineOptions,
} from '@azure/storage-queue'
import type { OrderQueues } from '../orders/ports.ts'
import type { StorageAccess } from './access.ts'
import { numberedQueues, ORDERS_QUEUE, POISON_QUEUE } from './names.ts'
import { OPERATION_TIMEOUT_MS, QUEUE_AND_BLOB_RETRIES, withinTime } from './timeout.ts'

/** Makes the client of the account's queues. Nothing is sent yet. */
export function queueService(access: StorageAccess): QueueServiceClient {
  const options: StoragePipelineOptions = {
    retryOptions: { ...QUEUE_AND_BLOB_RETRIES, tryTimeoutInMs: OPERATION_TIMEOUT_MS },
  }
  return access.kind === 'identity'
    ? new QueueServiceClient(access.queueServiceUri, access.credential, options)
    : QueueServiceClient.fromConnectionString(access.connectionString, options)
}

/**
 * The queues that messages are sent to; each is created on first use when missing.
 *
 * @param count over how many queues orders are spread
 * @param milliseconds one operation may take
 */
export function storageOrderQueues(
  queues: QueueServiceClient,
  count: number,
  milliseconds?: number,
): OrderQueues {
  const clients = new Map<string, QueueClient>()
  const client = (name: string) => {
    const known = clients.get(name) ?? queues.getQueueClient(name)
    clients.set(name, known)
    return known
  }
  return {
    send: (message, orderId) => sendBytes(client(orderQueueOf(orderId, count)), message, milliseconds),
    poison: (message) => sendBytes(client(POISON_QUEUE), message, milliseconds),
  }
}

/**
 * The queue of an order: `orders-<n>`, n being the last 4 bytes of SHA-256(id), as a number with the most significant byte
 * first, modulo `count`. Other systems can compute it, too. A message without an order's id goes to `orders`, and so does
 * every message when `count` is 1.
 */
export function orderQueueOf(orderId: string | undefined, count: number): string {
  if (orderId === undefined) return ORDERS_QUEUE
  const hash = createHash('sha256').update(orderId).digest().readUInt32BE(28)
  return numberedQueues(count)[hash % count] ?? ORDERS_QUEUE
}

function sendBytes(queue: QueueClient, message: Uint8Array, milliseconds?: number): Promise<void> {
  // Base64 is what the Functions host reads queue messages as unless host.json says otherwise.
  return sendText(queue, Buffer.from(message).toString('base64'), milliseconds)
}

/** Sends a text, never to expire. Creates the queue when it is missing. */
export async function sendText(queue: QueueClient, text: string, milliseconds?: number): Promise<void> {
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
