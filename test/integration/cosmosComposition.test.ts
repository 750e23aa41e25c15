import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { CosmosClient, type Container } from '@azure/cosmos'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { startCosmos, type CosmosEmulator } from 'testkit/cosmos'
import { orderEvent } from '../../src/orders/events.ts'
import { parseRecord } from '../../src/orders/order.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

// The app as main.ts and composition.ts put it together when its records are in Cosmos DB.

let azurite: Azurite
let cosmos: CosmosEmulator
let client: CosmosClient
let container: Container
let behind: TestStorage
const before = { ...process.env }

beforeAll(async () => {
  ;[azurite, cosmos] = await Promise.all([startAzurite({}), startCosmos()])
  client = new CosmosClient(cosmos.connectionString)
  container = client.database('orders').container('orders')
  behind = testStorage(azurite.connectionString)
  Object.assign(process.env, {
    ORDER_STORE: 'cosmos',
    CosmosDb: cosmos.connectionString,
    AzureWebJobsStorage: azurite.connectionString,
  })
})

afterAll(async () => {
  process.env = before
  client.dispose()
  await Promise.all([azurite.stop(), cosmos.stop()])
})

const stored = async (id: string) => {
  const { resource } = await container.item(id, id).read<Record<string, unknown>>()
  return resource && parseRecord(id, resource)
}

test('the app loads, and warms up with Cosmos DB', async () => {
  // Outside of a Functions host the library says that there is none.
  for (const level of ['warn', 'debug'] as const)
    jest.spyOn(console, level).mockImplementation(() => undefined)
  const { warmedUp } = await import('../../src/main.ts')
  await warmedUp
  jest.restoreAllMocks()
  const { warmUp } = await import('../../src/composition.ts')
  const { cosmosStorage } = await import('../../src/storage/cosmos.ts')
  expect(await warmUp.loadStore()).toBe(cosmosStorage)
})

test('an order is placed, accepted and processed in Cosmos DB, and its messages are on the queues', async () => {
  const { service } = await import('../../src/composition.ts')
  const placed = await service.place({ item: 'widget', quantity: 1 })
  expect(await stored(placed.id)).toStrictEqual(placed)
  const accepted = await service.accept({ id: 'a1', item: 'widget', quantity: 2 })
  expect(await stored('a1')).toStrictEqual(accepted)
  const { peekedMessageItems } = await behind.orders.peekMessages()
  const message = Buffer.from(peekedMessageItems[0]?.messageText ?? '', 'base64')
  const { outcome } = await service.process({ message, messageId: 'm1', last: false })
  expect(outcome).toBe('processed')
  expect((await stored('a1'))?.status).toBe('processed')
  expect(await service.get('a1')).toStrictEqual(await stored('a1'))
  await service.process({ message: Buffer.from('nonsense'), messageId: 'm2', last: false })
  expect(await behind.poisoned()).toStrictEqual([Buffer.from('nonsense')])
  expect(await behind.table.getEntity('x', 'x').catch((error: unknown) => error)).toMatchObject({
    statusCode: 404,
  })
})

test('events about orders are on their queue, which is made on first use, and never expire', async () => {
  const { orderEvents } = await import('../../src/composition.ts')
  const events = await orderEvents()
  const record = parseRecord('a1', { ...(await stored('a1')) })
  await events.send(orderEvent(record))
  const { peekedMessageItems } = await behind.queue('order-events').peekMessages()
  expect(
    peekedMessageItems.map(({ messageText, expiresOn }) => [
      JSON.parse(Buffer.from(messageText, 'base64').toString()) as unknown,
      expiresOn.getUTCFullYear(),
    ]),
  ).toStrictEqual([[JSON.parse(JSON.stringify(orderEvent(record))), 9999]])
  expect(await orderEvents()).toBe(events)
})
