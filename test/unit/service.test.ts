import { beforeEach, describe, expect, it, test } from '@jest/globals'
import {
  InvalidOrderError,
  MalformedJsonError,
  OrderConflictError,
  OrderNotFoundError,
  StorageUnavailableError,
  UnreadableRecordError,
} from '../../src/orders/errors.ts'
import type { OrderRecord } from '../../src/orders/order.ts'
import type { OrderRecords } from '../../src/orders/ports.ts'
import { createService, type OrderService, type ServicePorts } from '../../src/orders/service.ts'
import { memoryStorage, type MemoryStorage } from '../../src/storage/memory.ts'

const NOON = '2026-01-02T12:00:00.000Z'
const LATER = '2026-01-02T12:00:05.000Z'
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (message: Uint8Array | undefined) => new TextDecoder().decode(message)

let storage: MemoryStorage
let time: string
let service: OrderService

function serviceOver(ports: Partial<ServicePorts> = {}): OrderService {
  let made = 0
  return createService({
    records: storage.records,
    queues: storage.queues,
    now: () => new Date(time),
    newId: () => `new-${++made}`,
    ...ports,
  })
}

beforeEach(() => {
  storage = memoryStorage()
  time = NOON
  service = serviceOver()
})

const deliver = (message: string | Uint8Array, last = false, by = service) =>
  by.process({ message: typeof message === 'string' ? bytes(message) : message, messageId: 'm1', last })

const widget = { item: 'widget', quantity: 1 }
const processedWidget = {
  id: 'a1',
  item: 'widget',
  quantity: 1,
  status: 'processed',
  message: 'Order for widget processed!',
  processedAt: NOON,
}

const stored = (id: string) => storage.table.get(id)?.record
const outage = new Error('connect ECONNREFUSED')
const noAnswer = () => Promise.resolve({ written: false, cause: outage } as const)

/** Storage that creates records, and whose responses to that are lost. */
function withLostCreations() {
  const { records } = storage
  return {
    ...records,
    create: async (record: OrderRecord) => {
      await records.create(record)
      return noAnswer()
    },
  }
}

describe('greet', () => {
  it('greets everyone', () => {
    expect(service.greet()).toBe('Hello from Azure Functions!')
    expect(service.greet(null)).toBe('Hello from Azure Functions!')
    expect(service.greet('  ')).toBe('Hello from Azure Functions!')
  })

  it('greets somebody by name', () => {
    expect(service.greet('Ada')).toBe('Hello, Ada!')
  })
})

describe('place', () => {
  it('processes an order and returns the record as stored', async () => {
    expect(await service.place({ ...widget, id: 'a1' })).toStrictEqual(processedWidget)
    expect(stored('a1')).toStrictEqual(processedWidget)
    expect(storage.orders).toStrictEqual([])
  })

  it('assigns an id to an order without one', async () => {
    expect((await service.place(widget)).id).toBe('new-1')
    expect((await service.place(widget)).id).toBe('new-2')
  })

  it('returns the first record to a retry, byte for byte', async () => {
    const first = await service.place({ ...widget, id: 'a1' })
    time = LATER
    expect(JSON.stringify(await service.place({ ...widget, id: 'a1' }))).toBe(JSON.stringify(first))
  })

  it('refuses the same id with other content, and leaves the record as it was', async () => {
    await service.place({ ...widget, id: 'a1' })
    await expect(service.place({ id: 'a1', item: 'widget', quantity: 2 })).rejects.toThrow(OrderConflictError)
    await expect(service.place({ id: 'a1', item: 'gadget', quantity: 1 })).rejects.toThrow(OrderConflictError)
    expect(stored('a1')).toStrictEqual(processedWidget)
  })

  it('processes an accepted order, and keeps the time at which it was accepted', async () => {
    await service.accept({ ...widget, id: 'a1' })
    time = LATER
    const order = await service.place({ ...widget, id: 'a1' })
    expect(order).toStrictEqual({ ...processedWidget, acceptedAt: NOON, processedAt: LATER })
    expect(stored('a1')).toStrictEqual(order)
  })

  it('refuses content that differs from that of an accepted order', async () => {
    await service.accept({ ...widget, id: 'a1' })
    await expect(service.place({ id: 'a1', item: 'gadget', quantity: 1 })).rejects.toThrow(OrderConflictError)
    expect(stored('a1')?.status).toBe('accepted')
  })

  it('never sets the time of processing before that of acceptance', async () => {
    await service.accept({ ...widget, id: 'a1' })
    time = '2026-01-02T11:59:59.000Z'
    expect((await service.place({ ...widget, id: 'a1' })).processedAt).toBe(NOON)
  })

  it('does not guess when both the write and the read fail', async () => {
    const failing = { ...storage.records, create: noAnswer, read: () => Promise.reject(outage) }
    const error: unknown = await serviceOver({ records: failing })
      .place({ ...widget, id: 'a1' })
      .catch((e: unknown) => e)
    expect(error).toBeInstanceOf(StorageUnavailableError)
    expect(error).toMatchObject({ id: 'a1', cause: outage })
  })

  it('does not guess when the write fails and there is no record', async () => {
    const failing = { ...storage.records, create: noAnswer }
    await expect(serviceOver({ records: failing }).place({ ...widget, id: 'a1' })).rejects.toThrow(
      StorageUnavailableError,
    )
  })

  it('finds its own write by reading when the response to it was lost', async () => {
    expect(await serviceOver({ records: withLostCreations() }).place({ ...widget, id: 'a1' })).toStrictEqual(
      processedWidget,
    )
  })

  it('finds its own replacement by reading when the response to it was lost', async () => {
    await service.accept({ ...widget, id: 'a1' })
    const { records } = storage
    const lossy = {
      ...records,
      replace: async (record: OrderRecord, etag: string) => {
        await records.replace(record, etag)
        return noAnswer()
      },
    }
    const order = await serviceOver({ records: lossy }).place({ ...widget, id: 'a1' })
    expect(order.status).toBe('processed')
    expect(stored('a1')).toStrictEqual(order)
  })

  it('does not report processed while the record says accepted', async () => {
    await service.accept({ ...widget, id: 'a1' })
    const failing = { ...storage.records, replace: noAnswer }
    await expect(serviceOver({ records: failing }).place({ ...widget, id: 'a1' })).rejects.toThrow(
      StorageUnavailableError,
    )
    expect(stored('a1')?.status).toBe('accepted')
  })
})

describe('accept', () => {
  const acceptedWidget = { id: 'a1', item: 'widget', quantity: 1, status: 'accepted', acceptedAt: NOON }

  it('enqueues the order and stores it as accepted', async () => {
    expect(await service.accept({ ...widget, id: 'a1' })).toStrictEqual(acceptedWidget)
    expect(stored('a1')).toStrictEqual(acceptedWidget)
    expect(storage.orders.map(text)).toStrictEqual(['{"id":"a1","item":"widget","quantity":1}'])
  })

  it('reads nothing for an id that it has generated', async () => {
    const failing = { ...storage.records, read: () => Promise.reject(outage) }
    expect(await serviceOver({ records: failing }).accept(widget)).toStrictEqual({
      ...acceptedWidget,
      id: 'new-1',
    })
  })

  it('enqueues a retry again, in case the first message was lost, and returns the first record', async () => {
    await service.accept({ ...widget, id: 'a1' })
    time = LATER
    expect(await service.accept({ ...widget, id: 'a1' })).toStrictEqual(acceptedWidget)
    expect(storage.orders).toHaveLength(2)
  })

  it('returns the record of an order that is already processed, and enqueues nothing', async () => {
    await service.place({ ...widget, id: 'a1' })
    expect(await service.accept({ ...widget, id: 'a1' })).toStrictEqual(processedWidget)
    expect(storage.orders).toStrictEqual([])
  })

  test.each(['place', 'accept'] as const)(
    'refuses other content than was given to %s, and enqueues nothing',
    async (way) => {
      await service[way]({ ...widget, id: 'a1' })
      const enqueued = storage.orders.length
      await expect(service.accept({ id: 'a1', item: 'gadget', quantity: 1 })).rejects.toThrow(
        OrderConflictError,
      )
      expect(storage.orders).toHaveLength(enqueued)
    },
  )

  it('acknowledges nothing when the message is not known to be enqueued', async () => {
    const failing = { ...storage.queues, send: () => Promise.reject(outage) }
    await expect(serviceOver({ queues: failing }).accept({ ...widget, id: 'a1' })).rejects.toThrow(
      StorageUnavailableError,
    )
    expect(stored('a1')).toBeUndefined()
  })

  it('acknowledges nothing, and enqueues nothing, when the record cannot be read first', async () => {
    const failing = { ...storage.records, read: () => Promise.reject(outage) }
    await expect(serviceOver({ records: failing }).accept({ ...widget, id: 'a1' })).rejects.toThrow(
      StorageUnavailableError,
    )
    expect(storage.orders).toStrictEqual([])
  })

  it('acknowledges nothing when the record is not known to be stored', async () => {
    const failing = { ...storage.records, create: noAnswer }
    await expect(serviceOver({ records: failing }).accept({ ...widget, id: 'a1' })).rejects.toThrow(
      StorageUnavailableError,
    )
  })

  it('finds its own write by reading when the response to it was lost', async () => {
    expect(await serviceOver({ records: withLostCreations() }).accept({ ...widget, id: 'a1' })).toStrictEqual(
      acceptedWidget,
    )
  })

  it('returns the processed record when the processor was faster', async () => {
    const fast = {
      ...storage.queues,
      send: async (message: Uint8Array) => {
        await service.process({ message, messageId: 'm1', last: false })
      },
    }
    expect(await serviceOver({ queues: fast }).accept({ ...widget, id: 'a1' })).toStrictEqual(processedWidget)
  })

  it('reports a conflict when the id was used for other content in the meantime', async () => {
    const slow = {
      ...storage.queues,
      send: async () => {
        await service.place({ id: 'a1', item: 'gadget', quantity: 1 })
      },
    }
    await expect(serviceOver({ queues: slow }).accept({ ...widget, id: 'a1' })).rejects.toThrow(
      OrderConflictError,
    )
  })
})

describe('process', () => {
  it('processes a queued order', async () => {
    expect(await deliver('{"id":"a1","item":"widget"}')).toStrictEqual({
      outcome: 'processed',
      order: processedWidget,
    })
    expect(stored('a1')).toStrictEqual(processedWidget)
  })

  it("takes the queue message's own id for an order without one, so that a redelivery is the same order", async () => {
    await deliver('{"item":"widget"}')
    time = LATER
    expect(await deliver('{"item":"widget"}')).toMatchObject({ order: { id: 'm1', processedAt: NOON } })
    expect(storage.table.size).toBe(1)
  })

  it('processes an accepted order', async () => {
    await service.accept({ ...widget, id: 'a1' })
    time = LATER
    await deliver(storage.orders[0] ?? '')
    expect(stored('a1')).toStrictEqual({ ...processedWidget, acceptedAt: NOON, processedAt: LATER })
  })

  it('does not process a redelivered message again', async () => {
    await deliver('{"id":"a1","item":"widget"}')
    time = LATER
    await deliver('{"id":"a1","item":"widget"}')
    expect(stored('a1')).toStrictEqual(processedWidget)
  })

  test.each([
    ['that is no JSON', bytes('hello'), MalformedJsonError],
    ['that is empty', bytes(''), MalformedJsonError],
    ['that is not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), MalformedJsonError],
    ['that is no order', bytes('{"item":""}'), InvalidOrderError],
    ['with a prototype key', bytes('{"item":"x","__proto__":{}}'), InvalidOrderError],
    ['with a lone surrogate', bytes('{"item":"\\ud800"}'), InvalidOrderError],
  ])('puts a message %s on the poison queue at once, byte for byte', async (_, message, reason) => {
    const result = await deliver(message)
    expect(result).toMatchObject({ outcome: 'poisoned', reason: expect.any(reason) })
    expect(storage.poisoned).toStrictEqual([message])
    expect(storage.table.size).toBe(0)
  })

  it('puts a conflicting message on the poison queue and leaves the record as it was', async () => {
    await service.place({ ...widget, id: 'a1' })
    const message = '{ "id": "a1", "item": "gadget" }'
    expect(await deliver(message)).toMatchObject({
      outcome: 'poisoned',
      orderId: 'a1',
      reason: expect.any(OrderConflictError),
    })
    expect(storage.poisoned.map(text)).toStrictEqual([message])
    expect(stored('a1')).toStrictEqual(processedWidget)
  })

  it('throws, for another delivery, when the poison queue does not accept the message', async () => {
    const failing = { ...storage.queues, poison: () => Promise.reject(outage) }
    for (const last of [false, true]) {
      await expect(deliver('hello', last, serviceOver({ queues: failing }))).rejects.toMatchObject({
        name: 'StorageUnavailableError',
        id: 'm1',
        cause: outage,
      })
    }
  })

  it('throws, for another delivery, while storage is unavailable', async () => {
    const failing = { ...storage.records, create: noAnswer, read: () => Promise.reject(outage) }
    await expect(deliver('{"item":"x"}', false, serviceOver({ records: failing }))).rejects.toThrow(
      StorageUnavailableError,
    )
    expect(storage.poisoned).toStrictEqual([])
  })

  it('puts the message on the poison queue when storage is unavailable on the last delivery', async () => {
    const failing = { ...storage.records, create: noAnswer, read: () => Promise.reject(outage) }
    expect(await deliver('{"item":"x"}', true, serviceOver({ records: failing }))).toMatchObject({
      outcome: 'poisoned',
      orderId: 'm1',
      reason: expect.any(StorageUnavailableError),
    })
    expect(storage.poisoned.map(text)).toStrictEqual(['{"item":"x"}'])
  })

  it('throws, for another delivery, after a bug, and on the last one stores the message without expiry', async () => {
    const broken = serviceOver({
      now: () => {
        throw new TypeError('bug')
      },
    })
    await expect(deliver('{"item":"x"}', false, broken)).rejects.toThrow('bug')
    expect(await deliver('{"item":"x"}', true, broken)).toMatchObject({ outcome: 'poisoned' })
    expect(storage.poisoned.map(text)).toStrictEqual(['{"item":"x"}'])
  })
})

test('once a write is known to have taken place, nothing is read again', async () => {
  let reads = 0
  const counted = serviceOver({
    records: {
      ...storage.records,
      read: (id) => {
        reads++
        return storage.records.read(id)
      },
    },
  })
  await counted.place({ ...widget, id: 'created' })
  expect(reads).toBe(0)
  await service.accept({ ...widget, id: 'accepted' })
  await counted.place({ ...widget, id: 'accepted' })
  expect(reads).toBe(1)
})

/** A store that reads records as they are, as if its types had every status. */
const unchecked = (): OrderRecords => ({
  ...storage.records,
  read: (id) => Promise.resolve(storage.table.get(id)),
})

test('no status is left undecided: one that the types do not have is a fault, and nothing is written over it', async () => {
  const cancelled = { ...widget, id: 'a1', status: 'cancelled' } as unknown as OrderRecord
  storage.table.set('a1', { record: cancelled, etag: 'v1' })
  const deciding = serviceOver({ records: unchecked() })
  await expect(deciding.place({ ...widget, id: 'a1' })).rejects.toThrow(
    'Nothing is decided for the status cancelled.',
  )
  await expect(deciding.accept({ ...widget, id: 'a1' })).rejects.toThrow(TypeError)
  expect(stored('a1')).toBe(cancelled)
  expect(storage.orders).toStrictEqual([])
})

test('nor one that appears between a read and a write', async () => {
  const cancelled = { ...widget, id: 'a1', status: 'cancelled' } as unknown as OrderRecord
  const cancelling = (id: string) => {
    storage.table.set(id, { record: { ...cancelled, id }, etag: 'v9' })
    return Promise.resolve({ written: false, cause: new Error('changed') } as const)
  }
  const undecided = 'Nothing is decided for the status cancelled.'
  const racing = serviceOver({
    records: {
      ...unchecked(),
      create: ({ id }) => cancelling(id),
      replace: ({ id }) => cancelling(id),
    },
  })
  await expect(racing.accept({ ...widget, id: 'a1' })).rejects.toThrow(undecided)
  await service.accept({ ...widget, id: 'a2' })
  await expect(racing.place({ ...widget, id: 'a2' })).rejects.toThrow(undecided)
  await service.accept({ ...widget, id: 'a3' })
  const replacing = serviceOver({ records: { ...unchecked(), replace: ({ id }) => cancelling(id) } })
  await expect(replacing.place({ ...widget, id: 'a3' })).rejects.toThrow(undecided)
  expect(['a1', 'a2', 'a3'].map((id) => stored(id)?.status)).toStrictEqual([
    'cancelled',
    'cancelled',
    'cancelled',
  ])
})

describe('a record that cannot be read', () => {
  const unreadable = new UnreadableRecordError('a1', ['status'])
  const damaged = () =>
    serviceOver({
      records: { ...storage.records, create: noAnswer, read: () => Promise.reject(unreadable) },
    })

  it('is an error of its own, and never “retry”, on every way', async () => {
    await expect(damaged().place({ ...widget, id: 'a1' })).rejects.toBe(unreadable)
    await expect(damaged().accept({ ...widget, id: 'a1' })).rejects.toBe(unreadable)
    await expect(damaged().get('a1')).rejects.toBe(unreadable)
    expect(storage.orders).toStrictEqual([])
  })

  it('has its message delivered again, and kept on the last delivery', async () => {
    const message = '{"id":"a1","item":"widget"}'
    await expect(deliver(message, false, damaged())).rejects.toBe(unreadable)
    expect(storage.poisoned).toStrictEqual([])
    expect(await deliver(message, true, damaged())).toStrictEqual({
      outcome: 'poisoned',
      orderId: 'a1',
      reason: unreadable,
    })
    expect(storage.poisoned.map(text)).toStrictEqual([message])
  })
})

describe('a delivery without a message id', () => {
  const deliverWithout = (message: string) => service.process({ message: bytes(message), last: false })

  it('is an order under a new id, each time', async () => {
    expect(await deliverWithout('{"item":"widget"}')).toMatchObject({
      order: { id: 'new-1', item: 'widget' },
    })
    expect(await deliverWithout('{"item":"gadget"}')).toMatchObject({
      order: { id: 'new-2', item: 'gadget' },
    })
    expect([...storage.table.keys()]).toStrictEqual(['new-1', 'new-2'])
  })

  it('keeps the id that the message gives', async () => {
    expect(await deliverWithout('{"id":"a1","item":"widget"}')).toMatchObject({ order: { id: 'a1' } })
  })
})

test('a poisoned message names its order where it gives a valid id, whatever else is wrong', async () => {
  expect(await deliver('{"id":"a1","item":""}')).toMatchObject({ outcome: 'poisoned', orderId: 'a1' })
  expect(await deliver('{"id":"a 1","item":"x"}')).not.toHaveProperty('orderId')
  expect(await deliver('{"item":""}')).not.toHaveProperty('orderId')
  expect(await deliver('{"id":"a1"')).not.toHaveProperty('orderId')
})

describe('get', () => {
  it('answers the record', async () => {
    await service.place({ ...widget, id: 'a1' })
    expect(await service.get('a1')).toStrictEqual(processedWidget)
  })

  it('says so when there is none', async () => {
    await expect(service.get('a1')).rejects.toThrow(OrderNotFoundError)
  })

  it('makes no storage request for an invalid id', async () => {
    const failing = { ...storage.records, read: () => Promise.reject(outage) }
    await expect(serviceOver({ records: failing }).get("x' or '1'='1")).rejects.toThrow(OrderNotFoundError)
  })

  it('reports that storage is unavailable', async () => {
    const failing = { ...storage.records, read: () => Promise.reject(outage) }
    await expect(serviceOver({ records: failing }).get('a1')).rejects.toThrow(StorageUnavailableError)
  })
})

describe('a line of a file', () => {
  const line = (value: unknown, by = service) => by.processLine({ input: () => value, lineId: 'line-1' })

  it('is processed under its own id, or under that of the line', async () => {
    const order = { ...processedWidget, id: 'line-1' }
    expect(await line(widget)).toStrictEqual({ outcome: 'processed', order, already: false })
    expect(await line(widget)).toStrictEqual({ outcome: 'processed', order, already: true })
    expect(await line({ ...widget, id: 'a1' })).toStrictEqual({
      outcome: 'processed',
      order: processedWidget,
      already: false,
    })
  })

  it('was processed already when another call was faster between read and write', async () => {
    await service.accept({ ...widget, id: 'a1' })
    const replacing = serviceOver({
      records: {
        ...storage.records,
        replace: async (record, etag) => {
          await storage.records.replace(record, etag)
          return noAnswer()
        },
      },
    })
    expect(await line({ ...widget, id: 'a1' }, replacing)).toMatchObject({
      outcome: 'processed',
      order: { id: 'a1', status: 'processed' },
      already: true,
    })
  })

  it('is refused for good when it is no order, with its id if it has one', async () => {
    const reason = expect.any(InvalidOrderError)
    expect(await line({})).toStrictEqual({ outcome: 'refused', reason })
    expect(await line({ id: 'a1' })).toStrictEqual({ outcome: 'refused', reason, orderId: 'a1' })
  })

  it('is not refused for an outage, nor for a bug: that is thrown', async () => {
    const records = { ...storage.records, create: noAnswer, read: () => Promise.reject(outage) }
    await expect(line(widget, serviceOver({ records }))).rejects.toThrow(StorageUnavailableError)
    const bug = new TypeError('bug')
    const input = () => {
      throw bug
    }
    await expect(service.processLine({ input, lineId: 'line-1' })).rejects.toBe(bug)
  })
})
