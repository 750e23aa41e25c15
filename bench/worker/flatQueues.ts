import { createRequire } from 'node:module'

// Loaded into Azurite before itself: queues whose operations cost the same however many messages wait. Azurite 3.37 sorts
// whole indexes for each batch that is received, and before every operation looks for messages that have expired and, also
// when there are none, sorts every index anew (`clearExpiredMessages`: `coll.remove([])`). At ten thousand messages it does
// little else. Here each queue is a map, oldest first; what a benchmark doesn't do, expiry and peeking, is left out.

interface Message {
  readonly accountName: string
  readonly queueName: string
  readonly messageId: string
  popReceipt: string
  timeNextVisible: Date
  dequeueCount: number
}

/** What Azurite awaits of its store. */
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

const require = createRequire(import.meta.url)
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

/** @throws when there is no such message, or somebody else has it now */
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
    // A change of the lease alone names no content.
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
