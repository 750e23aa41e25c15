import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { QueueClient } from '@azure/storage-queue'
import { startAzurite, type Azurite } from 'testkit/azurite'
import type { QueuedMessage } from '../../src/orders/queueDrain.ts'
import { storageQueueDrain } from '../../src/storage/queueDrain.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

let azurite: Azurite
let behind: TestStorage
let queue: QueueClient

beforeAll(async () => {
  azurite = await startAzurite({})
  behind = testStorage(azurite.connectionString)
  queue = behind.queue('orders-3')
}, 60_000)

afterAll(() => azurite.stop())

beforeEach(async () => {
  for (const each of [queue, behind.orders, behind.poison]) {
    await each.createIfNotExists()
    await each.clearMessages()
  }
})

const settings = (count: number) => ({
  AzureWebJobsStorage: azurite.connectionString,
  ORDER_QUEUES: String(count),
})
const drainOf = (count: number, milliseconds?: number) => storageQueueDrain(settings(count), milliseconds)
const send = (text: string | Uint8Array) => queue.sendMessage(Buffer.from(text).toString('base64'))
const depth = async (client: QueueClient) => (await client.getProperties()).approximateMessagesCount

/** Keeps what is delivered. */
function deliveries() {
  const all: QueuedMessage[] = []
  const deliver = (message: QueuedMessage) => {
    all.push(message)
    return Promise.resolve()
  }
  return { all, deliver }
}

test('every message of a queue that no function consumes is delivered with what is known of it, and deleted', async () => {
  const bytes = Uint8Array.of(0, 255, 10, 13)
  const { messageId } = await send(bytes)
  for (let number = 0; number < 40; number++) await send(`{"id":"d${number}"}`)
  const { all, deliver } = deliveries()
  const drain = await drainOf(2)
  expect(await drain.drain(['orders', 'orders-3', 'orders-poison'], deliver)).toStrictEqual([
    { queue: 'orders-3', messages: 41 },
  ])
  expect(new Set(all.map(({ message }) => Buffer.from(message).toString('hex'))).size).toBe(41)
  expect(all.find((delivered) => delivered.messageId === messageId)).toStrictEqual({
    message: Buffer.from(bytes),
    messageId,
    dequeueCount: 1,
    insertedAt: expect.any(Date),
  })
  expect(await depth(queue)).toBe(0)
})

test.each([
  ['a queue that has a function', 4, 'orders-3'],
  ['orders', 1, 'orders'],
  ['a poison queue', 1, 'orders-poison'],
  ['a queue that is not the app’s', 1, 'orders-32'],
])('%s is left alone', async (_, count, name) => {
  const client = behind.queue(name)
  await client.createIfNotExists()
  await client.sendMessage('eA==')
  const { all, deliver } = deliveries()
  expect(await (await drainOf(count)).drain([name], deliver)).toStrictEqual([])
  expect(all).toStrictEqual([])
  expect(await depth(client)).toBe(1)
})

test('a message whose delivery fails stays, hidden until the next try, and the others are delivered', async () => {
  await send('bad')
  await send('good')
  const drain = await drainOf(1)
  const tried: string[] = []
  const deliver = ({ message }: QueuedMessage) => {
    tried.push(Buffer.from(message).toString())
    return String(tried.at(-1)) === 'bad' ? Promise.reject(new Error('unavailable')) : Promise.resolve()
  }
  expect(await drain.drain(['orders-3'], deliver)).toStrictEqual([{ queue: 'orders-3', messages: 1 }])
  expect(tried.sort()).toStrictEqual(['bad', 'good'])
  expect(await depth(queue)).toBe(1)
  expect((await queue.receiveMessages()).receivedMessageItems).toStrictEqual([])
})

test('when nothing of a batch can be delivered, the deliveries of the rest are not used up', async () => {
  for (let number = 0; number < 40; number++) await send(String(number))
  let tried = 0
  const fail = () => {
    tried++
    return Promise.reject(new Error('unavailable'))
  }
  await (await drainOf(1)).drain(['orders-3'], fail)
  expect(tried).toBe(32)
})

test('nothing is received when the time is up', async () => {
  await send('later')
  const { all, deliver } = deliveries()
  expect(await (await drainOf(1, 0)).drain(['orders-3'], deliver)).toStrictEqual([
    { queue: 'orders-3', messages: 0 },
  ])
  expect(all).toStrictEqual([])
})

test('a text that is not Base64 goes to orders-poison as it is, never to expire', async () => {
  await queue.sendMessage('no Base64 <&>')
  const { all, deliver } = deliveries()
  expect(await (await drainOf(1)).drain(['orders-3'], deliver)).toStrictEqual([
    { queue: 'orders-3', messages: 1 },
  ])
  expect(all).toStrictEqual([])
  const { receivedMessageItems } = await behind.poison.receiveMessages()
  expect(
    receivedMessageItems.map(({ messageText, expiresOn }) => [messageText, expiresOn.getUTCFullYear()]),
  ).toStrictEqual([['no Base64 <&>', 9999]])
})

test('a text of which no exact copy can be made stays, and the failure is reported when the rest is done', async () => {
  await queue.sendMessage('no Base64 &#38;#xD;')
  await send('good')
  const { all, deliver } = deliveries()
  await expect((await drainOf(1)).drain(['orders-3'], deliver)).rejects.toThrow(
    'of orders-3 is not Base64, and no exact copy can be made',
  )
  expect(all).toHaveLength(1)
  expect(await depth(queue)).toBe(1)
})

test('storage that does not respond is an error', async () => {
  const connection = azurite.connectionString.replace(
    /QueueEndpoint=[^;]*/,
    'QueueEndpoint=http://127.0.0.1:9/x',
  )
  const drain = await storageQueueDrain({ AzureWebJobsStorage: connection })
  await expect(drain.drain(['orders-3'], deliveries().deliver)).rejects.toThrow()
})
