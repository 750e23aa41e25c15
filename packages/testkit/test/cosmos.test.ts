import { once } from 'node:events'
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import {
  ChangeFeedStartFrom,
  CosmosClient,
  type Container,
  type ChangeFeedPullModelIterator,
} from '@azure/cosmos'
import { ChangeLog } from '../src/cosmosChanges.ts'
import { cosmosPort, CosmosStartError, startCosmos, type CosmosEmulator } from '../src/cosmos.ts'

/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment -- the library's own ways to start are no subclasses */

// The emulator, as the client library of Cosmos DB sees it. The change feed is its own: the server behind it has none.

let emulator: CosmosEmulator
let client: CosmosClient
let container: Container
let made = 0

beforeAll(async () => {
  emulator = await startCosmos()
  client = new CosmosClient(emulator.connectionString)
  await client.databases.create({ id: 'shop' })
})

afterAll(async () => {
  client.dispose()
  await emulator.stop()
})

const containerOf = async (of: CosmosClient, id: string) =>
  (await of.database('shop').containers.createIfNotExists({ id, partitionKey: { paths: ['/kind'] } }))
    .container

beforeEach(async () => {
  container = await containerOf(client, `things-${++made}`)
})

const put = (...ids: readonly string[]) =>
  Promise.all(ids.map((id) => container.items.upsert({ id, kind: 'a', version: ++made })))

/** Its value is not looked at. */
const SIGNED = { authorization: 'type=master&ver=1.0&sig=a' }

/** The status of a request as it is sent on the wire. */
async function statusOf(address: string, headers: OutgoingHttpHeaders = {}): Promise<number | undefined> {
  const sent = request({
    ...{ host: '127.0.0.1', port: emulator.port, path: address, agent: false },
    headers: { ...SIGNED, ...headers },
  }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response.statusCode
}

interface Thing {
  readonly id: string
  readonly kind: string
  readonly _lsn: number
}
type Feed = ChangeFeedPullModelIterator<Thing>

/** Reads the feed to its present end: the ids in each page. */
async function pages(feed: Feed): Promise<string[][]> {
  const read: string[][] = []
  for (;;) {
    const page = await feed.readNext()
    if (page.statusCode === 304) return read
    read.push((page.result as Thing[]).map(({ id }) => id))
  }
}

const feed = (
  options: { from?: ChangeFeedStartFrom | undefined; most?: number; of?: Container } = {},
): Feed => {
  const changeFeedStartFrom = options.from ?? ChangeFeedStartFrom.Beginning()
  return (options.of ?? container).items.getChangeFeedIterator<Thing>({
    changeFeedStartFrom,
    ...(options.most !== undefined && { maxItemCount: options.most }),
  })
}

describe('the change feed', () => {
  it('has nothing before anything is written', async () => {
    expect(await pages(feed())).toStrictEqual([])
  })

  it('has every item that was written, in that order, and then what was written since', async () => {
    for (const id of ['b', 'a', 'c']) await put(id)
    const reader = feed()
    expect(await pages(reader)).toStrictEqual([['b', 'a', 'c']])
    expect(await pages(reader)).toStrictEqual([])
    await put('a')
    await put('d')
    expect(await pages(reader)).toStrictEqual([['a', 'd']])
    expect(await pages(reader)).toStrictEqual([])
  })

  it('has each item once, as it is now, where its last change was', async () => {
    for (const id of ['a', 'b', 'a']) await put(id)
    const { result } = await feed().readNext()
    expect(result).toMatchObject([{ id: 'b' }, { id: 'a', version: made }])
  })

  it('comes in pages, each of which goes on where the one before ended', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) await put(id)
    expect(await pages(feed({ most: 2 }))).toStrictEqual([['a', 'b'], ['c', 'd'], ['e']])
  })

  it('goes on for another reader with the continuation of the first one', async () => {
    for (const id of ['a', 'b', 'c']) await put(id)
    const { continuationToken } = await feed({ most: 2 }).readNext()
    const from = ChangeFeedStartFrom.Continuation(continuationToken)
    expect(await pages(feed({ from }))).toStrictEqual([['c']])
    // The same again: a continuation is not used up.
    await put('a')
    expect(await pages(feed({ from }))).toStrictEqual([['c', 'a']])
  })

  it('begins now, if it is asked for that', async () => {
    await put('a')
    const reader = feed({ from: ChangeFeedStartFrom.Now() })
    expect(await pages(reader)).toStrictEqual([])
    await put('b')
    expect(await pages(reader)).toStrictEqual([['b']])
  })

  it('begins at a time, if it is asked for that', async () => {
    await put('a')
    const hour = 60 * 60 * 1000
    expect(await pages(feed({ from: ChangeFeedStartFrom.Time(new Date(Date.now() - hour)) }))).toStrictEqual([
      ['a'],
    ])
    expect(await pages(feed({ from: ChangeFeedStartFrom.Time(new Date(Date.now() + hour)) }))).toStrictEqual(
      [],
    )
  })

  it('is that of one partition, if it is asked for one', async () => {
    await container.items.create({ id: 'a', kind: 'a' })
    await container.items.create({ id: 'b', kind: 'b' })
    expect(await pages(feed({ from: ChangeFeedStartFrom.Beginning('b') }))).toStrictEqual([['b']])
  })

  it('is that of one container', async () => {
    const other = await containerOf(client, `things-${++made}`)
    await put('a')
    await other.items.create({ id: 'x', kind: 'a' })
    expect(await pages(feed())).toStrictEqual([['a']])
    expect(await pages(feed({ of: other }))).toStrictEqual([['x']])
  })

  it('has creations, replacements, upserts, patches and batches, and nothing of a write that was refused', async () => {
    await container.items.create({ id: 'created', kind: 'a' })
    await container.items.create({ id: 'replaced', kind: 'a' })
    await container.items.create({ id: 'patched', kind: 'a' })
    const reader = feed()
    await pages(reader)
    await expect(container.items.create({ id: 'created', kind: 'a' })).rejects.toMatchObject({ code: 409 })
    await expect(
      container
        .item('created', 'a')
        .replace(
          { id: 'created', kind: 'a' },
          { accessCondition: { type: 'IfMatch', condition: 'another' } },
        ),
    ).rejects.toMatchObject({ code: 412 })
    expect(await pages(reader)).toStrictEqual([])
    await container.item('replaced', 'a').replace({ id: 'replaced', kind: 'a', new: true })
    await container.item('patched', 'a').patch([{ op: 'add', path: '/new', value: true }])
    await put('upserted')
    await container.items.batch(
      [{ operationType: 'Create', resourceBody: { id: 'batched', kind: 'a' } }],
      'a',
    )
    expect(await pages(reader)).toStrictEqual([['replaced', 'patched', 'upserted', 'batched']])
  })

  it('has no item that was deleted', async () => {
    await put('a')
    await put('b')
    const reader = feed()
    await container.item('a', 'a').delete()
    expect(await pages(reader)).toStrictEqual([['b']])
    await put('a')
    expect(await pages(reader)).toStrictEqual([['a']])
  })

  it('of another mode is refused: this emulator has none', async () => {
    const response = await fetch(
      `http://127.0.0.1:${emulator.port}${new URL(`http://h/${container.url}/docs`).pathname}`,
      {
        headers: { ...SIGNED, 'a-im': 'Full-Fidelity Feed' },
      },
    )
    expect(response.status).toBe(400)
  })
})

test('a log of changes has every item once, also after thousands of changes, and forgets what is no more', () => {
  const log = new ChangeLog()
  const ids = Array.from({ length: 40 }, (_, i) => `item-${i}`)
  for (let round = 0; round < 100; round++) for (const id of ids) log.written({ id, _rid: id, _ts: 1 })
  log.deleted('item-7')
  const read: string[] = []
  for (let from = 0; ;) {
    const { changes, lsn } = log.after(from, 7, () => true)
    if (changes.length === 0) break
    read.push(...changes.map(({ item }) => item.id))
    from = lsn
  }
  expect(read).toStrictEqual(ids.filter((id) => id !== 'item-7'))
  expect(log.last).toBe(4000)
  expect(log.current).toHaveLength(39)
})

describe('the emulator', () => {
  it('says where it is, by the address at which it was asked', async () => {
    expect(await client.getReadEndpoint()).toBe(`http://127.0.0.1:${emulator.port}/`)
    expect(cosmosPort(emulator.connectionString)).toBe(emulator.port)
  })

  it('says of an item whose container is missing that it is the container', async () => {
    const missing = client.database('shop').container('missing')
    const response = await fetch(`http://127.0.0.1:${emulator.port}/${missing.url}/docs`, {
      method: 'POST',
      body: '{"id":"a"}',
      headers: { ...SIGNED, 'x-ms-documentdb-partitionkey': '["a"]' },
    })
    expect([response.status, response.headers.get('x-ms-substatus')]).toStrictEqual([404, '1003'])
    expect((await missing.item('a', 'a').read()).statusCode).toBe(404)
  })

  it.each<[string, number, OutgoingHttpHeaders]>([
    ['a client on this machine', 200, {}],
    ['one that names it', 200, { host: 'localhost:8081' }],
    ['one that takes its other address', 200, { host: '[::1]' }],
    ['a page of the internet, which cannot set authorization', 401, { authorization: '' }],
    ['a page whose name resolves to this machine', 403, { host: 'evil.example:8081' }],
    ['one that hides it', 403, { host: '127.0.0.1.evil.example' }],
  ])('to %s it responds with %i', async (_, status, headers) => {
    expect(await statusOf(`/${container.url}/docs`, headers)).toBe(status)
  })

  it.each(['/dbs/%zz', '/%', '/dbs/shop/colls/%E0%A4/docs', '//', '/dbs/shop/colls/orders/docs/%c3%28'])(
    'to the malformed address %s it responds with an error, and goes on',
    async (address) => {
      expect(await statusOf(address)).toBeGreaterThanOrEqual(400)
      await put('a')
    },
  )

  it('answers queries', async () => {
    await put('a', 'b')
    const { resources } = await container.items.query('SELECT c.id FROM c ORDER BY c.id').fetchAll()
    expect(resources).toStrictEqual([{ id: 'a' }, { id: 'b' }])
  })

  it('does not start on a port that is in use, and says so', async () => {
    await expect(startCosmos({ port: emulator.port })).rejects.toThrow(CosmosStartError)
    await expect(startCosmos({ port: emulator.port })).rejects.toThrow('EADDRINUSE')
  })

  it('stops while it starts, when that is asked for', async () => {
    const stop = new AbortController()
    const starting = startCosmos({ signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
    await expect(startCosmos({ signal: stop.signal })).rejects.toThrow('enough')
  })
})

test.each([
  ['AccountEndpoint=http://localhost:8081/;AccountKey=x', 8081],
  ['AccountKey=x;AccountEndpoint=http://127.0.0.1:9000', 9000],
  ['AccountEndpoint=https://localhost:8081/;AccountKey=x', undefined],
  ['AccountEndpoint=https://shop.documents.azure.com:443/;AccountKey=x', undefined],
  ['', undefined],
])('the port of an emulator like this one that %j names is %s', (connection, port) => {
  expect(cosmosPort(connection)).toBe(port)
})

describe('with a folder', () => {
  let folder: string
  let running: CosmosEmulator
  let reader: CosmosClient

  const start = async () => {
    running = await startCosmos({ location: folder })
    reader = new CosmosClient(running.connectionString)
  }

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'cosmos-'))
    await start()
    await reader.databases.create({ id: 'shop' })
    container = await containerOf(reader, 'kept')
  })

  afterEach(async () => {
    reader.dispose()
    await running.stop()
    await rm(folder, { recursive: true })
  })

  const restart = async (how: 'stop' | 'kill') => {
    reader.dispose()
    await running[how]()
    await start()
    container = reader.database('shop').container('kept')
  }

  it.each(['stop', 'kill'] as const)('everything that was acknowledged is there after a %s', async (how) => {
    await put('a', 'b', 'c')
    await put('b')
    await container.item('c', 'a').delete()
    const { resource: before } = await container.item('b', 'a').read<object>()
    await restart(how)
    expect((await container.item('b', 'a').read()).resource).toStrictEqual(before)
    expect((await container.item('c', 'a').read()).statusCode).toBe(404)
  })

  it('a continuation goes on after a restart, also when what was changed last is gone', async () => {
    for (const id of ['a', 'b', 'c']) await put(id)
    const first = feed({ most: 1 })
    const { continuationToken } = await first.readNext()
    await pages(first)
    const { continuationToken: atEnd } = await first.readNext()
    await container.item('c', 'a').delete()
    for (let restarts = 0; restarts < 2; restarts++) {
      await restart('kill')
      expect(await pages(feed({ from: ChangeFeedStartFrom.Continuation(continuationToken) }))).toStrictEqual([
        ['b'],
      ])
    }
    const from = ChangeFeedStartFrom.Continuation(atEnd)
    expect(await pages(feed({ from }))).toStrictEqual([])
    await put('d')
    expect(await pages(feed({ from }))).toStrictEqual([['d']])
  })

  it('what was deleted with its container stays deleted, and a new container is another one', async () => {
    await put('a')
    const { resource: before } = await container.read()
    await container.delete()
    container = await containerOf(reader, 'kept')
    await put('b')
    await restart('kill')
    expect(await pages(feed())).toStrictEqual([['b']])
    expect((await container.read()).resource?._rid).not.toBe(before?._rid)
  })

  it('a write that was cut off in the journal was not acknowledged, and is left out', async () => {
    await put('a')
    await running.kill()
    const journal = path.join(folder, 'cosmos.jsonl')
    await writeFile(journal, `${await readFile(journal, 'utf8')}{"in":"/dbs/`)
    await start()
    container = reader.database('shop').container('kept')
    expect(await pages(feed())).toStrictEqual([['a']])
  })
})
