import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { CosmosClient } from '@azure/cosmos'
import { cosmosConnectionString } from 'testkit/cosmos'
import { cosmosStore } from '../../scripts/orders/cosmosStore.ts'
import { cosmosClient } from '../../src/storage/cosmos.ts'
import {
  startScriptedStorage,
  type ScriptedStorage,
  type StorageRequest,
  type StorageResponse,
} from '../support/scriptedStorage.ts'

// How an export reads a container of two ranges: its feed has no end, because somebody writes to it, or Cosmos DB has too much to
// do. What an export makes of it on the emulator is in test/integration/cosmosOrders.test.ts.

/** What the clock of the account says when the export begins. */
const BEGUN = Date.UTC(2026, 0, 2, 12)

let server: ScriptedStorage
let client: CosmosClient
let feed: (request: StorageRequest, range: string) => StorageResponse

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  headers: { date: new Date(BEGUN).toUTCString(), ...headers },
  body: JSON.stringify(body),
})

const item = (id: string, secondsAfter: number) => ({
  id,
  item: 'widget',
  quantity: 1,
  status: 'processed',
  message: 'Order for widget processed!',
  processedAt: '2026-01-02T12:00:00.000Z',
  _ts: BEGUN / 1000 + secondsAfter,
})

const page = (etag: string, ...items: readonly object[]) =>
  json(200, { _rid: 'r', Documents: items, _count: items.length }, { etag })

beforeEach(async () => {
  server = await startScriptedStorage()
  const locations = [{ name: 'Here', databaseAccountEndpoint: `http://127.0.0.1:${server.port}/` }]
  const ranges = [
    { id: '0', minInclusive: '', maxExclusive: '7F' },
    { id: '1', minInclusive: '7F', maxExclusive: 'FF' },
  ]
  server.respond((request) => {
    const { path, headers } = request
    if (path === '/') return json(200, { writableLocations: locations, readableLocations: locations })
    if (path.endsWith('/pkranges')) return json(200, { _rid: 'r', PartitionKeyRanges: ranges, _count: 2 })
    if (path.endsWith('/docs')) return feed(request, String(headers['x-ms-documentdb-partitionkeyrangeid']))
    return json(200, { id: 'orders', _rid: 'r', partitionKey: { paths: ['/id'], kind: 'Hash' } })
  })
  client = await cosmosClient({ CosmosDb: cosmosConnectionString(server.port) })
})

afterEach(async () => {
  client.dispose()
  await server.close()
})

async function exported(): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const { entities } of cosmosStore(client, '', false).pages(undefined, 2)) {
    ids.push(...entities.map(({ rowKey }) => rowKey))
  }
  return ids
}

it('each range ends with what was written after the start, or with its end', async () => {
  const asked: string[] = []
  feed = ({ headers }, range) => {
    const from = Number(String(headers['if-none-match'] ?? '0').replaceAll('"', ''))
    asked.push(`${range} from ${from}`)
    if (range === '1') return from === 0 ? page('"1"', item('there', -60)) : json(304, '', { etag: '"1"' })
    // Each request takes as long as somebody needs for two orders more.
    return page(`"${from + 2}"`, item(`a${from}`, from * 3 - 60), item(`a${from + 1}`, from * 3 - 57))
  }
  const ids = await exported()
  expect(ids).toEqual([...Array.from({ length: 26 }, (_, n) => `a${n}`), 'there'])
  expect(asked).toEqual([...Array.from({ length: 13 }, (_, n) => `0 from ${n * 2}`), '1 from 0', '1 from 1'])
})

it('a request that is refused with 429 is made again after the time that Cosmos DB asks for', async () => {
  const times: number[] = []
  feed = (_, range) => {
    if (range === '0') return json(304, '', { etag: '"0"' })
    times.push(performance.now())
    return times.length === 1
      ? json(429, { code: '429', message: 'scripted' }, { 'x-ms-retry-after-ms': '300' })
      : times.length === 2
        ? page('"1"', item('there', 0))
        : json(304, '', { etag: '"1"' })
  }
  expect(await exported()).toEqual(['there'])
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(299)
})
