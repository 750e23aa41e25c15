import { RestError, type DequeuedMessageItem, type QueueClient } from '@azure/storage-queue'
import { concurrently } from './concurrently.ts'
import { storageCall } from './storageCall.ts'

/** A message on `orders-poison`. */
export interface PoisonMessage {
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

/** The poison queue, while one command works on it. */
export interface PoisonQueue {
  /** How many messages there were at the start, those that others hold included. */
  readonly total: number
  /**
   * Every message that was there at the start and that nobody else holds, each once, in batches. Messages that come
   * while the command runs, its own copies among them, are passed over: a loop through the app would never end.
   */
  batches(): AsyncGenerator<readonly PoisonMessage[]>
  /** Puts a message at the end of the queue again, never to expire, with the same bytes. */
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
 * Opens the poison queue.
 *
 * Storage lets nobody read a whole queue: a peek sees its first 32 messages. So messages are *received*, which hides
 * each for `holdSeconds` and changes nothing else but its dequeue count, and made visible again at the end. Killed
 * before that, they come back by themselves when the time is over: nothing here is deleted but by `remove`.
 *
 * @throws StorageTroubleError
 */
export async function openPoisonQueue(
  queue: QueueClient,
  holdSeconds: number,
  stopped: () => boolean,
): Promise<PoisonQueue> {
  const start = await storageCall('open orders-poison', (abortSignal) =>
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
        const items = await storageCall('read orders-poison', async (abortSignal) => {
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
        if (old.length > 0) yield old.map(toMessage)
      }
    },

    async keep({ text, bytes }) {
      const copy = bytes === undefined ? text : Buffer.from(bytes).toString('base64')
      const { messageId } = await storageCall('put a copy on orders-poison', (abortSignal) =>
        queue.sendMessage(copy, { messageTimeToLive: -1, abortSignal }),
      )
      seen.add(messageId)
    },

    async remove({ messageId }) {
      const receipt = receipts.get(messageId)
      if (receipt === undefined) return false
      receipts.delete(messageId)
      return storageCall('delete a message from orders-poison', (abortSignal) =>
        queue.deleteMessage(messageId, receipt, { abortSignal }).then(() => true, unlessGone),
      )
    },

    async release() {
      const held = [...receipts]
      receipts.clear()
      // About in the order in which they came: that is the order in which they are seen next time.
      await concurrently(held, async ([messageId, receipt]) => {
        await storageCall('make a message of orders-poison visible again', (abortSignal) =>
          queue.updateMessage(messageId, receipt, undefined, 0, { abortSignal }).then(() => true, unlessGone),
        )
      })
    },
  }
}

/**
 * Whether a copy of the message is known to have its bytes. A carriage return in a text that is not Base64 reaches us
 * as a reference (`&#xD;`) that the client library leaves as it is, and would be written as those five characters.
 */
export function canBeCopied({ text, bytes }: PoisonMessage): boolean {
  return bytes !== undefined || !/\r|&#(?:x[0-9a-f]+|\d+);/i.test(text)
}

function toMessage(item: DequeuedMessageItem): PoisonMessage {
  return {
    messageId: item.messageId,
    text: item.messageText,
    bytes: decoded(item.messageText),
    insertedAt: item.insertedOn,
    expiresAt: item.expiresOn.getTime() >= NEVER ? undefined : item.expiresOn,
    dequeueCount: item.dequeueCount - 1,
  }
}

/**
 * What the host makes of a text: .NET reads Base64 with white space in it.
 * https://learn.microsoft.com/dotnet/api/system.convert.frombase64string
 */
function decoded(text: string): Uint8Array | undefined {
  const compact = text.replaceAll(/[ \t\r\n]|&#xD;/gi, '')
  const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact)
  return valid ? Buffer.from(compact, 'base64') : undefined
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
