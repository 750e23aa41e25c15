import { setTimeout as sleep } from 'node:timers/promises'
import type { DequeuedMessageItem, QueueClient, QueueServiceClient } from '@azure/storage-queue'
import type { Log } from '../host/log.ts'
import { isCode, reasonOf } from '../storage/errors.ts'
import { decodeMessage } from '../storage/queue-encoding.ts'
import type { QueueOptions } from '../storage/queue-options.ts'
import type { MessageInfo } from './queue.ts'

/** What a listener needs; `run` says whether the function succeeded. */
export interface QueueListenerOptions {
  readonly queueName: string
  readonly options: QueueOptions
  readonly leaseSeconds: number
  readonly service: () => Promise<QueueServiceClient>
  readonly log: Log
  readonly run: (body: Buffer, info: MessageInfo) => Promise<boolean>
}

const MIN_POLL_MS = 100
const MAX_OUTAGE_POLL_MS = 10_000
/** An emulator that is started together with the host may take this long; until then nothing is wrong. */
const STORAGE_START_MS = 5000
/** How long a stop waits for a receive that storage does not answer; what it took comes back when its lease ends. */
const RECEIVE_GRACE_MS = 5000
const POISON_SUFFIX = '-poison'
const CATEGORY = 'Host.Queues'

/**
 * Reads one queue and runs the function for each message.
 *
 * The rules are the real host's:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages and
 * https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Queues/src/Listeners/QueueListener.cs
 * Unlike it, this one keeps going when storage cannot be reached, and gives back on a stop what it has not started.
 */
export function createQueueListener(listener: QueueListenerOptions): {
  start: () => void
  stop: () => Promise<void>
} {
  const { queueName, options, log } = listener
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  let loop: Promise<void> = Promise.resolve()
  let slotFree: () => void = () => undefined
  let receiving: Promise<unknown> = Promise.resolve()

  return {
    start: () => {
      loop = poll()
    },
    stop: async () => {
      stopping.abort()
      slotFree()
      // An unanswered receive must not hold up the stop for ever.
      await Promise.race([
        loop,
        receiving.then(() => loop),
        sleep(RECEIVE_GRACE_MS, undefined, { ref: false }),
      ])
      await Promise.all(running)
    },
  }

  async function poll(): Promise<void> {
    let delay = MIN_POLL_MS
    let said = false
    const started = performance.now()
    while (!stopping.signal.aborted) {
      if (running.size > options.newBatchThreshold) {
        await new Promise<void>((resolve) => (slotFree = resolve))
        continue
      }
      let found = 0
      let outage = false
      try {
        found = await takeBatch()
        if (said) log.info(`Storage answers again; queue '${queueName}' is being read.`)
        said = false
      } catch (error) {
        outage = true
        if (!said && performance.now() - started > STORAGE_START_MS) {
          said = true
          log.warn(
            `Queue '${queueName}' cannot be read (${reasonOf(error)}). Is the storage (Azurite) running? Trying again until it answers.`,
          )
        }
      }
      if (found > 0) {
        delay = MIN_POLL_MS
      } else {
        await sleep(delay, undefined, { signal: stopping.signal }).catch(() => undefined)
        const longest = outage
          ? Math.min(MAX_OUTAGE_POLL_MS, options.maxPollingInterval)
          : options.maxPollingInterval
        delay = Math.min(longest, delay * (1.5 + Math.random() / 2))
      }
    }
  }

  /** Dequeues one batch and starts it; returns how many messages there were. */
  async function takeBatch(): Promise<number> {
    const queue = (await listener.service()).getQueueClient(queueName)
    const receive = queue.receiveMessages({
      numberOfMessages: options.batchSize,
      visibilityTimeout: listener.leaseSeconds,
    })
    receiving = receive.catch(() => undefined)
    let messages: DequeuedMessageItem[]
    try {
      messages = (await receive).receivedMessageItems
    } catch (error) {
      if (isCode(error, 'QueueNotFound')) return 0
      throw error
    }
    if (stopping.signal.aborted) {
      // Dequeued while the stop came: nothing has run, so they go back at once.
      await Promise.all(messages.map((message) => release(queue, message.messageId, message.popReceipt, 0)))
      return 0
    }
    for (const message of messages) {
      const work = process(queue, message)
        .catch((error: unknown) => {
          log.warn(
            `Message '${message.messageId}' of queue '${queueName}' could not be settled (${reasonOf(error)}). It will be delivered again.`,
          )
        })
        .finally(() => {
          running.delete(work)
          if (running.size <= options.newBatchThreshold) slotFree()
        })
      running.add(work)
    }
    return messages.length
  }

  async function process(queue: QueueClient, message: DequeuedMessageItem): Promise<void> {
    const body = decodeMessage(message.messageText, options.messageEncoding)
    const hasPoisonQueue = !queueName.endsWith(POISON_SUFFIX)
    if (body === undefined) {
      log.warn(
        `Message '${message.messageId}' of queue '${queueName}' is not Base64 text; it goes to '${queueName}${POISON_SUFFIX}' as it is. (Set extensions.queues.messageEncoding to "none" in host.json to read plain text.)`,
      )
      await poison(queue, message, message.popReceipt)
      return
    }
    if (hasPoisonQueue && message.dequeueCount > options.maxDequeueCount) {
      await poison(queue, message, message.popReceipt)
      return
    }
    const lease = keepLease(queue, message)
    let succeeded = false
    try {
      succeeded = await listener.run(body, {
        id: message.messageId,
        popReceipt: message.popReceipt,
        dequeueCount: message.dequeueCount,
        insertedOn: message.insertedOn,
        expiresOn: message.expiresOn,
        nextVisibleOn: message.nextVisibleOn,
      })
    } finally {
      const popReceipt = await lease.end()
      if (succeeded) await remove(queue, message.messageId, popReceipt)
      else if (hasPoisonQueue && message.dequeueCount >= options.maxDequeueCount)
        await poison(queue, message, popReceipt)
      else await release(queue, message.messageId, popReceipt, Math.ceil(options.visibilityTimeout / 1000))
    }
  }

  /** Renews the lease at half time for as long as the function runs; `end` gives the receipt that is valid then. */
  function keepLease(queue: QueueClient, message: DequeuedMessageItem): { end: () => Promise<string> } {
    let popReceipt = message.popReceipt
    let renewal: Promise<void> = Promise.resolve()
    const timer = setInterval(
      () => {
        renewal = renewal.then(async () => {
          try {
            const answer = await queue.updateMessage(
              message.messageId,
              popReceipt,
              undefined,
              listener.leaseSeconds,
            )
            popReceipt = answer.popReceipt ?? popReceipt
          } catch (error) {
            // Someone else has the message now, or it is gone: nothing left to renew.
            if (isGone(error)) clearInterval(timer)
            else
              log.warn(
                `The lease of message '${message.messageId}' of queue '${queueName}' could not be renewed (${reasonOf(error)}).`,
              )
          }
        })
      },
      (listener.leaseSeconds * 1000) / 2,
    )
    return {
      end: async () => {
        clearInterval(timer)
        await renewal
        return popReceipt
      },
    }
  }

  async function poison(queue: QueueClient, message: DequeuedMessageItem, popReceipt: string): Promise<void> {
    if (queueName.endsWith(POISON_SUFFIX)) {
      // There is no poison queue of a poison queue; the message stays where an operator looks for it.
      await release(
        queue,
        message.messageId,
        popReceipt,
        Math.max(1, Math.ceil(options.visibilityTimeout / 1000)),
      )
      return
    }
    const target = (await listener.service()).getQueueClient(`${queueName}${POISON_SUFFIX}`)
    // First the copy, then the delete: a crash in between leaves a duplicate, never a loss.
    try {
      await target.sendMessage(message.messageText)
    } catch (error) {
      if (!isCode(error, 'QueueNotFound')) throw error
      await target.createIfNotExists()
      await target.sendMessage(message.messageText)
    }
    log.write(
      CATEGORY,
      'warning',
      `Message has reached MaxDequeueCount of ${options.maxDequeueCount}. Moving message to queue '${queueName}${POISON_SUFFIX}'.`,
    )
    await remove(queue, message.messageId, popReceipt)
  }

  async function remove(queue: QueueClient, id: string, popReceipt: string): Promise<void> {
    try {
      await queue.deleteMessage(id, popReceipt)
    } catch (error) {
      // The lease was lost while the function ran; whoever has the message now settles it.
      if (!isGone(error)) throw error
    }
  }

  async function release(queue: QueueClient, id: string, popReceipt: string, seconds: number): Promise<void> {
    try {
      await queue.updateMessage(id, popReceipt, undefined, seconds)
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
}

/** https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes */
function isGone(error: unknown): boolean {
  return isCode(error, 'MessageNotFound', 'PopReceiptMismatch', 'QueueNotFound', 'QueueBeingDeleted')
}
