import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { settingsOf, type Settings } from '../src/config/settings.ts'
import { openChangeFeed, type FeedStart } from '../src/storage/cosmos.ts'
import { startFakeCosmos, type CosmosRequest, type FakeCosmos } from './harness/fake-cosmos.ts'

// What the emulator has not: a container of two partitions.

/** In whole seconds, as Cosmos DB counts. */
const NOW = Math.floor(Date.now() / 1000)
const PLACE = { connection: 'COSMOS', database: 'd', container: 'c' }

let account: FakeCosmos
let settings: Settings
/** The items of each partition, in the order of their changes. */
let partitions: Record<string, { id: string; _ts: number }[]>

beforeEach(async () => {
  account = await startFakeCosmos(2)
  settings = settingsOf(new Map([['COSMOS', account.connectionString]]))
  account.respond = ({ headers }: CosmosRequest) => {
    const items = partitions[String(headers['x-ms-documentdb-partitionkeyrangeid'])] ?? []
    const since = Date.parse(String(headers['if-modified-since'] ?? '')) / 1000
    const etag = headers['if-none-match']
    const from = etag === '*' ? items.length : Number(String(etag ?? '0').replaceAll('"', '')) || 0
    const found = items.slice(from).filter(({ _ts }) => Number.isNaN(since) || _ts > since)
    const next = { etag: `"${items.length}"` }
    return found.length === 0
      ? { status: 304, headers: next }
      : { status: 200, headers: next, body: { _rid: 'r', Documents: found, _count: found.length } }
  }
})
afterEach(() => account.stop())

/** Reads a page, and then as a host does that was started again with the page's continuation. */
async function afterRestart(start: FeedStart): Promise<{ first: string[]; then: string[] }> {
  const ids = (items: readonly unknown[]): string[] => items.map((item) => (item as { id: string }).id)
  const { items, continuation } = await openChangeFeed(settings, PLACE, undefined, start, undefined).next()
  const restarted = openChangeFeed(settings, PLACE, undefined, start, continuation)
  const then: string[] = []
  for (;;) {
    const page = await restarted.next()
    if (page.items.length === 0) return { first: ids(items), then }
    then.push(...ids(page.items))
  }
}

describe('a feed that goes on after a restart, when it has read one partition of two', () => {
  test('has what the other one had, from the beginning', async () => {
    partitions = { 0: [{ id: 'a', _ts: NOW - 900 }], 1: [{ id: 'b', _ts: NOW - 800 }] }
    expect(await afterRestart('beginning')).toEqual({ first: ['a'], then: ['b'] })
  })

  test('has of the other one what was changed since the time it began at', async () => {
    partitions = {
      0: [{ id: 'old 0', _ts: NOW - 900 }, { id: 'a', _ts: NOW - 100 }],
      1: [{ id: 'old 1', _ts: NOW - 900 }, { id: 'b', _ts: NOW - 100 }, { id: 'c', _ts: NOW - 50 }],
    } // prettier-ignore
    expect(await afterRestart(new Date((NOW - 500) * 1000))).toEqual({ first: ['a'], then: ['b', 'c'] })
  })

  test('reads on over what is older', async () => {
    partitions = { 0: [{ id: 'a', _ts: NOW - 100 }], 1: [{ id: 'old', _ts: NOW - 900 }] }
    expect(await afterRestart(new Date((NOW - 500) * 1000))).toEqual({ first: ['a'], then: [] })
  })
})
