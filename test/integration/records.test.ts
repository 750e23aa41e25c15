import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Fault } from 'testkit/faultProxy'
import { StorageUnavailableError, UnreadableRecordError } from '../../src/orders/errors.ts'
import {
  parseOrder,
  type AcceptedOrder,
  type OrderRecord,
  type ProcessedOrder,
} from '../../src/orders/order.ts'
import { createService } from '../../src/orders/service.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { anyOrder } from '../support/contentFields.ts'
import { isRemote, RECORD_STORES, type RecordStore, type RemoteRecordStore } from '../support/recordStores.ts'

// What the port of order records promises (src/orders/ports.ts), of each of its implementations.

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

describe.each(Object.keys(RECORD_STORES))('order records %s', (name) => {
  let store: RecordStore

  beforeAll(async () => {
    store = await open(name)
  }, 60_000)

  afterAll(() => store.stop())

  const stored = async () => (await store.records.read(id))?.record
  const etagOf = async () => (await store.records.read(id))?.etag ?? ''

  describe('before the first use', () => {
    beforeEach(() => store.removeAll())

    it('there are none, and a replacement finds nothing to replace', async () => {
      expect(await stored()).toBeUndefined()
      expect(await store.records.replace(processed(), '"1"')).toMatchObject({ written: false })
      expect(await stored()).toBeUndefined()
    })

    it('the first is created all the same', async () => {
      expect(await store.records.create(accepted())).toStrictEqual({ written: true })
      expect(await stored()).toStrictEqual(accepted())
    })

    it('many concurrent ones are created all the same', async () => {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.records.create({ ...accepted(), id: `${id}-${i}` })),
      )
      expect(results).toStrictEqual(results.map(() => ({ written: true })))
    })
  })

  describe('are read', () => {
    it('as they were written, with their fields in the same order', async () => {
      await store.records.create(processed())
      expect(JSON.stringify(await stored())).toBe(JSON.stringify(processed()))
      const { acceptedAt: _, ...neverAccepted } = { ...processed(), id: `${id}-2` }
      await store.records.create(neverAccepted)
      const { record } = (await store.records.read(`${id}-2`)) ?? {}
      expect(JSON.stringify(record)).toBe(JSON.stringify(neverAccepted))
    })

    it('with every content as it was written, whatever its fields', async () => {
      const orders = fc.sample(anyOrder, 40).map((order, i) => ({ ...parseOrder(order), id: `${id}-${i}` }))
      for (const order of orders) {
        const record: OrderRecord = { ...processed(), ...order }
        await store.records.create(record)
        expect(JSON.parse(JSON.stringify((await store.records.read(order.id))?.record))).toStrictEqual(
          JSON.parse(JSON.stringify(record)),
        )
      }
    })

    it.each([
      'plain',
      'Ω ≈ ç',
      '日本語 😀 𝕏',
      `quotes ' " \\ and <xml/> & %27`,
      '\u2028\u00a0x',
      'e\u0301',
      '$()*+,;=:@/?#',
    ])('with the item %j as it is', async (item) => {
      await store.records.create({ ...accepted(), item })
      expect((await stored())?.item).toBe(item)
    })

    it('with limits that are others now', async () => {
      await store.records.create({ ...processed(), item: 'x'.repeat(300), quantity: 5000 })
      expect(await stored()).toMatchObject({ quantity: 5000 })
    })

    it('only by their very id', async () => {
      await store.records.create(accepted())
      expect(await store.records.read(`${id}-other`)).toBeUndefined()
      expect(await store.records.read(id.toUpperCase())).toBeUndefined()
    })

    it.each(['a', '-', '_', 'Az-09_', 'x'.repeat(64)])('and written under the id %s', async (some) => {
      id = some
      await store.records.create(accepted())
      expect(await store.records.replace(processed(), await etagOf())).toStrictEqual({ written: true })
      expect(await stored()).toStrictEqual(processed())
    })

    it.each<[string, Record<string, unknown>]>([
      ['status', { status: 'cancelled' }],
      ['status', { status: null }],
      ['item', { item: null }],
      ['quantity', { quantity: 'two' }],
      ['processedAt', { processedAt: 'yesterday' }],
      ['message', { message: null }],
    ])('not at all when their %s is damaged, and the error names it: %j', async (field, change) => {
      await store.records.create(processed())
      await store.damage(id, change)
      const error: unknown = await store.records.read(id).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(UnreadableRecordError)
      expect(error).toMatchObject({
        id,
        message: `The stored record of order ${id} cannot be read: ${field}.`,
      })
    })
  })

  describe('are written', () => {
    it('once: a record that exists is not created', async () => {
      await store.records.create(accepted())
      expect(await store.records.create(processed())).toMatchObject({ written: false })
      expect(await stored()).toStrictEqual(accepted())
    })

    it('by one of many concurrent creations', async () => {
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, i) => store.records.create({ ...processed(), quantity: i + 1 })),
      )
      const winners = results.flatMap(({ written }, i) => (written ? [i + 1] : []))
      expect(winners).toHaveLength(1)
      expect((await stored())?.quantity).toBe(winners[0])
    })

    it('over the version that was read, as a whole, and over no other', async () => {
      await store.records.create(accepted())
      const etag = await etagOf()
      const { acceptedAt: _, ...whole } = processed()
      expect(await store.records.replace(whole, etag)).toStrictEqual({ written: true })
      expect(await store.records.replace({ ...processed(), quantity: 9 }, etag)).toMatchObject({
        written: false,
      })
      expect(await stored()).toStrictEqual(whole)
    })

    it('over a record by one of many concurrent replacements', async () => {
      await store.records.create(accepted())
      const etag = await etagOf()
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          store.records.replace({ ...processed(), quantity: i + 1 }, etag),
        ),
      )
      const winners = results.flatMap(({ written }, i) => (written ? [i + 1] : []))
      expect(winners).toHaveLength(1)
      expect((await stored())?.quantity).toBe(winners[0])
    })

    it('without a way back: what is damaged stays as it is', async () => {
      await store.records.create(processed())
      await store.damage(id, { status: 'cancelled' })
      expect(await store.records.create(processed())).toMatchObject({ written: false })
      await expect(store.records.read(id)).rejects.toBeInstanceOf(UnreadableRecordError)
    })
  })
})

const REMOTE = Object.keys(RECORD_STORES).filter((name) => name !== 'in memory')

describe.each(REMOTE)('order records %s, behind a network', (name) => {
  let store: RemoteRecordStore

  beforeAll(async () => {
    const opened = await open(name)
    if (!isRemote(opened)) throw new Error(`${name} is behind no network`)
    store = opened
    await store.records.create({ ...accepted(), id: 'the-first' })
  }, 60_000)

  afterEach(() => {
    store.next()
  })

  afterAll(() => store.stop())

  const stored = async () => (await store.records.read(id))?.record
  const service = () =>
    createService({
      ...memoryStorage(),
      records: store.records,
      now: () => new Date(),
      newId: () => id,
    })

  /** The request gets through, its response does not. */
  const LOST: readonly Fault['kind'][] = ['drop', 'cut']
  const fault = (kind: Fault['kind']) => ({ kind }) as Fault

  it.each(LOST)(
    'a creation whose response is lost (%s) is not known to have taken place, and has',
    async (kind) => {
      store.next(fault(kind))
      expect(await store.records.create(processed())).toMatchObject({ written: false })
      expect(await stored()).toStrictEqual(processed())
    },
  )

  it.each(LOST)('a replacement whose response is lost (%s) is not known, either', async (kind) => {
    await store.records.create(accepted())
    const etag = (await store.records.read(id))?.etag ?? ''
    store.next(fault(kind))
    expect(await store.records.replace(processed(), etag)).toMatchObject({ written: false })
    expect(await stored()).toStrictEqual(processed())
  })

  it.each(LOST)('an order is placed once, whichever response is lost (%s)', async (kind) => {
    const draft = { id, item: 'widget', quantity: 2 }
    await service().accept(draft)
    // The creation that finds the accepted record, the read of it, and its replacement.
    store.next(fault('pass'), fault('pass'), fault(kind))
    const answered = await service().place(draft)
    expect(answered).toStrictEqual(await stored())
    store.next(fault(kind))
    expect(await service().place(draft)).toStrictEqual(answered)
  })

  it('a read whose response is lost is made again', async () => {
    await store.records.create(processed())
    store.next(fault('drop'))
    expect(await stored()).toStrictEqual(processed())
  })

  it('a request that is refused, or that storage is too busy for, is made again', async () => {
    for (const [i, each] of [fault('refuse'), store.busy].entries()) {
      const record = { ...accepted(), id: `${id}-${i}` }
      store.next(each)
      expect(await store.records.create(record)).toStrictEqual({ written: true })
      store.next(each)
      const { etag = '' } = (await store.records.read(record.id)) ?? {}
      store.next(each)
      expect(await store.records.replace({ ...processed(), id: record.id }, etag)).toStrictEqual({
        written: true,
      })
    }
  })

  it.each<[string, () => Fault]>([
    ['is too busy for it', () => store.busy],
    ['does not respond', () => ({ kind: 'hang', ms: 60_000 })],
  ])('an operation ends when storage %s all the time, and nothing is known', async (_, each) => {
    await store.records.create(accepted())
    const etag = (await store.records.read(id))?.etag ?? ''
    store.always(each())
    const [creation, replacement, reading] = await Promise.all([
      store.records.create({ ...accepted(), id: `${id}-2` }),
      store.records.replace(processed(), etag),
      store.records.read(id).catch((error: unknown) => error),
    ])
    expect(creation).toMatchObject({ written: false })
    expect(replacement).toMatchObject({ written: false })
    // Nothing else has a name, and an error of Node.js is no `Error` of Jest's.
    expect(reading).toHaveProperty('name')
    expect(reading).not.toBeInstanceOf(UnreadableRecordError)
    await expect(service().place({ id, item: 'widget', quantity: 2 })).rejects.toBeInstanceOf(
      StorageUnavailableError,
    )
    store.next()
    expect(await stored()).toStrictEqual(accepted())
  })

  it('an operation ends when storage is away, and the next one works when it is back', async () => {
    await store.records.create(accepted())
    await store.goOffline()
    try {
      expect(await store.records.create(accepted())).toMatchObject({ written: false })
      await expect(store.records.read(id)).rejects.toThrow()
      await expect(service().get(id)).rejects.toBeInstanceOf(StorageUnavailableError)
    } finally {
      await store.goOnline()
    }
    expect(await service().place({ id, item: 'widget', quantity: 2 })).toMatchObject({ status: 'processed' })
  })
})

function open(name: string): Promise<RecordStore> {
  const start = RECORD_STORES[name]
  if (start === undefined) throw new Error(`there are no records ${name}`)
  return start()
}
