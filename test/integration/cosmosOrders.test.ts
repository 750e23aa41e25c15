import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { CosmosClient, type Container } from '@azure/cosmos'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { cosmosConnectionString, startCosmos, type CosmosEmulator } from 'testkit/cosmos'
import type { OrderRecord } from '../../src/orders/order.ts'
import { createContainer } from '../../src/storage/cosmos.ts'
import { COSMOS_DATABASE, ORDERS_CONTAINER } from '../../src/storage/names.ts'
import { tableOrderRecords, toEntity } from '../../src/storage/tables.ts'
import { faultyWire } from '../support/recordStores.ts'
import { endOf, startScript } from '../support/script.ts'
import { testStorage } from '../support/storage.ts'

// What the commands do with a table is in orders.test.ts.

jest.setTimeout(240_000)

const RECORDS = 300

let azurite: Azurite
let emulator: CosmosEmulator
let wire: Awaited<ReturnType<typeof faultyWire>>
let client: CosmosClient
let container: Container
let folder: string
let file: string

beforeAll(async () => {
  ;[azurite, emulator] = await Promise.all([startAzurite({}), startCosmos()])
  wire = await faultyWire(emulator.port, 'cosmos', /^\/dbs\/orders\/colls\/orders\/docs/)
  client = new CosmosClient(emulator.connectionString)
  container = client.database(COSMOS_DATABASE).container(ORDERS_CONTAINER)
  folder = await mkdtemp(path.join(tmpdir(), 'orders-'))
})

afterAll(async () => {
  client.dispose()
  await wire.close()
  await Promise.all([azurite.stop(), emulator.stop()])
  await rm(folder, { recursive: true, force: true })
})

let files = 0
beforeEach(async () => {
  file = path.join(folder, `${++files}.ndjson`)
  wire.next()
  const { table } = testStorage(azurite.connectionString)
  await table.deleteTable()
  await table.createTable()
  await emptyContainer()
})

async function emptyContainer(): Promise<void> {
  await client
    .database(COSMOS_DATABASE)
    .delete()
    .catch(() => undefined)
}

const start = (store: 'tables' | 'cosmos', ...args: readonly string[]) =>
  startScript('orders.ts', args, {
    connection: azurite.connectionString,
    settings: { ORDER_STORE: store, CosmosDb: cosmosConnectionString(wire.port) },
  })

async function orders(store: 'tables' | 'cosmos', ...args: readonly string[]) {
  const { code, out, error } = await endOf(start(store, ...args))
  return { code, out: out.trim(), error: error.trim() }
}

const accepted = (id: string, extra: object = {}): OrderRecord => ({
  id,
  item: `“widget”\u2028 ${id}`,
  quantity: 3,
  status: 'accepted',
  acceptedAt: '2026-01-02T12:00:00.000Z',
  ...extra,
})

const processed = (id: string, extra: object = {}): OrderRecord => ({
  ...accepted(id),
  status: 'processed',
  message: 'Order processed!',
  processedAt: '2026-01-02T12:00:01.000Z',
  ...extra,
})

const some = Array.from({ length: RECORDS }, (_, i) =>
  i % 10 === 0 ? accepted(`order-${i}`) : processed(`order-${i}`),
)

async function fillTable(records: readonly OrderRecord[]): Promise<void> {
  const port = tableOrderRecords(testStorage(azurite.connectionString).table)
  for (const record of records) expect(await port.create(record)).toStrictEqual({ written: true })
}

/** Every record in the table, by id. */
async function inTable(): Promise<readonly unknown[]> {
  const { table } = testStorage(azurite.connectionString)
  const records: Record<string, unknown>[] = []
  for await (const { etag: _e, timestamp: _t, partitionKey: _p, rowKey, ...fields } of table.listEntities()) {
    records.push({ id: rowKey, ...fields })
  }
  return byId(records)
}

/** Every record in Cosmos DB, by id, without what Cosmos DB adds. */
async function inCosmos(): Promise<readonly unknown[]> {
  const { resources } = await container.items.readAll<Record<string, unknown>>().fetchAll()
  return byId(
    resources.map((item) =>
      Object.fromEntries(Object.entries(item).filter(([name]) => !name.startsWith('_'))),
    ),
  )
}

const byId = (records: readonly Record<string, unknown>[]) =>
  records.toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))

const expected = (records: readonly OrderRecord[]) => byId(records)

async function lines(records: readonly OrderRecord[]): Promise<void> {
  await writeFile(file, records.map((record) => `${JSON.stringify(toEntity(record))}\n`).join(''))
}

describe('records move', () => {
  it('from the table into Cosmos DB, with a kill in the middle, and back', async () => {
    await fillTable(some)
    expect(await orders('tables', 'export', file)).toMatchObject({ code: 0 })

    const child = start('cosmos', 'restore', file)
    const ended = once(child, 'exit')
    const begun = () =>
      inCosmos().then(
        (found) => found.length > 0,
        () => false,
      )
    while (child.exitCode === null && !(await begun())) await delay(2)
    child.kill('SIGKILL')
    expect(await ended).toStrictEqual([null, 'SIGKILL'])

    expect(await orders('cosmos', 'restore', file)).toStrictEqual({
      code: 0,
      out: expect.stringMatching(/^\d+ created, .* 0 refused$/),
      error: '',
    })
    expect(await inCosmos()).toStrictEqual(expected(some))
    expect(await orders('cosmos', 'restore', file)).toMatchObject({
      code: 0,
      out: `0 created, 0 accepted ones now processed, ${RECORDS} there already, 0 processed since, 0 refused`,
    })

    const back = `${file}.back`
    expect(await orders('cosmos', 'export', back, '--page', '50')).toStrictEqual({
      code: 0,
      out: `${RECORDS} records in ${back}`,
      error: '',
    })
    const { table } = testStorage(azurite.connectionString)
    await table.deleteTable()
    expect(await orders('tables', 'restore', back)).toMatchObject({ code: 0 })
    expect(await inTable()).toStrictEqual(expected(some))
  })

  it('twice: what was accepted and processed between two exports arrives, and nothing else changes', async () => {
    await fillTable([accepted('waits'), accepted('advances'), processed('done')])
    await orders('tables', 'export', file)
    await orders('cosmos', 'restore', file)

    const { table } = testStorage(azurite.connectionString)
    await table.updateEntity(toEntity(processed('advances')), 'Replace')
    await fillTable([accepted('came'), processed('came-and-went')])
    await orders('tables', 'export', `${file}.2`)
    expect(await orders('cosmos', 'restore', `${file}.2`)).toMatchObject({
      code: 0,
      // How many were created: a write whose response is late is repeated, and finds its record there already.
      out: expect.stringMatching(/ 0 processed since, 0 refused$/),
    })
    expect(await inCosmos()).toStrictEqual(await inTable())
  })

  it('when Cosmos DB has too much to do: later', async () => {
    await lines(some.slice(0, 40))
    const busy = Array.from({ length: 20 }, () => ({ kind: 'error', status: 429 }) as const)
    wire.next(...busy)
    expect(await orders('cosmos', 'restore', file)).toMatchObject({ code: 0 })
    expect(await inCosmos()).toStrictEqual(expected(some.slice(0, 40)))

    wire.next(...busy.slice(0, 5))
    expect(await orders('cosmos', 'export', `${file}.2`)).toMatchObject({
      code: 0,
      out: `40 records in ${file}.2`,
    })
  })
})

describe('in Cosmos DB', () => {
  it('an accepted record becomes processed, a processed one stays, and what contradicts is refused', async () => {
    await lines([
      accepted('advances'),
      accepted('waits'),
      accepted('other'),
      processed('since'),
      processed('fixed'),
    ])
    await orders('cosmos', 'restore', file)
    await lines([
      processed('new'),
      processed('advances'),
      accepted('waits', { acceptedAt: '2026-01-02T11:00:00.000Z' }),
      processed('other', { item: 'gadget' }),
      accepted('since'),
      processed('fixed', { processedAt: '2026-01-03T12:00:00.000Z' }),
    ])
    const { code, out, error } = await orders('cosmos', 'restore', file)
    expect({ code, out }).toStrictEqual({
      code: 1,
      out: expect.stringMatching(/ 1 processed since, 2 refused$/),
    })
    expect(error).toContain('order other: another order has this id')
    expect(error).toContain('order fixed: it is already processed, with another result')
    expect(await inCosmos()).toStrictEqual(
      expected([
        processed('new'),
        processed('advances'),
        accepted('waits'),
        accepted('other'),
        processed('since'),
        processed('fixed'),
      ]),
    )
  })

  it('what holds no order record is named, and the others are exported', async () => {
    await createContainer(client, AbortSignal.timeout(10_000))
    for (const record of [processed('good'), { ...processed('damaged'), status: 'lost' }]) {
      await container.items.create(record)
    }
    const { code, out, error } = await orders('cosmos', 'export', file)
    expect({ code, out }).toStrictEqual({ code: 1, out: `1 records in ${file}` })
    expect(error).toContain('damaged')
    expect(error).toContain("1 that can't be read")
    expect((await readFile(file, 'utf8')).trimEnd().split('\n')).toHaveLength(1)
  })

  it('an export that was killed begins again', async () => {
    await lines(some.slice(0, 5))
    await orders('cosmos', 'restore', file)
    const part = `${file}.2.127.0.0.1-${wire.port}.part`
    await writeFile(part, `${JSON.stringify(toEntity(processed('of-the-last-run')))}\n{"cut`)
    expect(await orders('cosmos', 'export', `${file}.2`)).toMatchObject({ code: 0 })
    expect(await readFile(`${file}.2`, 'utf8')).not.toContain('of-the-last-run')
    await expect(stat(part)).rejects.toThrow('ENOENT')
  })

  it('what an export of it left behind is not of the table', async () => {
    await lines(some.slice(0, 5))
    for (const store of ['cosmos', 'tables'] as const) await orders(store, 'restore', file)
    // The last of all partitions: a table's export that went on behind it would find nothing.
    const last = { ...toEntity(processed('left')), partitionKey: 'ff', rowKey: '~' }
    await writeFile(`${file}.2.127.0.0.1-${wire.port}.part`, `${JSON.stringify(last)}\n`)
    expect(await orders('tables', 'export', `${file}.2`)).toStrictEqual({
      code: 0,
      error: '',
      out: `5 records in ${file}.2`,
    })
  })

  it('a store that nobody knows is refused', async () => {
    const child = startScript('orders.ts', ['export', file], {
      connection: azurite.connectionString,
      settings: { ORDER_STORE: 'sql' },
    })
    expect(await endOf(child)).toMatchObject({
      code: 1,
      error: expect.stringContaining('Set it to tables or cosmos'),
    })
  })
})
