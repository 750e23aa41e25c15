import { RestError, type QueueClient } from '@azure/storage-queue'
import type { QueueMeasurement, QueueMeter } from '../orders/queueMeter.ts'
import { storageAccess } from './access.ts'
import { ownQueues } from './ownQueues.ts'
import { queueService } from './queues.ts'
import { withinTime } from './timeout.ts'

/** As many as storage shows at a time: https://learn.microsoft.com/rest/api/storageservices/peek-messages */
const PEEKED = 32

/**
 * Measures the app's queues in Azure Storage, by a peek and a read of their properties: no message is received, and no
 * dequeue count changes.
 *
 * A peek shows the visible messages at the front of the queue, which are the oldest ones unless a message was made visible
 * again. A message in process is counted, and its age is not seen.
 *
 * @throws StorageSettingsError
 */
export async function storageQueueMeter(environment: NodeJS.ProcessEnv): Promise<QueueMeter> {
  const service = queueService(await storageAccess(environment))
  return {
    async measure() {
      const { orders, poison } = await ownQueues(service)
      return Promise.all([...orders, ...poison].map((name) => measurement(service.getQueueClient(name))))
    },
  }
}

async function measurement(client: QueueClient): Promise<QueueMeasurement> {
  const queue = client.name
  try {
    const [properties, peeked] = await withinTime((abortSignal) =>
      Promise.all([
        client.getProperties({ abortSignal }),
        client.peekMessages({ numberOfMessages: PEEKED, abortSignal }),
      ]),
    )
    const oldest = Math.min(...peeked.peekedMessageItems.map(({ insertedOn }) => insertedOn.getTime()))
    return {
      queue,
      depth: properties.approximateMessagesCount ?? 0,
      ...(Number.isFinite(oldest) && { oldestSeconds: ageInSeconds(oldest, peeked.date) }),
    }
  } catch (error) {
    // A queue is created on first use: https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes
    if (error instanceof RestError && error.code === 'QueueNotFound') return { queue, depth: 0 }
    throw error
  }
}

/** By the clock of storage, which wrote the time of insertion. */
function ageInSeconds(insertedAt: number, now = new Date()): number {
  return Math.max(0, Math.round((now.getTime() - insertedAt) / 1000))
}
