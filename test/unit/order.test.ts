import { describe, expect, it, test } from '@jest/globals'
import fc from 'fast-check'
import { InvalidOrderError, UnreadableRecordError } from '../../src/orders/errors.ts'
import {
  contentOf,
  orderIdIn,
  parseOrder,
  parseRecord,
  sameContent,
  type StoredContent,
} from '../../src/orders/order.ts'
import { casesOf, codePoint } from '../support/cases.ts'

function faultsOf(input: unknown) {
  try {
    parseOrder(input)
  } catch (error) {
    if (error instanceof InvalidOrderError) return error.faults
    throw error
  }
  throw new Error('the order was taken')
}

const pointersOf = (input: unknown) => faultsOf(input).map(({ pointer }) => pointer)

describe('an order', () => {
  it('needs only an item; the default quantity is 1, and there is no id yet', () => {
    expect(parseOrder({ item: 'widget' })).toStrictEqual({ item: 'widget', quantity: 1 })
  })

  it('keeps the id and quantity it is given', () => {
    expect(parseOrder({ id: 'a_1-B', item: 'widget', quantity: 1000 })).toStrictEqual({
      id: 'a_1-B',
      item: 'widget',
      quantity: 1000,
    })
  })

  it('has its item trimmed', () => {
    expect(parseOrder({ item: '\n  blue widget\t' }).item).toBe('blue widget')
  })

  test.each([['null'], ['[]'], ['"widget"'], ['1'], ['true']])('must be an object: %s is refused', (json) => {
    expect(faultsOf(JSON.parse(json))).toStrictEqual([{ pointer: '', detail: 'must be an object' }])
  })

  test.each([
    ['an item', {}, '/item'],
    ['an item that is a string', { item: 7 }, '/item'],
    ['an item that is not null', { item: null }, '/item'],
    ['an item that is not empty', { item: '' }, '/item'],
    ['an item that is not blank', { item: ' \t\u3000' }, '/item'],
    ['an item of at most 200 characters', { item: 'x'.repeat(201) }, '/item'],
    ['an item of at most 200 characters of any plane', { item: '😀'.repeat(201) }, '/item'],
    ['an item without control characters', { item: 'a\u0000b' }, '/item'],
    ['an item without line breaks', { item: 'a\nb' }, '/item'],
    ['an item without C1 control characters', { item: 'a\u0085b' }, '/item'],
    ['an item without a lone high surrogate', { item: 'a\ud83d' }, '/item'],
    ['an item without a lone low surrogate', { item: '\ude00a' }, '/item'],
    ['a quantity that is a number', { item: 'x', quantity: '1' }, '/quantity'],
    ['a quantity that is not null', { item: 'x', quantity: null }, '/quantity'],
    ['a whole quantity', { item: 'x', quantity: 1.5 }, '/quantity'],
    ['a quantity of at least 1', { item: 'x', quantity: 0 }, '/quantity'],
    ['a quantity of at most 1000', { item: 'x', quantity: 1001 }, '/quantity'],
    ['a finite quantity', { item: 'x', quantity: Number.POSITIVE_INFINITY }, '/quantity'],
    ['an id that is a string', { item: 'x', id: 1 }, '/id'],
    ['an id that is not empty', { item: 'x', id: '' }, '/id'],
    ['an id of at most 64 characters', { item: 'x', id: 'a'.repeat(65) }, '/id'],
    ['an id without dots and slashes', { item: 'x', id: '../a' }, '/id'],
    ['an id without a line break at its end', { item: 'x', id: 'a\n' }, '/id'],
    ['an id of ASCII', { item: 'x', id: 'ä' }, '/id'],
  ])('needs %s', (_, input, pointer) => {
    expect(pointersOf(input)).toContain(pointer)
  })

  test.each([[200], [1]])('may have an item of %d characters, counted as code points', (length) => {
    expect(parseOrder({ item: '😀'.repeat(length) }).item).toBe('😀'.repeat(length))
  })

  it('reports every fault at once, including unknown fields', () => {
    const faults = faultsOf({ id: '', item: 5, quantity: 0, color: 'red', size: 'L' })
    expect(faults).toStrictEqual([
      { pointer: '/id', detail: 'must be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -' },
      { pointer: '/item', detail: 'must be a string' },
      { pointer: '/quantity', detail: 'must be at least 1' },
      { pointer: '/color', detail: 'is not a field of an order', logged: 'the order has an unknown field' },
      { pointer: '/size', detail: 'is not a field of an order', logged: 'the order has an unknown field' },
    ])
  })

  it('reports a missing item as required', () => {
    expect(faultsOf({})).toStrictEqual([{ pointer: '/item', detail: 'is required' }])
  })

  test.each(['__proto__', 'constructor', 'toString', 'prototype'])('may not have a field %s', (key) => {
    const input: unknown = JSON.parse(`{"item":"x",${JSON.stringify(key)}:{"item":"y"}}`)
    expect(pointersOf(input)).toStrictEqual([`/${key}`])
  })

  it('has its pointers escaped', () => {
    expect(pointersOf({ item: 'x', 'a/b~c': 1 })).toStrictEqual(['/a~1b~0c'])
  })

  it('ignores an item in its prototype', () => {
    expect(pointersOf(JSON.parse('{"__proto__":{"item":"y"}}'))).toStrictEqual(['/item', '/__proto__'])
  })
})

describe('any JSON value', () => {
  const nearlyAnOrder = fc.record(
    {
      id: fc.oneof(fc.stringMatching(/^[A-Za-z0-9_-]{0,66}$/), fc.jsonValue()),
      item: fc.oneof(
        fc.string({ unit: codePoint, maxLength: 210 }),
        fc.string({ maxLength: 210 }),
        fc.jsonValue(),
      ),
      quantity: fc.oneof(fc.integer({ min: -1, max: 1002 }), fc.jsonValue()),
      extra: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )

  it('is either refused with pointers to the faults, or parsed to an order that parses to itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearlyAnOrder), (value) => {
        const input: unknown = JSON.parse(JSON.stringify(value))
        try {
          const order = parseOrder(input)
          expect(order.item).toBe(order.item.trim())
          expect(Array.from(order.item).length).toBeGreaterThanOrEqual(1)
          expect(Array.from(order.item).length).toBeLessThanOrEqual(200)
          expect(order.item.isWellFormed()).toBe(true)
          expect(order.quantity % 1).toBe(0)
          expect(parseOrder(JSON.parse(JSON.stringify(order)))).toStrictEqual(order)
        } catch (error) {
          if (!(error instanceof InvalidOrderError)) throw error
          expect(error.faults.length).toBeGreaterThan(0)
          for (const { pointer, detail } of error.faults) {
            expect(pointer).toMatch(/^(\/([^/~]|~0|~1)*)?$/s)
            expect(detail).not.toBe('')
          }
        }
      }),
      { numRuns: casesOf(3000) },
    )
  })
})

test('two orders have the same content when item and quantity agree, whatever their ids', () => {
  expect(sameContent({ item: 'x', quantity: 1 }, { quantity: 1, item: 'x' })).toBe(true)
  expect(sameContent({ item: 'x', quantity: 1 }, { item: 'x', quantity: 2 })).toBe(false)
  expect(sameContent({ item: 'x', quantity: 1 }, { item: 'X', quantity: 1 })).toBe(false)
})

test('two orders have the same content when a number is written as -0 or 0, as JSON has it', () => {
  expect(sameContent({ item: 'x', quantity: -0 }, { item: 'x', quantity: 0 })).toBe(true)
})

test('the content of an order is its content fields, in their order, and those alone that it has', () => {
  const record = { status: 'accepted', quantity: 2, id: 'a1', item: 'x' } as const
  expect(JSON.stringify(contentOf(record))).toBe('{"item":"x","quantity":2}')
  expect(contentOf({ item: 'x' } as unknown as StoredContent)).toStrictEqual({ item: 'x' })
})

describe('the id in a message, whatever else is wrong with it', () => {
  it.each([[{ id: 'a1' }], [{ id: 'a1', item: 7 }]])('%j has one', (input) => {
    expect(orderIdIn(input)).toBe('a1')
  })

  it.each([
    [undefined],
    [null],
    ['a1'],
    [[]],
    [{}],
    [{ item: 'x' }],
    [{ id: 1 }],
    [{ id: null }],
    [{ id: ['a1'] }],
    [{ id: 'a 1' }],
    [{ id: '' }],
    [JSON.parse('{"__proto__":{"id":"a1"}}')],
    [Object.create({ id: 'a1' })],
  ])('%j has none', (input: unknown) => {
    expect(orderIdIn(input)).toBeUndefined()
  })
})

describe('a stored record', () => {
  const stored = {
    item: 'x',
    quantity: 2,
    status: 'processed',
    message: 'm',
    processedAt: '2026-01-02T12:00:00.000Z',
  }

  it('is read with its fields in one order, and without what else is stored', () => {
    const { processedAt, ...rest } = stored
    expect(JSON.stringify(parseRecord('a1', { processedAt, etag: 'e', ...rest, id: 'other' }))).toBe(
      JSON.stringify({ id: 'a1', ...stored }),
    )
  })

  it.each<[readonly string[], Record<string, unknown>]>([
    [['status'], { ...stored, status: 'cancelled' }],
    [['status'], {}],
    [['message'], { ...stored, message: null }],
    [['item', 'processedAt'], { ...stored, item: 1, processedAt: 'yesterday' }],
    [['acceptedAt'], { ...stored, status: 'accepted' }],
  ])('that cannot be read is an error that names the fields %j', (fields, record) => {
    expect(() => parseRecord('a1', record)).toThrow(new UnreadableRecordError('a1', fields))
  })
})
