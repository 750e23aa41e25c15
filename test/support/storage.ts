import { TableClient } from '@azure/data-tables'
import { QueueServiceClient, type QueueClient } from '@azure/storage-queue'
import { ORDERS_QUEUE, ORDERS_TABLE, POISON_QUEUE } from '../../src/storage/names.ts'
import { partitionKey } from '../../src/storage/tables.ts'

/** Access to the app's storage for tests, without the app. */
export interface TestStorage {
  readonly table: TableClient
  readonly orders: QueueClient
  readonly poison: QueueClient
  /** Another queue of the account. */
  queue(name: string): QueueClient
  /** The stored entity of an order, or undefined. */
  entity(id: string): Promise<Record<string, unknown> | undefined>
  /** Sends a message to `orders`, and creates the queue if it is missing. Returns the message's id. */
  push(message: string | Uint8Array): Promise<string>
  /** The messages on `orders-poison`, decoded. */
  poisoned(): Promise<Buffer[]>
}

/** Access to the storage of a connection string. */
export function testStorage(connectionString: string): TestStorage {
  const queues = QueueServiceClient.fromConnectionString(connectionString)
  const orders = queues.getQueueClient(ORDERS_QUEUE)
  const poison = queues.getQueueClient(POISON_QUEUE)
  const table = TableClient.fromConnectionString(connectionString, ORDERS_TABLE, {
    allowInsecureConnection: true,
  })
  return {
    table,
    orders,
    poison,
    queue: (name) => queues.getQueueClient(name),
    async entity(id) {
      try {
        return await table.getEntity(partitionKey(id), id)
      } catch (error) {
        if ((error as { statusCode?: number }).statusCode === 404) return undefined
        throw error
      }
    },
    async push(message) {
      await orders.createIfNotExists()
      const { messageId } = await orders.sendMessage(Buffer.from(message).toString('base64'))
      return messageId
    },
    async poisoned() {
      if (!(await poison.exists())) return []
      const { peekedMessageItems } = await poison.peekMessages({ numberOfMessages: 32 })
      return peekedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64'))
    },
  }
}
