import type { OrderEvents } from '../orders/events.ts'
import { storageAccess } from './access.ts'
import { EVENTS_QUEUE } from './names.ts'
import { queueService, sendText } from './queues.ts'

/**
 * Events about orders on the queue `order-events`, each a JSON text as Base64, which is how the Functions host reads messages.
 * The queue is created on first use when it is missing; what it is sent never expires.
 *
 * @param milliseconds sending one may take
 * @throws StorageSettingsError
 */
export async function storageOrderEvents(
  environment: NodeJS.ProcessEnv,
  milliseconds?: number,
): Promise<OrderEvents> {
  const queue = queueService(await storageAccess(environment)).getQueueClient(EVENTS_QUEUE)
  return {
    send: (event) => sendText(queue, Buffer.from(JSON.stringify(event)).toString('base64'), milliseconds),
  }
}
