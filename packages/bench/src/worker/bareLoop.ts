import { setTimeout as delay } from 'node:timers/promises'
import { TableClient } from '@azure/data-tables'
import { QueueServiceClient, type DequeuedMessageItem } from '@azure/storage-queue'
import type { Order } from '../../../../src/orders/order.ts'
import { processedEntity } from '../processedEntity.ts'

// The least there can be between a queue and a table: receive, insert, delete, with the client libraries as they come.
// It takes messages as the host does: a batch, and the next one when so few are left as the threshold says.
const [connectionString = '', queueName = '', tableName = '', batchSize = '', threshold = ''] =
  process.argv.slice(2)
const LEASE_SECONDS = 600
const IDLE_POLL_MS = 100

const queue = QueueServiceClient.fromConnectionString(connectionString).getQueueClient(queueName)
const table = TableClient.fromConnectionString(connectionString, tableName, { allowInsecureConnection: true })
await queue.createIfNotExists()
await table.createTable()

let running = 0
let slotFree: () => void = () => undefined

async function settle(message: DequeuedMessageItem): Promise<void> {
  const order = JSON.parse(Buffer.from(message.messageText, 'base64').toString()) as Order
  // The client retries what got no response; then the record is there already, or the message gone.
  await table.createEntity(processedEntity(order)).catch(unless(409))
  await queue.deleteMessage(message.messageId, message.popReceipt).catch(unless(404))
}

function unless(status: number): (error: unknown) => void {
  return (error) => {
    if ((error as { statusCode?: number }).statusCode !== status) throw error
  }
}

process.send?.('ready')
process.on('disconnect', () => process.exit(0))
for (;;) {
  if (running > Number(threshold)) {
    await new Promise<void>((resolve) => (slotFree = resolve))
    continue
  }
  const { receivedMessageItems } = await queue.receiveMessages({
    numberOfMessages: Number(batchSize),
    visibilityTimeout: LEASE_SECONDS,
  })
  if (receivedMessageItems.length === 0) await delay(IDLE_POLL_MS)
  for (const message of receivedMessageItems) {
    running++
    void settle(message).finally(() => {
      running--
      if (running <= Number(threshold)) slotFree()
    })
  }
}
