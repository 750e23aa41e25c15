import { createRequire } from 'node:module'

// Loaded into the Azurite process before Azurite. Only this file uses Azurite's private classes, and it is written for one
// version of them.
//
// - In memory: every minute Azurite's queue service frees the space of deleted messages. In memory that is one entry per
//   message, and each removal sorts the index of all entries again (`MemoryExtentStore.deleteExtents`). After some hundred
//   messages it does not respond for seconds, after some thousand for minutes. Tests and benchmarks end before they need the
//   space, so the interval is set to the maximum.
// - `?flatQueues`: Azurite sorts whole indexes for each batch that is received, and before every operation it searches for expired
//   messages and sorts every index even if there are none (`clearExpiredMessages`: `coll.remove([])`). With ten thousand
//   messages it does little else. Here each queue is a map, oldest message first. Expiry and peeking are not implemented,
//   because benchmarks do not use them.
// - `?saveOnlyAtStop`: every 5 s Azurite's database (LokiJS) turns all that it holds into one JSON text when anything has changed,
//   and does nothing else meanwhile. `close` still saves. The index sorting of `clearExpiredMessages` is left out here as well.

const KNOWN_VERSION = '3.37.'

const require = createRequire(import.meta.url)
const { version } = require('azurite/package.json') as { readonly version: string }
if (!version.startsWith(KNOWN_VERSION)) {
  throw new Error(
    `packages/testkit/src/azuriteInternals.ts is written for Azurite ${KNOWN_VERSION}x, but ${version} is installed. ` +
      'Check the private classes it replaces against that version, then change KNOWN_VERSION.',
  )
}

const LONGEST_INTERVAL_MS = 2 ** 31 - 1
const constants = require('azurite/dist/src/queue/utils/constants.js') as { DEFAULT_GC_INTERVAL_MS: number }
constants.DEFAULT_GC_INTERVAL_MS = LONGEST_INTERVAL_MS

const { searchParams } = new URL(import.meta.url)
if (searchParams.has('flatQueues')) replaceQueueStore()
if (searchParams.has('saveOnlyAtStop')) saveOnlyAtStop()

interface Message {
  readonly accountName: string
  readonly queueName: string
  readonly messageId: string
  popReceipt: string
  timeNextVisible: Date
  dequeueCount: number
}

/** The part of Azurite's store that is replaced. */
interface MessageStore {
  insertMessage(message: Message): void
  getMessages(
    account: string,
    queue: string,
    timeNextVisible: Date,
    popReceipt: string,
    count?: number,
    now?: Date,
  ): readonly Message[]
  updateMessage(message: Message, popReceipt: string): void
  deleteMessage(account: string, queue: string, messageId: string, popReceipt: string): void
  getMessagesCount(account: string, queue: string): number
}

interface ErrorFactory {
  getMessageNotFound(): Error
  getPopReceiptMismatch(): Error
}

/** The part of Azurite's database that is replaced. */
interface Database {
  readonly prototype: { autosave: boolean; autosaveEnable: () => void }
  readonly Collection: { readonly prototype: { remove: (documents: unknown) => unknown } }
}

/** Ends the database's regular saves, and the work of removing nothing. */
function saveOnlyAtStop(): void {
  const { prototype, Collection } = createRequire(require.resolve('azurite/package.json'))(
    'lokijs',
  ) as Database
  prototype.autosaveEnable = function () {
    // `close` saves if this is set.
    this.autosave = true
  }
  const { remove } = Collection.prototype
  Collection.prototype.remove = function (documents) {
    return Array.isArray(documents) && documents.length === 0 ? undefined : remove.call(this, documents)
  }
}

/** Replaces the store of the queue service: operations take the same time however many messages wait. */
function replaceQueueStore(): void {
  const { default: store } = require('azurite/dist/src/queue/persistence/LokiQueueMetadataStore.js') as {
    readonly default: { readonly prototype: MessageStore }
  }
  const { default: errors } = require('azurite/dist/src/queue/errors/StorageErrorFactory.js') as {
    readonly default: ErrorFactory
  }

  const queues = new Map<string, Map<string, Message>>()

  function messagesOf(account: string, queue: string): Map<string, Message> {
    const key = `${account}/${queue}`
    const messages = queues.get(key) ?? new Map<string, Message>()
    queues.set(key, messages)
    return messages
  }

  /** @throws if there is no such message, or another consumer has received it since */
  function held(messages: Map<string, Message>, messageId: string, popReceipt: string): Message {
    const message = messages.get(messageId)
    if (message === undefined) throw errors.getMessageNotFound()
    if (message.popReceipt !== popReceipt) throw errors.getPopReceiptMismatch()
    return message
  }

  Object.assign(store.prototype, {
    insertMessage: (message) => {
      messagesOf(message.accountName, message.queueName).set(message.messageId, { ...message })
    },
    getMessages: (account, queue, timeNextVisible, popReceipt, count = 1, now = new Date()) => {
      const taken: Message[] = []
      for (const message of messagesOf(account, queue).values()) {
        if (message.timeNextVisible > now) continue
        Object.assign(message, { timeNextVisible, popReceipt, dequeueCount: message.dequeueCount + 1 })
        taken.push({ ...message })
        if (taken.length === count) break
      }
      return taken
    },
    updateMessage: (change, popReceipt) => {
      const message = held(messagesOf(change.accountName, change.queueName), change.messageId, popReceipt)
      // An update of the visibility timeout has no content.
      const given = Object.entries(change).filter(([, value]) => value !== undefined)
      Object.assign(message, Object.fromEntries(given))
    },
    deleteMessage: (account, queue, messageId, popReceipt) => {
      const messages = messagesOf(account, queue)
      held(messages, messageId, popReceipt)
      messages.delete(messageId)
    },
    getMessagesCount: (account, queue) => messagesOf(account, queue).size,
  } satisfies MessageStore)
}
