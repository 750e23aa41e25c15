import { createRequire } from 'node:module'

// Loaded into Azurite before itself: queues whose operations cost the same however many messages wait. Azurite 3.37 sorts
// whole indexes for each message that is received, and before every operation looks for messages that have expired and,
// also when there are none, sorts every index anew (`clearExpiredMessages`: `coll.remove([])`). At ten thousand messages it
// does little else. What replaces it here does the same for a benchmark, whose messages never expire and become visible in
// the order in which they come.

interface Message {
  readonly accountName: string
  readonly queueName: string
  timeNextVisible: number
  popReceipt: string
  dequeueCount: number
}
interface MessageStore {
  readonly db: {
    getCollection(name: string): {
      readonly data: readonly Message[]
      update(messages: readonly Message[]): void
    }
  }
  readonly MESSAGES_COLLECTION: string
  init(): Promise<void>
  checkQueueExist(account: string, queue: string, context: unknown): void
  messageCopy(message: Message): Message
  clearExpiredMessages(): Promise<void>
  getMessages(
    account: string,
    queue: string,
    timeNextVisible: Date,
    popReceipt: string,
    count?: number,
    now?: Date,
    context?: unknown,
  ): Promise<readonly Message[]>
}

const azurite = createRequire(createRequire(import.meta.url).resolve('azurite/package.json'))
const { default: store } = azurite('./dist/src/queue/persistence/LokiQueueMetadataStore.js') as {
  readonly default: { readonly prototype: MessageStore }
}

const init = Reflect.get(store.prototype, 'init') as () => Promise<void>
store.prototype.init = async function (this: MessageStore) {
  await init.call(this)
  const { binaryIndices } = this.db.getCollection(this.MESSAGES_COLLECTION)
  // These have one value each, or none: they find nothing, and are kept in order for each message that goes.
  for (const name of ['accountName', 'queueName', 'visibleTime']) Reflect.deleteProperty(binaryIndices, name)
}

store.prototype.clearExpiredMessages = () => Promise.resolve()

store.prototype.getMessages = function (
  this: MessageStore,
  account,
  queue,
  timeNextVisible,
  popReceipt,
  count = 1,
  now = new Date(),
  context,
) {
  this.checkQueueExist(account, queue, context)
  const messages = this.db.getCollection(this.MESSAGES_COLLECTION)
  const taken: Message[] = []
  for (const message of messages.data) {
    if (taken.length === count) break
    if (message.queueName !== queue || message.accountName !== account) continue
    if (message.timeNextVisible <= now.getTime()) taken.push(message)
  }
  for (const message of taken) {
    message.timeNextVisible = timeNextVisible.getTime()
    message.popReceipt = popReceipt
    message.dequeueCount++
  }
  return Promise.resolve(taken.map((message) => this.messageCopy(message)))
}
