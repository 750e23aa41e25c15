import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { storageQueueMeter } from '../../src/storage/queueMeter.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

let azurite: Azurite
let behind: TestStorage

beforeAll(async () => {
  azurite = await startAzurite({})
  behind = testStorage(azurite.connectionString)
}, 60_000)

afterAll(() => azurite.stop())

async function measured() {
  const meter = await storageQueueMeter({ AzureWebJobsStorage: azurite.connectionString })
  return meter.measure()
}

test('a queue that is not there yet is empty', async () => {
  expect(await measured()).toStrictEqual([
    { queue: 'orders', depth: 0 },
    { queue: 'orders-poison', depth: 0 },
  ])
})

test('depth and age are measured without receiving a message', async () => {
  for (const item of ['a', 'b', 'c']) await behind.push(`{"item":"${item}"}`)
  await behind.poison.createIfNotExists()
  await behind.poison.sendMessage('eA==')
  for (let again = 0; again < 2; again++) {
    expect(await measured()).toStrictEqual([
      { queue: 'orders', depth: 3, oldestSeconds: expect.any(Number) },
      { queue: 'orders-poison', depth: 1, oldestSeconds: expect.any(Number) },
    ])
  }
  const { receivedMessageItems: received } = await behind.orders.receiveMessages({ numberOfMessages: 32 })
  expect(received.map(({ dequeueCount }) => dequeueCount)).toStrictEqual([1, 1, 1])
  // They are in process now: counted, and out of sight.
  expect(await measured()).toContainEqual({ queue: 'orders', depth: 3 })
})

test('the numbered queues that exist are measured, with the poison queues that the host has made for them', async () => {
  const numbered = behind.queue('orders-17')
  await numbered.create()
  await numbered.sendMessage('eA==')
  await behind.queue('orders-17-poison').create()
  // Not of this app.
  for (const name of ['orders-32', 'orders-archive', 'orders-017']) await behind.queue(name).create()
  const queues = (await measured()).map(({ queue, depth }) => ({ queue, depth }))
  expect(queues.slice(1)).toStrictEqual([
    { queue: 'orders-17', depth: 1 },
    { queue: 'orders-poison', depth: 1 },
    { queue: 'orders-17-poison', depth: 0 },
  ])
  expect(queues[0]?.queue).toBe('orders')
})

test('storage that does not respond is an error', async () => {
  const meter = await storageQueueMeter({
    AzureWebJobsStorage: azurite.connectionString.replace(
      /QueueEndpoint=[^;]*/,
      'QueueEndpoint=http://127.0.0.1:9/x',
    ),
  })
  await expect(meter.measure()).rejects.toThrow()
})
