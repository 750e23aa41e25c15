import { createHash } from 'node:crypto'
import { describe, expect, it, test } from '@jest/globals'
import fc from 'fast-check'
import { numberedQueues, POISON_QUEUE, poisonQueueOf, ORDERS_QUEUE } from '../../src/storage/names.ts'
import { orderQueueCount } from '../../src/storage/queueCount.ts'
import { orderQueueOf } from '../../src/storage/queues.ts'
import { StorageSettingsError } from '../../src/storage/settingsError.ts'

const LAST_COUNT = 32

describe('ORDER_QUEUES', () => {
  it('is 1 when it is not set', () => {
    expect(orderQueueCount({})).toBe(1)
    expect(orderQueueCount({ ORDER_QUEUES: '' })).toBe(1)
    expect(orderQueueCount({ ORDER_QUEUES: undefined })).toBe(1)
  })

  it('is any whole number from 1 to 32, in any spelling of its name', () => {
    for (let count = 1; count <= LAST_COUNT; count++) {
      expect(orderQueueCount({ order_queues: String(count) })).toBe(count)
    }
    expect(orderQueueCount({ ORDER_QUEUES: '4', order_queues: '4' })).toBe(4)
  })

  it.each(['0', '33', '-1', '1.5', '04', '4x', ' ', '1e1', 'four', '100'])(
    'is refused as %j, with what is allowed',
    (value) => {
      const read = () => orderQueueCount({ ORDER_QUEUES: value })
      expect(read).toThrow(StorageSettingsError)
      expect(read).toThrow(`ORDER_QUEUES is ${JSON.stringify(value)}. Set it to a whole number from 1 to 32`)
    },
  )

  it('is refused when two spellings of its name have different values', () => {
    expect(() => orderQueueCount({ ORDER_QUEUES: '4', order_queues: '2' })).toThrow(
      'ORDER_QUEUES is "4" and "2".',
    )
  })
})

describe('the queue of an order', () => {
  it('is orders when there is one queue, or no id', () => {
    expect(orderQueueOf('a1', 1)).toBe('orders')
    expect(orderQueueOf(undefined, 1)).toBe('orders')
    expect(orderQueueOf(undefined, 4)).toBe('orders')
  })

  // What other systems rely on, and what waits in a queue: it must never change.
  it.each([
    ['order-1', 4, 'orders-3'],
    ['a', 32, 'orders-27'],
    ['order-1', 32, 'orders-23'],
  ])('of %s among %d is %s', (id, count, queue) => {
    expect(orderQueueOf(id, count)).toBe(queue)
  })

  it('is the last 4 bytes of SHA-256(id) modulo the number of queues', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
        fc.integer({ min: 2, max: LAST_COUNT }),
        (id, count) => {
          const hex = createHash('sha256').update(id).digest('hex')
          expect(orderQueueOf(id, count)).toBe(`orders-${Number.parseInt(hex.slice(-8), 16) % count}`)
        },
      ),
    )
  })

  it('spreads orders evenly, also those of one table partition', () => {
    const counts = new Map<string, number>()
    let found = 0
    for (let number = 0; found < 800; number++) {
      const id = `order-${number}`
      if (!createHash('sha256').update(id).digest('hex').startsWith('a')) continue
      found++
      counts.set(orderQueueOf(id, 4), (counts.get(orderQueueOf(id, 4)) ?? 0) + 1)
    }
    expect([...counts.keys()].sort()).toStrictEqual(['orders-0', 'orders-1', 'orders-2', 'orders-3'])
    for (const count of counts.values()) expect(count).toBeGreaterThan(150)
  })
})

test('there are no numbered queues with one queue, and as many as there should be otherwise', () => {
  expect(numberedQueues(1)).toStrictEqual([])
  expect(numberedQueues(2)).toStrictEqual(['orders-0', 'orders-1'])
  expect(numberedQueues(LAST_COUNT)).toHaveLength(LAST_COUNT)
})

test('the poison queue is the one the host takes', () => {
  expect(poisonQueueOf(ORDERS_QUEUE)).toBe(POISON_QUEUE)
})
