import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { BlobServiceClient } from '@azure/storage-blob'
import { connectionString, startAzurite, type Azurite } from 'testkit/azurite'
import { startFaultProxy, type FaultProxy } from 'testkit/faultProxy'
import host from '../../host.json' with { type: 'json' }
import { parseRecord } from '../../src/orders/order.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

// The app as main.ts and composition.ts put it together, over the storage that the environment names.

let azurite: Azurite
let proxy: FaultProxy
let behind: TestStorage
const requests: string[] = []
const before = process.env['AzureWebJobsStorage']

beforeAll(async () => {
  azurite = await startAzurite({})
  const { blob, queue, table } = azurite.ports
  proxy = await startFaultProxy({
    upstreamPort: table,
    choose: ({ method, path }) => {
      requests.push(`${method} ${decodeURIComponent(path)}`)
      return { kind: 'pass' }
    },
  })
  behind = testStorage(azurite.connectionString)
  process.env['AzureWebJobsStorage'] = connectionString({ blob, queue, table: proxy.port })
}, 60_000)

afterAll(async () => {
  if (before === undefined) delete process.env['AzureWebJobsStorage']
  else process.env['AzureWebJobsStorage'] = before
  await proxy.close()
  await azurite.stop()
})

test('the warm-up opens the connection to the table: it reads what no order can be', async () => {
  // Outside of a Functions host the library says that there is none.
  for (const level of ['warn', 'debug'] as const)
    jest.spyOn(console, level).mockImplementation(() => undefined)
  const { warmedUp } = await import('../../src/main.ts')
  await warmedUp
  jest.restoreAllMocks()
  expect(requests).toStrictEqual([expect.stringMatching(/^GET .*RowKey='warm up'/)])
})

test('an order without an id is stored under a new UUID, at the time it is placed', async () => {
  const { service } = await import('../../src/composition.ts')
  const begun = new Date().toISOString()
  const placed = await service.place({ item: 'widget', quantity: 1 })
  expect(placed.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(placed.processedAt >= begun).toBe(true)
  expect(placed.processedAt <= new Date().toISOString()).toBe(true)
  expect(parseRecord(placed.id, (await behind.entity(placed.id)) ?? {})).toStrictEqual(placed)
})

test('an order is accepted for the queue', async () => {
  const { service } = await import('../../src/composition.ts')
  await service.accept({ id: 'accepted', item: 'widget', quantity: 1 })
  const { peekedMessageItems } = await behind.orders.peekMessages()
  expect(
    peekedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString()),
  ).toStrictEqual(['{"id":"accepted","item":"widget","quantity":1}'])
})

test('the queues are measured by one meter', async () => {
  const { queueMeter } = await import('../../src/composition.ts')
  const meter = await queueMeter()
  expect((await meter.measure()).map(({ queue, depth }) => [queue, depth])).toStrictEqual([
    ['orders', 1],
    ['orders-poison', 0],
  ])
  expect(await queueMeter()).toBe(meter)
})

test('queues that have no function any more are drained, by one drain', async () => {
  const { queueDrain } = await import('../../src/composition.ts')
  const left = behind.queue('orders-0')
  await left.create()
  await left.sendMessage('eA==')
  const drain = await queueDrain()
  expect(await drain.drain(['orders-0'], () => Promise.resolve())).toStrictEqual([
    { queue: 'orders-0', messages: 1 },
  ])
  expect(await queueDrain()).toBe(drain)
})

test('a file of orders is imported, and reported on', async () => {
  const { importer } = await import('../../src/composition.ts')
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString)
  const imports = blobs.getContainerClient('imports')
  await imports.create()
  await imports.getBlockBlobClient('a.jsonl').uploadData(Buffer.from('{"id":"imported","item":"widget"}'))
  const begun = new Date().toISOString()
  const run = await importer()
  const result = await run('a.jsonl', () => undefined)
  expect(result).toMatchObject({ outcome: 'complete', report: { file: 'a.jsonl', lines: 1, processed: 1 } })
  expect('report' in result && result.report.startedAt >= begun).toBe(true)
  expect(await behind.entity('imported')).toMatchObject({ item: 'widget', status: 'processed' })
})

test('the last delivery is the one that host.json says', async () => {
  const { maxDequeueCount } = await import('../../src/composition.ts')
  expect(maxDequeueCount).toBe(host.extensions.queues.maxDequeueCount)
})
