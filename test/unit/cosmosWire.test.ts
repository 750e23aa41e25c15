import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { CosmosClient } from '@azure/cosmos'
import { cosmosConnectionString } from 'testkit/cosmos'
import { UnreadableRecordError } from '../../src/orders/errors.ts'
import type { ProcessedOrder } from '../../src/orders/order.ts'
import type { OrderRecords } from '../../src/orders/ports.ts'
import { cosmosClient, cosmosOrderRecords, cosmosStorage } from '../../src/storage/cosmos.ts'
import { startManagedIdentity } from '../support/managedIdentity.ts'
import {
  startScriptedStorage,
  type ScriptedStorage,
  type StorageRequest,
  type StorageResponse,
} from '../support/scriptedStorage.ts'

// What the adapter sends to Cosmos DB, through the real client library, and what it makes of responses that the emulator does not
// give. What it does on the emulator is the port's contract (test/integration/records.test.ts).

let server: ScriptedStorage
let client: CosmosClient
let records: OrderRecords
let responses: StorageResponse[]
/** Requests for items, and for creating what they are in: not what the client library asks about the account for itself. */
let sent: StorageRequest[]
/** What the container is said to be. */
let container: StorageResponse

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  headers: { 'x-ms-activity-id': 'a', 'x-ms-request-charge': '1', ...headers },
  body: JSON.stringify(body),
})
const failure = (status: number, headers: Readonly<Record<string, string>> = {}) =>
  json(status, { code: String(status), message: 'scripted' }, headers)

const DEFINITION = json(200, { id: 'orders', _rid: 'r', partitionKey: { paths: ['/id'], kind: 'Hash' } })

beforeEach(async () => {
  // One for each test: the client library may still send something that a test has not waited for.
  server = await startScriptedStorage()
  responses = []
  sent = []
  container = DEFINITION
  const endpoint = `http://127.0.0.1:${server.port}/`
  const locations = [{ name: 'Here', databaseAccountEndpoint: endpoint }]
  server.respond((request) => {
    const { method, path } = request
    if (path === '/') return json(200, { writableLocations: locations, readableLocations: locations })
    if (method === 'GET' && path.endsWith('/colls/orders')) return container
    sent.push(request)
    return (responses.length > 1 ? responses.shift() : responses[0]) ?? 'hang'
  })
  client = await cosmosClient({ CosmosDb: cosmosConnectionString(server.port) })
  records = cosmosOrderRecords(client)
})

afterEach(async () => {
  client.dispose()
  await server.close()
})

const lines = () => sent.map(({ method, path }) => `${method} ${path}`)

const record: ProcessedOrder = {
  id: 'a1',
  item: 'widget',
  quantity: 2,
  status: 'processed',
  message: 'Order for widget processed!',
  processedAt: '2026-01-02T12:00:00.000Z',
}
const item = { ...record, _rid: 'r', _self: 's', _etag: '"e1"', _attachments: 'a', _ts: 1 }
const written = json(201, item, { etag: '"e1"' })

describe('a record is read', () => {
  it('with one request in its partition, together with its version, and without what Cosmos DB adds', async () => {
    responses = [json(200, item, { etag: '"e1"' })]
    expect(await records.read('a1')).toStrictEqual({ record, etag: '"e1"' })
    expect(lines()).toStrictEqual(['GET /dbs/orders/colls/orders/docs/a1'])
    expect(sent[0]?.headers['x-ms-documentdb-partitionkey']).toBe('["a1"]')
  })

  it.each(['0', '1003'])('as none when Cosmos DB says 404 with the substatus %s', async (substatus) => {
    responses = [failure(404, { 'x-ms-substatus': substatus })]
    expect(await records.read('a1')).toBeUndefined()
    expect(sent).toHaveLength(1)
  })

  it.each<[string, StorageResponse]>([
    ['a 404 of a replica that is behind', failure(404, { 'x-ms-substatus': '1002' })],
    ['a 404 of something in between', { status: 404, body: '{}' }],
    ['a 404 that is no JSON', { status: 404, body: '<html>' }],
    ['another refusal', failure(403)],
  ])('not as none after %s', async (_, response) => {
    responses = [response]
    await expect(records.read('a1')).rejects.toHaveProperty('name')
  })

  it('not at all when a field is damaged: the error names it', async () => {
    responses = [json(200, { ...item, status: 'cancelled' })]
    await expect(records.read('a1')).rejects.toThrow(new UnreadableRecordError('a1', ['status']))
  })
})

describe('a record is written', () => {
  it('where there is none, with one request, its fields as they are', async () => {
    responses = [written]
    expect(await records.create(record)).toStrictEqual({ written: true })
    expect(lines()).toStrictEqual(['POST /dbs/orders/colls/orders/docs'])
    expect(JSON.parse(sent[0]?.body ?? '')).toStrictEqual(record)
    expect(sent[0]?.headers['x-ms-documentdb-partitionkey']).toBe('["a1"]')
    expect(sent[0]?.headers['x-ms-documentdb-is-upsert']).toBeUndefined()
  })

  it('over the version that was read alone, as a whole', async () => {
    responses = [written]
    expect(await records.replace(record, '"e1"')).toStrictEqual({ written: true })
    expect(lines()).toStrictEqual(['PUT /dbs/orders/colls/orders/docs/a1'])
    expect(sent[0]?.headers['if-match']).toBe('"e1"')
    expect(JSON.parse(sent[0]?.body ?? '')).toStrictEqual(record)
  })

  it.each([201, 409])('once more when the container was missing, which is created: %s', async (status) => {
    responses = [failure(404, { 'x-ms-substatus': '1003' }), failure(status), failure(status), written]
    if (status === 201) responses.splice(1, 2, json(201, { id: 'orders' }), json(201, { id: 'orders' }))
    expect(await records.create(record)).toStrictEqual({ written: true })
    expect(lines()).toStrictEqual([
      'POST /dbs/orders/colls/orders/docs',
      'POST /dbs',
      'POST /dbs/orders/colls',
      'POST /dbs/orders/colls/orders/docs',
    ])
    expect(JSON.parse(sent[1]?.body ?? '')).toStrictEqual({ id: 'orders' })
    expect(JSON.parse(sent[2]?.body ?? '')).toMatchObject({
      id: 'orders',
      partitionKey: { paths: ['/id'] },
      indexingPolicy: { excludedPaths: [{ path: '/*' }] },
    })
  })

  it('not, when the container cannot be created', async () => {
    responses = [failure(404), failure(403)]
    expect(await records.create(record)).toMatchObject({ written: false, cause: { code: 403 } })
    expect(sent).toHaveLength(2)
  })

  it.each([400, 401, 403, 404, 409, 412, 413])(
    'not, and it is asked once, when it is refused with %s: the cause is kept',
    async (status) => {
      responses = [failure(status)]
      expect(await records.replace(record, '"e1"')).toMatchObject({ written: false, cause: { code: status } })
      expect(sent).toHaveLength(1)
    },
  )
})

describe('Cosmos DB that has too much to do', () => {
  it('is asked again when it says, as often as it says', async () => {
    const throttled = failure(429, { 'x-ms-retry-after-ms': '20' })
    responses = [...Array.from({ length: 6 }, () => throttled), written]
    expect(await records.create(record)).toStrictEqual({ written: true })
    expect(sent).toHaveLength(7)
  })

  it('is asked no more when it says a time that is too late', async () => {
    responses = [failure(429, { 'x-ms-retry-after-ms': '60000' })]
    expect(await records.create(record)).toMatchObject({ written: false, cause: { code: 429 } })
    expect(sent).toHaveLength(1)
  })

  it('is what is reported when the time is up during a later try', async () => {
    responses = [failure(429), 'hang']
    expect(await cosmosOrderRecords(client, 1500).create(record)).toMatchObject({
      written: false,
      cause: { code: 429 },
    })
    expect(sent).toHaveLength(2)
  })

  it('is asked until the time is up, and then it is what is reported', async () => {
    responses = [failure(429)]
    expect(await cosmosOrderRecords(client, 300).create(record)).toMatchObject({
      written: false,
      cause: { code: 429 },
    })
    expect(sent.length).toBeGreaterThan(1)
  })
})

it.each([408, 449, 500, 503])('a failure that may pass, %s, is tried three times in all', async (status) => {
  responses = [failure(status)]
  expect(await cosmosOrderRecords(client, 60_000).create(record)).toMatchObject({
    written: false,
    cause: { code: status },
  })
  expect(sent).toHaveLength(3)
})

describe('an operation that gets no response is given up', () => {
  const aborted = { name: 'AbortError' }

  it('when the time is up', async () => {
    const hasty = cosmosOrderRecords(client, 50)
    await expect(hasty.read('a1')).rejects.toMatchObject(aborted)
    expect(await hasty.create(record)).toMatchObject({ written: false, cause: aborted })
    expect(await hasty.replace(record, '"e1"')).toMatchObject({ written: false, cause: aborted })
  })

  it('also while the client library asks about the container for itself', async () => {
    container = 'hang'
    expect(await cosmosOrderRecords(client, 50).create(record)).toMatchObject({
      written: false,
      cause: aborted,
    })
  })
})

describe('an identity', () => {
  const before = { ...process.env }

  afterEach(() => {
    process.env = { ...before }
  })

  // One test: the library keeps the endpoint that it has found for as long as the process lives.
  it('gets its tokens for the account, as the client id says', async () => {
    const identity = await startManagedIdentity()
    // The identity library reads them from the environment of the process.
    Object.assign(process.env, identity.environment)
    const withIdentity = await cosmosClient({
      ...identity.environment,
      CosmosDb__accountEndpoint: 'https://127.0.0.1:9/',
      CosmosDb__clientId: 'client-1',
    })
    try {
      await expect(cosmosOrderRecords(withIdentity, 60_000).read('a1')).rejects.toHaveProperty('name')
      expect(identity.requests.length).toBeGreaterThan(0)
      for (const request of identity.requests) {
        expect(request).toMatchObject({ resource: 'https://127.0.0.1:9', clientId: 'client-1' })
      }
    } finally {
      withIdentity.dispose()
      await identity.stop()
    }
  })
})

it('the storage ports need the settings of both: of Cosmos DB, and of the queues', async () => {
  const both = { CosmosDb: cosmosConnectionString(server.port), AzureWebJobsStorage: server.connectionString }
  const storage = await cosmosStorage(both)
  responses = [written]
  expect(await storage.records.create(record)).toStrictEqual({ written: true })
  await expect(cosmosStorage({ ...both, CosmosDb: '' })).rejects.toThrow('Cosmos DB is not configured')
  await expect(cosmosStorage({ ...both, AzureWebJobsStorage: '' })).rejects.toThrow(
    'Storage is not configured',
  )
})
