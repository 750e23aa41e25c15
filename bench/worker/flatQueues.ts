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

interface MessageStore {
  insertMessage(message: Message): Promise<void>
  getMessages(
    account: string,
    queue: string,
    timeNextVisible: Date,
    popReceipt: string,
    count?: number,
    now?: Date,
  ): Promise<readonly Message[]>
  updateMessage(message: Message, popReceipt: string): Promise<void>
  deleteMessage(account: string, queue: string, messageId: string, popReceipt: string): Promise<void>
  getMessagesCount(account: string, queue: string): Promise<number>
}

interface ErrorFactory {
  getMessageNotFound(): Error
  getPopReceiptMismatch(): Error
}

const azurite = createRequire(createRequire(import.meta.url).resolve('azurite/package.json'))
const { default: store } = azurite('./dist/src/queue/persistence/LokiQueueMetadataStore.js') as {
  readonly default: { readonly prototype: MessageStore }
}
const { default: errors } = azurite('./dist/src/queue/errors/StorageErrorFactory.js') as {
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
  insertMessage: async (message) => {
    await Promise.resolve()
    messagesOf(message.accountName, message.queueName).set(message.messageId, { ...message })
  },
  getMessages: async (account, queue, timeNextVisible, popReceipt, count = 1, now = new Date()) => {
    await Promise.resolve()
    const taken: Message[] = []
    for (const message of messagesOf(account, queue).values()) {
      if (message.timeNextVisible > now) continue
      Object.assign(message, { timeNextVisible, popReceipt, dequeueCount: message.dequeueCount + 1 })
      taken.push({ ...message })
      if (taken.length === count) break
    }
    return taken
  },
  updateMessage: async (change, popReceipt) => {
    await Promise.resolve()
    const message = held(messagesOf(change.accountName, change.queueName), change.messageId, popReceipt)
    // A change of the lease alone names no content.
    const given = Object.entries(change).filter(([, value]) => value !== undefined)
    Object.assign(message, Object.fromEntries(given))
  },
  deleteMessage: async (account, queue, messageId, popReceipt) => {
    await Promise.resolve()
    const messages = messagesOf(account, queue)
    held(messages, messageId, popReceipt)
    messages.delete(messageId)
  },
  getMessagesCount: async (account, queue) => {
    await Promise.resolve()
    return messagesOf(account, queue).size
  },
} satisfies MessageStore)
