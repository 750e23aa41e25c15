import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import type { QueueClient } from '@azure/storage-queue'
import * as v from 'valibot'
import type { AcceptedOrder } from '../../src/orders/order.ts'
import { createService, type OrderService } from '../../src/orders/service.ts'
import { fromColumns, toColumns } from '../../src/storage/columns.ts'
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
describe('the order records, in a table', () => {
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

  it('spreads the orders over 256 partitions', async () => {
    await storage.records.create(accepted())
    expect(await behind.entity(id)).toMatchObject({ partitionKey: partitionKey(id), rowKey: id })
    expect(partitionKey('a1')).toBe('f5')
    const partitions = new Set(Array.from({ length: 10_000 }, (_, i) => partitionKey(`order-${i}`)))
    expect(partitions.size).toBe(256)
    for (const partition of partitions) expect(partition).toMatch(/^[0-9a-f]{2}$/)
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
