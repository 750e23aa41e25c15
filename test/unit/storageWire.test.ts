import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { UnreadableRecordError } from '../../src/orders/errors.ts'
import type { ProcessedOrder } from '../../src/orders/order.ts'
import type { OrderStorage } from '../../src/orders/ports.ts'
import { azureStorage, storageClients } from '../../src/storage/azure.ts'
import { storageQueueMeter } from '../../src/storage/queueMeter.ts'
import { storageAccess } from '../../src/storage/access.ts'
import { queueService, storageOrderQueues } from '../../src/storage/queues.ts'
import { tableOrderRecords } from '../../src/storage/tables.ts'
import { startScriptedStorage, type ScriptedStorage } from '../support/scriptedStorage.ts'

// What the adapters send, through the real client libraries, and what they make of responses that Azurite does not give. That
// the requests are the ones that storage understands is tested on Azurite (test/integration).

let server: ScriptedStorage
let storage: OrderStorage

beforeAll(async () => {
  server = await startScriptedStorage()
  storage = await azureStorage({ AzureWebJobsStorage: server.connectionString })
})

afterAll(() => server.close())

const sent = () =>
  server.requests.map(({ method, path }) => `${method} ${path.replace(/^\/devstoreaccount1\//, '')}`)

const record: ProcessedOrder = {
  id: 'a1',
  item: 'widget',
  quantity: 2,
  status: 'processed',
  message: 'Order for widget processed!',
  processedAt: '2026-01-02T12:00:00.000Z',
}
const { id: _id, ...columns } = record

const created = { status: 204, headers: { etag: 'e1' } }
const missing = (errorCode: string) => ({ status: 404, errorCode })
const busy = { status: 503, errorCode: 'ServerBusy' }
const refused = { status: 403, errorCode: 'AuthorizationFailure' }
const conflict = { status: 409, errorCode: 'EntityAlreadyExists' }

describe('a record is read', () => {
  const entity = { PartitionKey: 'f5', RowKey: 'a1', 'odata.etag': 'e1', ...columns }
  const found = (body: object) => ({ status: 200, headers: { etag: 'e1' }, body: JSON.stringify(body) })

  it('with one request for its partition and row, together with its version', async () => {
    server.script(found(entity))
    expect(await storage.records.read('a1')).toStrictEqual({ record, etag: 'e1' })
    expect(sent()).toStrictEqual([expect.stringMatching(/^GET orders\(PartitionKey='f5',RowKey='a1'\)/)])
  })

  it.each(['ResourceNotFound', 'TableNotFound'])('as none when storage says %s', async (code) => {
    server.script(missing(code))
    expect(await storage.records.read('a1')).toBeUndefined()
  })

  it.each([
    ['another 404', missing('AccountNotFound')],
    ['a 404 of something in between', { status: 404, body: '{}' }],
    ['a 404 that says nothing', { status: 404, body: '' }],
    ['the code of a missing record with another status', { status: 400, errorCode: 'ResourceNotFound' }],
  ])('not as none after %s', async (_, response) => {
    server.script(response)
    await expect(storage.records.read('a1')).rejects.toMatchObject({ statusCode: response.status })
  })

  it('not at all when a column is damaged: the error names it', async () => {
    server.script(found({ ...entity, status: 'cancelled' }))
    await expect(storage.records.read('a1')).rejects.toThrow(new UnreadableRecordError('a1', ['status']))
  })
})

describe('a record is written', () => {
  it('where there is none, with one request', async () => {
    server.script(created)
    expect(await storage.records.create(record)).toStrictEqual({ written: true })
    expect(sent()).toStrictEqual([expect.stringMatching(/^POST orders/)])
    expect(JSON.parse(server.requests[0]?.body ?? '')).toStrictEqual({
      PartitionKey: 'f5',
      RowKey: 'a1',
      ...columns,
    })
  })

  it('over the version that was read alone, as a whole', async () => {
    server.script(created)
    expect(await storage.records.replace(record, 'e1')).toStrictEqual({ written: true })
    expect(sent()).toStrictEqual([expect.stringMatching(/^PUT orders\(PartitionKey='f5',RowKey='a1'\)/)])
    expect(server.requests[0]?.headers['if-match']).toBe('e1')
  })

  it('once more when the table was missing, which is created in between', async () => {
    server.script(missing('TableNotFound'), created, created)
    expect(await storage.records.create(record)).toStrictEqual({ written: true })
    expect(sent()).toStrictEqual([
      expect.stringMatching(/^POST orders/),
      expect.stringMatching(/^POST Tables/),
      expect.stringMatching(/^POST orders/),
    ])
    expect(JSON.parse(server.requests[1]?.body ?? '')).toStrictEqual({ TableName: 'orders' })
    expect(server.requests[2]?.body).toBe(server.requests[0]?.body)
  })

  it('also when somebody else creates the table at that moment', async () => {
    server.script(missing('TableNotFound'), { status: 409, errorCode: 'TableAlreadyExists' }, created)
    expect(await storage.records.create(record)).toStrictEqual({ written: true })
  })

  it.each([
    ['exists', conflict],
    ['is missing', missing('ResourceNotFound')],
    ['is in a table that cannot be reached', refused],
  ])('not, and nothing is created, when it %s: the cause is kept', async (_, response) => {
    server.script(response)
    expect(await storage.records.replace(record, 'e1')).toMatchObject({
      written: false,
      cause: { statusCode: response.status },
    })
    expect(server.requests).toHaveLength(1)
  })

  it('not, when the table cannot be created', async () => {
    server.script(missing('TableNotFound'), refused)
    expect(await storage.records.create(record)).toMatchObject({ written: false, cause: { statusCode: 403 } })
    expect(server.requests).toHaveLength(2)
  })
})

describe('a message is sent', () => {
  const message = Uint8Array.of(0, 0xff, 0x7b)
  const accepted = {
    status: 201,
    body:
      '<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage><MessageId>m1</MessageId>' +
      '<InsertionTime>Fri, 02 Jan 2026 12:00:00 GMT</InsertionTime>' +
      '<ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime><PopReceipt>r</PopReceipt>' +
      '<TimeNextVisible>Fri, 02 Jan 2026 12:00:00 GMT</TimeNextVisible></QueueMessage></QueueMessagesList>',
  }

  it.each([
    ['send', 'orders'],
    ['poison', 'orders-poison'],
  ] as const)('by %s to the queue %s, as Base64, without expiry', async (way, queue) => {
    server.script(accepted)
    await storage.queues[way](message)
    expect(sent()).toStrictEqual([`POST ${queue}/messages?messagettl=-1&timeout=2`])
    expect(server.requests[0]?.body).toContain('<MessageText>AP97</MessageText>')
  })

  it('once more when the queue was missing, which is created in between', async () => {
    server.script(missing('QueueNotFound'), { status: 201 }, accepted)
    await storage.queues.send(message)
    expect(sent()).toStrictEqual([
      'POST orders/messages?messagettl=-1&timeout=2',
      'PUT orders?timeout=2',
      'POST orders/messages?messagettl=-1&timeout=2',
    ])
  })

  it.each([
    ['another error', refused],
    ['another 404', missing('AccountNotFound')],
  ])('not, and nothing is created, after %s', async (_, response) => {
    server.script(response)
    await expect(storage.queues.send(message)).rejects.toMatchObject({ statusCode: response.status })
    expect(server.requests).toHaveLength(1)
  })
})

describe('storage that is busy is asked three times in all', () => {
  // Time enough for more.
  const MILLISECONDS = 60_000

  it('for a record', async () => {
    const { table } = await storageClients({ AzureWebJobsStorage: server.connectionString })
    server.script(busy)
    await expect(tableOrderRecords(table, MILLISECONDS).read('a1')).rejects.toMatchObject({ statusCode: 503 })
    expect(server.requests).toHaveLength(3)
  })

  it('for a queue', async () => {
    const { queues } = await storageClients({ AzureWebJobsStorage: server.connectionString })
    server.script(busy)
    await expect(
      storageOrderQueues(queues, 1, MILLISECONDS).send(Uint8Array.of(1), 'a1'),
    ).rejects.toMatchObject({
      statusCode: 503,
    })
    expect(server.requests).toHaveLength(3)
  })

  it('and a write that got through at last is one', async () => {
    server.script(busy, busy, created)
    expect(await storage.records.create(record)).toStrictEqual({ written: true })
  })
})

describe('an operation that gets no response is given up', () => {
  it('by records and queues, when the time is up', async () => {
    const environment = { AzureWebJobsStorage: server.connectionString }
    const clients = await storageClients(environment)
    const records = tableOrderRecords(clients.table, 50)
    const queues = storageOrderQueues(queueService(await storageAccess(environment)), 1, 50)
    server.script('hang')
    const aborted = { name: 'AbortError' }
    await expect(records.read('a1')).rejects.toMatchObject(aborted)
    expect(await records.create(record)).toMatchObject({ written: false, cause: aborted })
    expect(await records.replace(record, 'e1')).toMatchObject({ written: false, cause: aborted })
    await expect(queues.send(Uint8Array.of(1))).rejects.toMatchObject(aborted)
    await expect(queues.poison(Uint8Array.of(1))).rejects.toMatchObject(aborted)
  })

  it('also while the missing table or queue is created', async () => {
    const environment = { AzureWebJobsStorage: server.connectionString }
    const clients = await storageClients(environment)
    server.script(missing('TableNotFound'), 'hang')
    expect(await tableOrderRecords(clients.table, 200).create(record)).toMatchObject({
      written: false,
      cause: { name: 'AbortError' },
    })
    server.script(missing('QueueNotFound'), 'hang')
    await expect(
      storageOrderQueues(queueService(await storageAccess(environment)), 1, 200).send(Uint8Array.of(1)),
    ).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})

describe('the queues are measured', () => {
  const NOW = 'Fri, 02 Jan 2026 12:00:30 GMT'
  const depth = (count: number) => ({
    status: 200,
    headers: { 'x-ms-approximate-messages-count': String(count) },
  })
  const peeked = (...insertedAt: readonly string[]) => ({
    status: 200,
    headers: { date: NOW },
    body: `<?xml version="1.0" encoding="utf-8"?><QueueMessagesList>${insertedAt
      .map(
        (time) =>
          `<QueueMessage><MessageId>m</MessageId><InsertionTime>${time}</InsertionTime>` +
          '<ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime><DequeueCount>0</DequeueCount>' +
          '<MessageText>eA==</MessageText></QueueMessage>',
      )
      .join('')}</QueueMessagesList>`,
  })
  const listed = (...names: readonly string[]) => ({
    status: 200,
    body: `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Queues>${names
      .map((name) => `<Queue><Name>${name}</Name></Queue>`)
      .join('')}</Queues><NextMarker /></EnumerationResults>`,
  })
  const isList = (path: string) => path.includes('comp=list')
  const measured = async () => {
    const meter = await storageQueueMeter({ AzureWebJobsStorage: server.connectionString })
    return meter.measure()
  }

  it('by their depth and the age of the oldest message that can be seen, by the clock of storage', async () => {
    server.respond(({ path }) => {
      // A queue of another app is none of ours.
      if (isList(path)) return listed('orders', 'orders-1', 'orders-1-poison', 'orders-32', 'orders-new')
      if (path.includes('/orders?')) return depth(3)
      if (path.includes('/orders/'))
        return peeked('Fri, 02 Jan 2026 12:00:20 GMT', 'Fri, 02 Jan 2026 12:00:10 GMT')
      return path.includes('messages') ? peeked() : depth(0)
    })
    expect(await measured()).toStrictEqual([
      { queue: 'orders', depth: 3, oldestSeconds: 20 },
      { queue: 'orders-1', depth: 0 },
      { queue: 'orders-poison', depth: 0 },
      { queue: 'orders-1-poison', depth: 0 },
    ])
    expect(sent()[0]).toBe('GET /devstoreaccount1?comp=list&prefix=orders&timeout=2')
    expect(sent()).toEqual(
      expect.arrayContaining([
        'GET orders/messages?peekonly=true&numofmessages=32&timeout=2',
        'GET orders?comp=metadata&timeout=2',
      ]),
    )
    expect(sent()).toHaveLength(9)
  })

  it('with no age below zero, when the clocks of storage differ', async () => {
    server.respond(({ path }) =>
      isList(path)
        ? listed()
        : path.includes('messages')
          ? peeked('Fri, 02 Jan 2026 12:00:31 GMT')
          : depth(1),
    )
    expect(await measured()).toContainEqual({ queue: 'orders', depth: 1, oldestSeconds: 0 })
  })

  it.each(['comp=list', 'comp=metadata', 'peekonly'])(
    'not at all, when there is no response to %s',
    async (part) => {
      server.respond(({ path }) => {
        if (path.includes(part)) return 'hang'
        return isList(path) ? listed() : path.includes('messages') ? peeked() : depth(0)
      })
      await expect(measured()).rejects.toMatchObject({ name: 'AbortError' })
    },
  )

  it('as empty while they are not there', async () => {
    server.script(listed(), missing('QueueNotFound'))
    expect(await measured()).toStrictEqual([
      { queue: 'orders', depth: 0 },
      { queue: 'orders-poison', depth: 0 },
    ])
  })

  it.each([
    ['to list them', [refused]],
    ['to read them', [listed(), refused]],
    ['to read them, as if there were none', [listed(), missing('AccountNotFound')]],
  ])('not at all, when storage refuses %s', async (_, responses) => {
    server.script(...responses)
    await expect(measured()).rejects.toMatchObject({ statusCode: responses.at(-1)?.status })
  })
})
