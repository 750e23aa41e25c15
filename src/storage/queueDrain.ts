import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue'
import type { DrainedQueue, QueueDrain, QueuedMessage } from '../orders/queueDrain.ts'
import { storageAccess } from './access.ts'
import { base64Bytes, isCopiable } from './base64.ts'
import { MOST_QUEUES, numberedQueues, POISON_QUEUE } from './names.ts'
import { orderQueueCount } from './queueCount.ts'
import { queueService, sendText } from './queues.ts'
import { withinTime } from './timeout.ts'

/** As many as storage hands out at a time: https://learn.microsoft.com/rest/api/storageservices/get-messages */
const BATCH = 32
/** For so long a message that was received is hidden: more than its processing can take, and the pause before the next try. */
const HIDDEN_SECONDS = 60
/** Less than the five minutes until the next run. */
const TIME_MS = 4 * 60_000

/**
 * Drains, in Azure Storage, the numbered queues that are not among the first `ORDER_QUEUES`.
 *
 * @param milliseconds for which another batch is received
 * @throws StorageSettingsError
 */
export async function storageQueueDrain(
  environment: NodeJS.ProcessEnv,
  milliseconds = TIME_MS,
): Promise<QueueDrain> {
  const service = queueService(await storageAccess(environment))
  const consumed = numberedQueues(orderQueueCount(environment))
  const poison = service.getQueueClient(POISON_QUEUE)

  /** Delivers a message and deletes it. Answers false when it has to be delivered again. */
  async function settle(
    queue: QueueClient,
    item: DequeuedMessageItem,
    deliver: (message: QueuedMessage) => Promise<void>,
  ): Promise<boolean> {
    const { messageId, messageText, popReceipt } = item
    const message = base64Bytes(messageText)
    if (message === undefined) {
      if (!isCopiable(messageText)) {
        throw new Error(`Message ${messageId} of ${queue.name} is not Base64, and no exact copy can be made.`)
      }
      // As the host does with what it can't decode.
      await sendText(poison, messageText)
    } else {
      const { dequeueCount, insertedOn: insertedAt } = item
      const delivered = deliver({ message, messageId, dequeueCount, insertedAt })
      if (
        !(await delivered.then(
          () => true,
          () => false,
        ))
      )
        return false
    }
    await withinTime((abortSignal) => queue.deleteMessage(messageId, popReceipt, { abortSignal }))
    return true
  }

  return {
    async drain(queues, deliver) {
      const end = performance.now() + milliseconds
      const drained: DrainedQueue[] = []
      const failures: unknown[] = []
      const left = numberedQueues(MOST_QUEUES).filter(
        (name) => queues.includes(name) && !consumed.includes(name),
      )
      for (const name of left) {
        const queue = service.getQueueClient(name)
        let messages = 0
        let settled = 1
        // A batch of which nothing could be settled: trying the rest would only use up its deliveries.
        while (settled > 0 && performance.now() < end) {
          const { receivedMessageItems } = await withinTime((abortSignal) =>
            queue.receiveMessages({
              numberOfMessages: BATCH,
              visibilityTimeout: HIDDEN_SECONDS,
              abortSignal,
            }),
          )
          const results = await Promise.allSettled(
            receivedMessageItems.map((item) => settle(queue, item, deliver)),
          )
          settled = results.filter((result) => result.status === 'fulfilled' && result.value).length
          messages += settled
          for (const result of results) if (result.status === 'rejected') failures.push(result.reason)
        }
        drained.push({ queue: name, messages })
      }
      if (failures.length > 0) throw failures[0]
      return drained
    },
  }
}
