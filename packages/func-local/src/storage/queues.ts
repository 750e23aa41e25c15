import type { QueueServiceClient, StoragePipelineOptions } from '@azure/storage-queue'
import type { Settings } from '../config/settings.ts'
import { connectionKey, resolveConnection } from './connection.ts'
import { isCode } from './errors.ts'

/** A message that has been dequeued. */
export interface QueueMessage {
  readonly messageId: string
  readonly popReceipt: string
  readonly messageText: string
  readonly dequeueCount: number
  readonly insertedOn: Date
  readonly expiresOn: Date
  readonly nextVisibleOn: Date
}

/** A queue as the host uses it. */
export interface MessageQueue {
  /** Dequeues messages and hides them for a while; none when there is no such queue. */
  readonly receive: (count: number, leaseSeconds: number) => Promise<readonly QueueMessage[]>
  /** Sends a message's text, to a queue that is created when it is missing. */
  readonly send: (text: string) => Promise<void>
  /** Hides a message for so long from now; gives its new pop receipt, or `undefined` when somebody else has the message, or it is gone. */
  readonly hide: (id: string, popReceipt: string, seconds: number) => Promise<string | undefined>
  /** Deletes a message, unless somebody else has it, or it is gone. */
  readonly remove: (id: string, popReceipt: string) => Promise<void>
}

const clients = new Map<string, Promise<QueueServiceClient>>()

// Few and quick: callers have a back-off of their own, and a developer should see soon that Azurite is not running.
const PIPELINE: StoragePipelineOptions = {
  retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}

/** Opens a queue of a connection. Nothing is sent yet. The SDK is loaded on first use, and clients are shared. */
export async function openQueue(
  settings: Settings,
  connection: string | undefined,
  name: string,
): Promise<MessageQueue> {
  const queue = (await queueService(settings, connection)).getQueueClient(name)
  return {
    receive: async (count, leaseSeconds) => {
      try {
        const received = await queue.receiveMessages({
          numberOfMessages: count,
          visibilityTimeout: leaseSeconds,
        })
        return received.receivedMessageItems
      } catch (error) {
        if (isCode(error, 'QueueNotFound')) return []
        throw error
      }
    },
    send: async (text) => {
      try {
        await queue.sendMessage(text)
      } catch (error) {
        if (!isCode(error, 'QueueNotFound')) throw error
        await queue.createIfNotExists()
        await queue.sendMessage(text)
      }
    },
    hide: async (id, popReceipt, seconds) => {
      try {
        return (await queue.updateMessage(id, popReceipt, undefined, seconds)).popReceipt ?? popReceipt
      } catch (error) {
        if (isGone(error)) return undefined
        throw error
      }
    },
    remove: async (id, popReceipt) => {
      try {
        await queue.deleteMessage(id, popReceipt)
      } catch (error) {
        if (!isGone(error)) throw error
      }
    },
  }
}

/** https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes */
function isGone(error: unknown): boolean {
  return isCode(error, 'MessageNotFound', 'PopReceiptMismatch', 'QueueNotFound', 'QueueBeingDeleted')
}

/** The client of a connection's queues; the SDK is loaded on first use, and clients are shared. */
export function queueService(
  settings: Settings,
  connection: string | undefined,
): Promise<QueueServiceClient> {
  const key = connectionKey(settings, connection)
  let client = clients.get(key)
  if (client === undefined) {
    client = open(settings, connection)
    clients.set(key, client)
    client.catch(() => clients.delete(key))
  }
  return client
}

async function open(settings: Settings, name: string | undefined): Promise<QueueServiceClient> {
  const { QueueServiceClient } = await import('@azure/storage-queue')
  const connection = resolveConnection(settings, name)
  return connection.kind === 'connectionString'
    ? QueueServiceClient.fromConnectionString(connection.value, PIPELINE)
    : new QueueServiceClient(connection.serviceUri('queue'), await connection.credential(), PIPELINE)
}
