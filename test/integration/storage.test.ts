import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import type { QueueClient } from '@azure/storage-queue'
import fc from 'fast-check'
import * as v from 'valibot'
import { UnreadableRecordError } from '../../src/orders/errors.ts'
import {
  parseOrder,
  type AcceptedOrder,
  type OrderRecord,
  type ProcessedOrder,
} from '../../src/orders/order.ts'
import { createService, type OrderService } from '../../src/orders/service.ts'
import { fromColumns, toColumns } from '../../src/storage/columns.ts'
import { anyOrder } from '../support/contentFields.ts'
import { azureStorage, storageClients } from '../../src/storage/azure.ts'
import type { OrderStorage } from '../../src/orders/ports.ts'
import { partitionKey } from '../../src/storage/tables.ts'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { freePort } from 'testkit/freePort'
import { testStorage, type TestStorage } from '../support/storage.ts'

let azurite: Azurite
let storage: OrderStorage
let behind: TestStorage

beforeAll(async () => {
  azurite = await startAzurite({})
  storage = await azureStorage({ AzureWebJobsStorage: azurite.connectionString })
  behind = testStorage(azurite.connectionString)
}, 60_000)

afterAll(() => azurite.stop())

let id: string
let made = 0
beforeEach(() => {
  id = `order-${++made}`
})

const accepted = (): AcceptedOrder => ({
  id,
  item: 'widget',
  quantity: 2,
  status: 'accepted',
  acceptedAt: '2026-01-02T12:00:00.000Z',
})
const processed = (): ProcessedOrder => ({
  id,
  item: 'widget',
  quantity: 2,
  status: 'processed',
  message: 'Order for widget processed!',
  acceptedAt: '2026-01-02T12:00:00.000Z',
  processedAt: '2026-01-02T12:00:01.000Z',
})

describe('the order records, in a table', () => {
  it('is created on first use', async () => {
    await behind.table.deleteTable()
    expect(await storage.records.read(id)).toBeUndefined()
    expect(await storage.records.create(accepted())).toStrictEqual({ written: true })
    expect((await storage.records.read(id))?.record).toStrictEqual(accepted())
  })

  it('is created once by concurrent requests', async () => {
    await behind.table.deleteTable()
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => storage.records.create({ ...accepted(), id: `${id}-${i}` })),
    )
    expect(results).toStrictEqual(results.map(() => ({ written: true })))
  })

  it('reads what was written, in the same order of fields', async () => {
    await storage.records.create(processed())
    const stored = await storage.records.read(id)
    expect(JSON.stringify(stored?.record)).toBe(JSON.stringify(processed()))
    const { acceptedAt: _, ...neverAccepted } = processed()
    await storage.records.create({ ...neverAccepted, id: `${id}-2` })
    expect(JSON.stringify((await storage.records.read(`${id}-2`))?.record)).toBe(
      JSON.stringify({ ...neverAccepted, id: `${id}-2` }),
    )
  })

  it('reads every order’s content as it was written, whatever its fields', async () => {
    const orders = fc.sample(anyOrder, 40).map((order, i) => ({ ...parseOrder(order), id: `${id}-${i}` }))
    for (const order of orders) {
      const record: OrderRecord = { ...processed(), ...order }
      await storage.records.create(record)
      expect(JSON.parse(JSON.stringify((await storage.records.read(order.id))?.record))).toStrictEqual(
        JSON.parse(JSON.stringify(record)),
      )
    }
  })

  it('keeps columns of every type as they are', async () => {
    const schemas = {
      lines: v.array(v.object({ sku: v.string() })),
      ...{ note: v.nullable(v.string()), large: v.number(), small: v.number(), flag: v.boolean() },
    }
    const fields = { lines: [{ sku: '"é' }], note: null, large: 2 ** 40, small: -0.25, flag: true }
    await storage.records.create(accepted())
    await behind.table.createEntity({
      partitionKey: 'columns',
      rowKey: id,
      ...toColumns(schemas, fields),
    })
    const columns = await behind.table.getEntity('columns', id)
    expect(fromColumns(schemas, columns)).toMatchObject({ fields, damaged: [] })
  })

  it('reads a record that was stored with limits that are others now', async () => {
    await storage.records.create({ ...processed(), item: 'x'.repeat(300), quantity: 5000 })
    expect((await storage.records.read(id))?.record).toMatchObject({ quantity: 5000 })
  })

  it.each<[string, Record<string, unknown>]>([
    ['status', { status: 'cancelled' }],
    ['status', { status: null }],
    ['item', { item: null }],
    ['quantity', { quantity: 'two' }],
    ['processedAt', { processedAt: 'yesterday' }],
    ['message', { message: null }],
  ])('a record whose %s cannot be read is an error that names it: %j', async (field, change) => {
    await storage.records.create(processed())
    const { partitionKey, rowKey, ...columns } = (await behind.entity(id)) as Record<string, string>
    await behind.table.updateEntity(
      { partitionKey: partitionKey ?? '', rowKey: rowKey ?? '', ...columns, ...change },
      'Replace',
    )
    const error: unknown = await storage.records.read(id).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(UnreadableRecordError)
    expect(error).toMatchObject({ id, message: `The stored record of order ${id} cannot be read: ${field}.` })
  })

  it('spreads the orders over 256 partitions', async () => {
    await storage.records.create(accepted())
    expect(await behind.entity(id)).toMatchObject({ partitionKey: partitionKey(id), rowKey: id })
    expect(partitionKey('a1')).toBe('f5')
    const partitions = new Set(Array.from({ length: 10_000 }, (_, i) => partitionKey(`order-${i}`)))
    expect(partitions.size).toBe(256)
    for (const partition of partitions) expect(partition).toMatch(/^[0-9a-f]{2}$/)
  })

  it('returns nothing where nothing was written', async () => {
    await storage.records.create(accepted())
    expect(await storage.records.read(`${id}-other`)).toBeUndefined()
    expect(await storage.records.read(id.toUpperCase())).toBeUndefined()
  })

  it('does not create a record that exists', async () => {
    await storage.records.create(accepted())
    expect(await storage.records.create(processed())).toMatchObject({ written: false })
    expect((await storage.records.read(id))?.record).toStrictEqual(accepted())
  })

  it('lets one of many concurrent creates succeed', async () => {
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, i) => storage.records.create({ ...processed(), quantity: i + 1 })),
    )
    const winners = results.flatMap(({ written }, i) => (written ? [i + 1] : []))
    expect(winners).toHaveLength(1)
    expect((await storage.records.read(id))?.record.quantity).toBe(winners[0])
  })

  it('replaces only the version that was read', async () => {
    await storage.records.create(accepted())
    const etag = (await storage.records.read(id))?.etag ?? ''
    expect(await storage.records.replace(processed(), etag)).toStrictEqual({ written: true })
    expect(await storage.records.replace({ ...processed(), quantity: 9 }, etag)).toMatchObject({
      written: false,
    })
    expect((await storage.records.read(id))?.record).toStrictEqual(processed())
  })

  it('lets one of many concurrent replacements succeed', async () => {
    await storage.records.create(accepted())
    const etag = (await storage.records.read(id))?.etag ?? ''
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        storage.records.replace({ ...processed(), quantity: i + 1 }, etag),
      ),
    )
    expect(results.filter(({ written }) => written)).toHaveLength(1)
  })

  test.each([
    'plain',
    'Ω ≈ ç',
    '日本語 😀 𝕏',
    `quotes ' " \\ and <xml/> & %27`,
    '\u2028\u00a0x',
    'e\u0301',
    '$()*+,;=:@/?#',
  ])('keeps the item %j as it is', async (item) => {
    await storage.records.create({ ...accepted(), item })
    expect((await storage.records.read(id))?.record.item).toBe(item)
  })

  it('refuses to read an invalid record', async () => {
    await behind.table.createEntity({ partitionKey: partitionKey(id), rowKey: id, status: 'lost' })
    await expect(storage.records.read(id)).rejects.toThrow()
  })
})

describe('the queues', () => {
  async function only(queue: QueueClient) {
    const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 32 })
    expect(peekedMessageItems).toHaveLength(1)
    return peekedMessageItems[0]
  }

  afterEach(async () => {
    await behind.orders.deleteIfExists()
    await behind.poison.deleteIfExists()
  })

  test.each(['send', 'poison'] as const)(
    'are made on first use, and what they are sent never expires: %s',
    async (way) => {
      const message = Uint8Array.of(0, 0xff, 0x7b, 0x0a, 0x22)
      await storage.queues[way](message)
      const item = await only(way === 'send' ? behind.orders : behind.poison)
      expect(Buffer.from(item?.messageText ?? '', 'base64')).toStrictEqual(Buffer.from(message))
      expect(item?.expiresOn.getUTCFullYear()).toBe(9999)
    },
  )

  it('accept a message of 48 KiB, which is 64 KiB as Base64', async () => {
    const message = Buffer.alloc(48 * 1024, 0xa5)
    await storage.queues.poison(message)
    expect(Buffer.from((await only(behind.poison))?.messageText ?? '', 'base64')).toStrictEqual(message)
  })

  it('are one for each part of the ids when orders are spread, and orders for a message without an id', async () => {
    const spread = await azureStorage({
      AzureWebJobsStorage: azurite.connectionString,
      ORDER_QUEUES: '4',
    })
    const message = Buffer.from('{"item":"widget"}')
    await spread.queues.send(message, 'order-1')
    await spread.queues.send(message)
    const queue = behind.queue('orders-3')
    for (const each of [queue, behind.orders]) {
      expect(Buffer.from((await only(each))?.messageText ?? '', 'base64')).toStrictEqual(message)
    }
    await queue.delete()
  })

  it('report that a message was not accepted', async () => {
    await expect(storage.queues.poison(Buffer.alloc(65 * 1024))).rejects.toThrow()
  })
})

describe('unavailable storage', () => {
  let away: OrderStorage
  let service: OrderService

  beforeEach(async () => {
    const port = await freePort()
    const connectionString = azurite.connectionString.replaceAll(/127\.0\.0\.1:\d+/g, `127.0.0.1:${port}`)
    away = await azureStorage({ AzureWebJobsStorage: connectionString })
    service = createService({ ...away, now: () => new Date(), newId: () => id })
  })

  it('fails every operation in bounded time', async () => {
    expect(await away.records.create(accepted())).toMatchObject({ written: false })
    expect(await away.records.replace(accepted(), 'x')).toMatchObject({ written: false })
    await expect(away.records.read(id)).rejects.toThrow()
    await expect(away.queues.send(Uint8Array.of(1))).rejects.toThrow()
    await expect(away.queues.poison(Uint8Array.of(1))).rejects.toThrow()
  })

  it('leaves the outcome of an order unknown, and names the order', async () => {
    await expect(service.place({ item: 'widget', quantity: 1 })).rejects.toMatchObject({
      name: 'StorageUnavailableError',
      id,
    })
    await expect(service.accept({ item: 'widget', quantity: 1 })).rejects.toMatchObject({ id })
  })
})

describe('the service over real storage', () => {
  it('processes an order once, however many concurrent requests there are', async () => {
    const services = Array.from({ length: 4 }, () =>
      createService({ ...storage, now: () => new Date(), newId: () => 'never' }),
    )
    const order = { id, item: 'widget', quantity: 1 }
    const message = new TextEncoder().encode(JSON.stringify(order))
    const answers = await Promise.all(
      services.flatMap((service) => [
        service.place(order),
        service.accept(order),
        service.process({ message, messageId: 'm', last: false }).catch(() => undefined),
      ]),
    )
    const record = (await storage.records.read(id))?.record
    expect(record?.status).toBe('processed')
    for (const answer of answers) {
      const answered = answer === undefined || !('outcome' in answer) ? answer : undefined
      if (answered?.status === 'processed') expect(JSON.stringify(answered)).toBe(JSON.stringify(record))
    }
  })
})

test('without settings, the error names the settings that storage needs', async () => {
  await expect(storageClients({})).rejects.toThrow('AzureWebJobsStorage__accountName')
  const environment = { AzureWebJobsStorage: azurite.connectionString, ORDER_QUEUES: '33' }
  await expect(azureStorage(environment)).rejects.toThrow('ORDER_QUEUES is "33"')
})
