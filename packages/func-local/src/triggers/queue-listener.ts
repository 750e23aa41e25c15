import type { Clock } from '../clock.ts'
import type { Log } from '../host/log.ts'
import { reasonOf, type StorageTarget } from '../storage/errors.ts'
import { decodeMessage } from '../storage/queue-encoding.ts'
import type { QueueOptions } from '../storage/queue-options.ts'
import { queueNameFault } from '../storage/names.ts'
import { createOutageReport } from '../storage/outage.ts'
import type { MessageQueue, QueueMessage } from '../storage/queues.ts'
import type { MessageInfo } from './queue.ts'

/** What a listener needs; `run` says whether the function succeeded. */
export interface QueueListenerOptions {
  readonly queueName: string
  /** The name of the connection, for messages. */
  readonly connection: string
  readonly options: QueueOptions
  readonly leaseSeconds: number
  readonly open: (name: string) => Promise<MessageQueue>
  readonly log: Log
  readonly clock: Clock
  readonly run: (body: Buffer, info: MessageInfo) => Promise<boolean>
}

const MIN_POLL_MS = 100
/** How long a stop waits for a receive that storage does not respond to; what it took comes back when its lease ends. */
const RECEIVE_GRACE_MS = 5000
const POISON_SUFFIX = '-poison'
const CATEGORY = 'Host.Queues'

/**
 * Reads one queue and runs the function for each message.
 *
 * The rules are the real host's:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages and
 * https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Common/src/Shared/Queues/QueueProcessor.cs
 * Unlike it, this one keeps going when storage cannot be reached, and gives back on a stop what it has not started.
 */
export function createQueueListener(listener: QueueListenerOptions): {
  start: () => void
  stop: () => Promise<void>
} {
  const { queueName, options, log, clock } = listener
  const target: StorageTarget = { kind: 'queue', name: queueName, connection: listener.connection }
  const poisonName = poisonQueueOf(queueName)
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
      const stopped = new AbortController()
      await Promise.race([loop, receiving.then(() => loop), clock.sleep(RECEIVE_GRACE_MS, stopped.signal)])
      stopped.abort()
      await Promise.all(running)
    },
  }

  async function poll(): Promise<void> {
    let delay = MIN_POLL_MS
    const outage = createOutageReport({ target, verb: 'read', log, clock })
    while (!stopping.signal.aborted) {
      if (running.size > options.newBatchThreshold) {
        await new Promise<void>((resolve) => (slotFree = resolve))
        continue
      }
      let found = 0
      let longest = options.maxPollingInterval
      try {
        found = await takeBatch()
        outage.answered()
      } catch (error) {
        const { kind, longestPause } = outage.failed(error)
        longest = kind === 'permanent' ? longestPause : Math.min(longestPause, longest)
        if (kind === 'permanent') delay = longestPause
      }
      if (found > 0) {
        delay = MIN_POLL_MS
      } else {
        await clock.sleep(Math.min(delay, longest), stopping.signal)
        delay = Math.min(longest, delay * (1.5 + Math.random() / 2))
      }
    }
  }

  /** Dequeues one batch and starts it; returns how many messages there were. */
  async function takeBatch(): Promise<number> {
    const queue = await listener.open(queueName)
    const receive = queue.receive(options.batchSize, listener.leaseSeconds)
    receiving = receive.catch(() => undefined)
    const messages = await receive
    if (stopping.signal.aborted) {
      // Dequeued while the stop came: nothing has run, so they go back at once.
      await Promise.all(messages.map((message) => queue.hide(message.messageId, message.popReceipt, 0)))
      return 0
    }
    for (const message of messages) {
      const work = process(queue, message)
        .catch((error: unknown) => {
          log.warn(
            `Message '${message.messageId}' of queue '${queueName}' could not be settled (${reasonOf(error)}). It is delivered again when its lease ends.`,
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

  async function process(queue: MessageQueue, message: QueueMessage): Promise<void> {
    const body = decodeMessage(message.messageText, options.messageEncoding)
    if (body === undefined) {
      const fate =
        poisonName === undefined
          ? 'it is left hidden, because its queue has no poison queue'
          : `it goes to '${poisonName}' as it is`
      log.warn(
        `Message '${message.messageId}' of queue '${queueName}' is not Base64 text; ${fate}. (Set extensions.queues.messageEncoding to "none" in host.json to read plain text.)`,
      )
      await poison(queue, message, message.popReceipt)
      return
    }
    if (message.dequeueCount > options.maxDequeueCount) {
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
      if (popReceipt !== undefined) await settle(queue, message, popReceipt, succeeded)
    }
  }

  async function settle(
    queue: MessageQueue,
    message: QueueMessage,
    popReceipt: string,
    succeeded: boolean,
  ): Promise<void> {
    if (succeeded) await queue.remove(message.messageId, popReceipt)
    else if (message.dequeueCount >= options.maxDequeueCount) await poison(queue, message, popReceipt)
    // Without a poison queue a failing message would run again and again; it stays hidden until its lease ends.
    else if (poisonName !== undefined)
      await queue.hide(message.messageId, popReceipt, Math.ceil(options.visibilityTimeout / 1000))
  }

  /**
   * Renews the lease at half time for as long as the function runs; `end` gives the receipt that is valid then, `undefined` when
   * somebody else has the message.
   */
  function keepLease(queue: MessageQueue, message: QueueMessage): { end: () => Promise<string | undefined> } {
    let popReceipt: string | undefined = message.popReceipt
    let renewal: Promise<void> = Promise.resolve()
    const renew = async (): Promise<void> => {
      if (popReceipt === undefined) return
      try {
        popReceipt = await queue.hide(message.messageId, popReceipt, listener.leaseSeconds)
      } catch (error) {
        log.warn(
          `The lease of message '${message.messageId}' of queue '${queueName}' could not be renewed (${reasonOf(error)}).`,
        )
      }
    }
    const end = clock.every((listener.leaseSeconds * 1000) / 2, () => {
      renewal = renewal.then(renew)
    })
    return {
      end: async () => {
        end()
        await renewal
        return popReceipt
      },
    }
  }

  async function poison(queue: MessageQueue, message: QueueMessage, popReceipt: string): Promise<void> {
    if (poisonName === undefined) return
    // First the copy, then the delete: a crash in between leaves a duplicate, never a loss.
    await (await listener.open(poisonName)).send(message.messageText)
    log.write(
      CATEGORY,
      'warning',
      `Message has reached MaxDequeueCount of ${options.maxDequeueCount}. Moving message to queue '${poisonName}'.`,
    )
    await queue.remove(message.messageId, popReceipt)
  }
}

/** The poison queue of a queue; a poison queue has none, nor has one whose name would be too long. */
export function poisonQueueOf(queueName: string): string | undefined {
  const name = queueName + POISON_SUFFIX
  return queueName.endsWith(POISON_SUFFIX) || queueNameFault(name) !== undefined ? undefined : name
}
