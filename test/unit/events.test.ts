import { beforeEach, describe, expect, it } from '@jest/globals'
import { InvocationContext, type LogLevel } from '@azure/functions'
import { orderChangedHandler } from '../../src/functions/orderChanged.ts'
import { orderEvent, sendEvents, type OrderEvent, type OrderEvents } from '../../src/orders/events.ts'
import type { AcceptedOrder, ProcessedOrder } from '../../src/orders/order.ts'

const accepted: AcceptedOrder = {
  id: 'a1',
  item: 'widget',
  quantity: 2,
  status: 'accepted',
  acceptedAt: '2026-01-02T12:00:00.000Z',
}
const processed: ProcessedOrder = {
  ...accepted,
  status: 'processed',
  message: 'Order for widget processed!',
  processedAt: '2026-01-02T12:00:01.000Z',
}
/** As it is in Cosmos DB. */
const stored = (record: object) => ({ ...record, _rid: 'r', _etag: 'e', _ts: 1, _lsn: 2 })

let sent: OrderEvent[]
let failing: string[]
const events: OrderEvents = {
  send(event) {
    if (failing.includes(event.subject)) return Promise.reject(new Error(`no queue for ${event.subject}`))
    sent.push(event)
    return Promise.resolve()
  },
}

beforeEach(() => {
  sent = []
  failing = []
})

describe('an event', () => {
  it('of an accepted order says so, and when', () => {
    expect(orderEvent(accepted)).toStrictEqual({
      specversion: '1.0',
      id: 'a1:accepted',
      source: '/orders',
      type: 'orders.accepted',
      subject: 'a1',
      time: '2026-01-02T12:00:00.000Z',
      datacontenttype: 'application/json',
      data: accepted,
    })
  })

  it('of a processed order has another id, and the time of that', () => {
    expect(orderEvent(processed)).toMatchObject({
      id: 'a1:processed',
      type: 'orders.processed',
      time: '2026-01-02T12:00:01.000Z',
      data: processed,
    })
  })
})

describe('a batch of changes', () => {
  it('is an event for each record, with the record and nothing that storage adds', async () => {
    const items = [stored(accepted), stored({ ...processed, id: 'b2' })]
    expect(await sendEvents(items, events)).toStrictEqual({ events: 2, unreadable: [] })
    expect(sent).toStrictEqual([orderEvent(accepted), orderEvent({ ...processed, id: 'b2' })])
  })

  it('that comes again is the same events again', async () => {
    const items = [stored(accepted), stored({ ...processed, id: 'b2' })]
    await sendEvents(items, events)
    const first = [...sent]
    sent = []
    await sendEvents(items, events)
    expect(sent).toStrictEqual(first)
  })

  it('fails when an item fails in a way that nobody has thought of: it may be an order', async () => {
    const odd = Object.defineProperty(stored(processed), 'item', {
      get: () => {
        throw new RangeError('odd')
      },
    })
    await expect(sendEvents([odd], events)).rejects.toThrow(new RangeError('odd'))
  })

  it('fails when one event cannot be sent, after all the others', async () => {
    failing = ['a1']
    const items = ['a1', 'b2', 'c3'].map((id) => stored({ ...processed, id }))
    await expect(sendEvents(items, events)).rejects.toThrow('no queue for a1')
    expect(sent.map(({ subject }) => subject)).toStrictEqual(['b2', 'c3'])
  })

  it.each<[string, unknown, string]>([
    ['a damaged record', stored({ ...processed, message: null }), 'message'],
    ['a status of a newer version', stored({ ...processed, status: 'cancelled' }), 'status'],
    ['an item without an id', { item: 'widget' }, 'id'],
    ['an id that no order has', stored({ ...processed, id: 'a b' }), 'id'],
    ['null', null, 'id'],
  ])('has no event for what cannot be read, and is not held up by it: %s', async (_, item, field) => {
    const outcome = await sendEvents([item, stored({ ...processed, id: 'b2' })], events)
    expect(outcome.events).toBe(1)
    expect(outcome.unreadable.map(({ message }) => message)).toStrictEqual([
      expect.stringMatching(new RegExp(`cannot be read: ${field}\\.$`)),
    ])
    expect(sent.map(({ subject }) => subject)).toStrictEqual(['b2'])
  })
})

describe('orderChanged', () => {
  async function logged(items: unknown[], port = () => Promise.resolve(events)) {
    const lines: [LogLevel, unknown][] = []
    const context = new InvocationContext({
      functionName: 'orderChanged',
      logHandler: (level, ...texts) => lines.push([level, JSON.parse(texts.join(' '))]),
    })
    const error: unknown = await Promise.resolve(orderChangedHandler(port)(items, context)).catch(
      (e: unknown) => e,
    )
    return { lines, error }
  }

  it('sends the events of a batch, and says how many', async () => {
    expect(await logged([stored(accepted), stored({ ...processed, id: 'b2' })])).toStrictEqual({
      lines: [['information', { event: 'changes', changes: 2, events: 2 }]],
      error: undefined,
    })
    expect(sent).toHaveLength(2)
  })

  it('names a record that cannot be read', async () => {
    const { lines, error } = await logged([stored({ ...processed, message: null })])
    expect(error).toBeUndefined()
    expect(lines).toStrictEqual([
      [
        'error',
        {
          event: 'changes',
          orderId: 'a1',
          reason: 'The stored record of order a1 cannot be read: message.',
        },
      ],
      ['information', { event: 'changes', changes: 1, events: 0 }],
    ])
  })

  it.each<[string, () => Promise<OrderEvents>]>([
    ['an event cannot be sent', () => Promise.resolve(events)],
    ['the queue is not configured', () => Promise.reject(new Error('no queue for a1'))],
  ])('fails when %s, so that the batch comes again, and says why', async (_, port) => {
    failing = ['a1']
    const { lines, error } = await logged([stored(accepted)], port)
    expect(error).toMatchObject({ message: 'no queue for a1' })
    expect(lines).toStrictEqual([
      ['error', { event: 'changes', changes: 1, reason: expect.stringContaining('no queue for a1') }],
    ])
  })
})
