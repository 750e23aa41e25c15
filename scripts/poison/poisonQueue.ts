import {
  RestError,
  type DequeuedMessageItem,
  type QueueClient,
  type QueueServiceClient,
} from '@azure/storage-queue'
import { base64Bytes, isCopiable } from '../../src/storage/base64.ts'
import { POISON_QUEUE } from '../../src/storage/names.ts'
import { ownQueues } from '../../src/storage/ownQueues.ts'
import { concurrently } from './concurrently.ts'
import { STORAGE_CALL_MS, storageCall } from './storageCall.ts'

/** A message on a poison queue. */
export interface PoisonMessage {
  /** The poison queue that it is on. */
  readonly queue: string
  /** The queue message's own id. */
  readonly messageId: string
  /** The text as it lies in the queue. */
  readonly text: string
  /** The bytes that the app would get, or undefined when the text is not Base64: the app would never get it. */
  readonly bytes: Uint8Array | undefined
  readonly insertedAt: Date
  /** When storage deletes it, or undefined when it never does. */
  readonly expiresAt: Date | undefined
  /** How often it was received before. */
  readonly dequeueCount: number
}

/** The poison queues, or one of them, while one command works on them. */
export interface PoisonQueue {
  /** How many messages there were at the start, those that others hold included. */
  readonly total: number
  /**
   * Every message that was there at the start and that nobody else holds, each once, in batches. Messages that come
   * while the command runs, its own copies among them, are passed over: a loop through the app would never end.
   */
  batches(): AsyncGenerator<readonly PoisonMessage[]>
  /** Puts a message at the end of `orders-poison`, never to expire, with the same bytes. */
  keep(message: PoisonMessage): Promise<void>
  /** Deletes a message. Answers false when somebody else has it now, or it is gone. */
  remove(message: PoisonMessage): Promise<boolean>
  /** Makes what was received and not removed visible again. */
  release(): Promise<void>
}

/** As many as storage hands out at a time. https://learn.microsoft.com/rest/api/storageservices/get-messages */
const BATCH = 32

/** What a time to live of -1 looks like: an expiry at the end of all time. */
const NEVER = Date.UTC(9999, 0)

/**
 * Opens `orders-poison`, and the poison queues that the host has made for numbered queues, as one.
 *
 * @throws StorageTroubleError
 */
export async function openPoisonQueue(
  queues: QueueServiceClient,
  holdSeconds: number,
  stopped: () => boolean,
): Promise<PoisonQueue> {
  const { poison } = await storageCall(`open ${POISON_QUEUE}`, () => ownQueues(queues, STORAGE_CALL_MS))
  const byName = new Map<string, PoisonQueue>()
  for (const name of poison) {
    byName.set(name, await openOne(queues.getQueueClient(name), holdSeconds, stopped))
  }
  const opened = [...byName.values()]
  return {
    total: opened.reduce((sum, { total }) => sum + total, 0),
    async *batches() {
      for (const queue of opened) yield* queue.batches()
    },
    async keep(message) {
      if (message.queue !== POISON_QUEUE) {
        await storageCall(`create ${POISON_QUEUE}`, (abortSignal) =>
          queues.getQueueClient(POISON_QUEUE).createIfNotExists({ abortSignal }),
        )
      }
      await byName.get(POISON_QUEUE)?.keep(message)
    },
    remove: async (message) => (await byName.get(message.queue)?.remove(message)) ?? false,
    async release() {
      for (const queue of opened) await queue.release()
    },
  }
}

/**
 * Opens one poison queue.
 *
 * Storage lets nobody read a whole queue: a peek sees its first 32 messages. So messages are *received*, which hides
 * each for `holdSeconds` and changes nothing else but its dequeue count, and made visible again at the end. Killed
 * before that, they come back by themselves when the time is over: nothing here is deleted but by `remove`.
 *
 * @throws StorageTroubleError
 */
async function openOne(
  queue: QueueClient,
  holdSeconds: number,
  stopped: () => boolean,
): Promise<PoisonQueue> {
  const start = await storageCall(`open ${queue.name}`, (abortSignal) =>
    queue.getProperties({ abortSignal }).catch(unlessMissing),
  )
  // The queue's own clock, and in its own whole seconds.
  const startedAt = start?.date ?? new Date()
  const receipts = new Map<string, string>()
  const seen = new Set<string>()

  return {
    total: start?.approximateMessagesCount ?? 0,

    async *batches() {
      let repeated = 0
      // Messages that are held for longer than the hold time come by again. All of them in a row: nothing new is left.
      while (start !== undefined && !stopped() && repeated <= receipts.size) {
        const items = await storageCall(`read ${queue.name}`, async (abortSignal) => {
          const options = { numberOfMessages: BATCH, visibilityTimeout: holdSeconds, abortSignal }
          return (await queue.receiveMessages(options)).receivedMessageItems
        })
        if (items.length === 0) return
        const fresh = items.filter(({ messageId }) => !seen.has(messageId))
        repeated = fresh.length > 0 ? 0 : repeated + items.length
        for (const { messageId, popReceipt } of items) {
          seen.add(messageId)
          receipts.set(messageId, popReceipt)
        }
        const old = fresh.filter(({ insertedOn }) => insertedOn.getTime() <= startedAt.getTime())
        if (old.length > 0) yield old.map((item) => toMessage(queue.name, item))
      }
    },

    async keep({ text, bytes }) {
      const copy = bytes === undefined ? text : Buffer.from(bytes).toString('base64')
      const { messageId } = await storageCall(`put a copy on ${queue.name}`, (abortSignal) =>
        queue.sendMessage(copy, { messageTimeToLive: -1, abortSignal }),
      )
      seen.add(messageId)
    },

    async remove({ messageId }) {
      const receipt = receipts.get(messageId)
      if (receipt === undefined) return false
      receipts.delete(messageId)
      return storageCall(`delete a message from ${queue.name}`, (abortSignal) =>
        queue.deleteMessage(messageId, receipt, { abortSignal }).then(() => true, unlessGone),
      )
    },

    async release() {
      const held = [...receipts]
      receipts.clear()
      // About in the order in which they came: that is the order in which they are seen next time.
      await concurrently(held, async ([messageId, receipt]) => {
        await storageCall(`make a message of ${queue.name} visible again`, (abortSignal) =>
          queue.updateMessage(messageId, receipt, undefined, 0, { abortSignal }).then(() => true, unlessGone),
        )
      })
    },
  }
}

/** Whether a copy of the message is known to have its bytes. */
export function canBeCopied({ text, bytes }: PoisonMessage): boolean {
  return bytes !== undefined || isCopiable(text)
}

function toMessage(queue: string, item: DequeuedMessageItem): PoisonMessage {
  return {
    queue,
    messageId: item.messageId,
    text: item.messageText,
    bytes: base64Bytes(item.messageText),
    insertedAt: item.insertedOn,
    expiresAt: item.expiresOn.getTime() >= NEVER ? undefined : item.expiresOn,
    dequeueCount: item.dequeueCount - 1,
  }
}

// https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes
function unlessMissing(error: unknown): undefined {
  if (!(error instanceof RestError) || error.code !== 'QueueNotFound') throw error
}

function unlessGone(error: unknown): false {
  const gone = ['MessageNotFound', 'PopReceiptMismatch', 'QueueNotFound']
  if (!(error instanceof RestError) || !gone.includes(error.code ?? '')) throw error
  return false
}
