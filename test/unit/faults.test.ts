import { describe, expect, it } from '@jest/globals'
import * as v from 'valibot'
import { schemaFaults, storageFaults } from '../../src/orders/faults.ts'

// Fields that the order does not have today, and another team's has.
const line = v.strictObject({
  sku: v.string(),
  quantity: v.pipe(v.number(), v.integer('must be an integer')),
})
const schema = v.strictObject({
  lines: v.array(line),
  labels: v.record(v.string(), v.pipe(v.string(), v.maxLength(3, 'is too long'))),
  payment: v.exactOptional(
    v.variant('by', [
      v.strictObject({ by: v.literal('card'), last4: v.string() }),
      v.strictObject({ by: v.literal('invoice'), to: v.record(v.string(), line) }),
    ]),
  ),
  size: v.exactOptional(v.tuple([v.number(), line])),
  more: v.exactOptional(v.objectWithRest({ a: v.string() }, v.number())),
})

function faultsOf(input: unknown) {
  return schemaFaults(schema, input, v.safeParse(schema, input).issues ?? [])
}

describe('what a schema says is wrong', () => {
  it('is named by its place, at any depth', () => {
    expect(faultsOf({ lines: [{ sku: 'a', quantity: 1 }, { sku: 'b' }], labels: {} })).toStrictEqual([
      { pointer: '/lines/1/quantity', detail: 'is required' },
    ])
  })

  it('may be the value itself', () => {
    expect(faultsOf('SECRET')).toStrictEqual([{ pointer: '', detail: 'must be Object' }])
  })

  it('has the words of the rule, or those of its type, and never what was sent', () => {
    const faults = faultsOf({ lines: [{ sku: 7, quantity: 1.5 }], labels: {} })
    expect(faults).toStrictEqual([
      { pointer: '/lines/0/sku', detail: 'must be string' },
      { pointer: '/lines/0/quantity', detail: 'must be an integer' },
    ])
  })

  it('is logged without the keys that the sender chose', () => {
    expect(faultsOf({ lines: [], labels: { 'SECRET/~': 'four' } })).toStrictEqual([
      { pointer: '/labels/SECRET~1~0', detail: 'is too long', logged: '/labels/* is too long' },
    ])
  })
})

describe('an unknown field is named to the sender, and counted in the log', () => {
  const unknown = (place: string, logged: string) => ({
    pointer: place,
    detail: 'is not a field of an order',
    logged: `${logged} has an unknown field`,
  })

  it('all of them, in objects and arrays', () => {
    const lines = [{ sku: 'a', quantity: 1, SECRET: 1, SECRET2: 2 }]
    expect(faultsOf({ lines, labels: {}, 'a/b': 1 })).toStrictEqual([
      unknown('/lines/0/SECRET', '/lines/0'),
      unknown('/lines/0/SECRET2', '/lines/0'),
      unknown('/a~1b', 'the order'),
    ])
  })

  it.each([
    [
      { payment: { by: 'invoice', to: { SECRET: { sku: 'a', quantity: 1, color: 'red' } } } },
      unknown('/payment/to/SECRET/color', '/payment/to/*'),
    ],
    [{ payment: { by: 'card', last4: '1234', SECRET: 1 } }, unknown('/payment/SECRET', '/payment')],
    [{ size: [1, { sku: 'a', quantity: 1, SECRET: 1 }] }, unknown('/size/1/SECRET', '/size/1')],
  ])('in values of records, tuples and variants: %j', (fields, expected) => {
    expect(faultsOf({ lines: [], labels: {}, ...fields })).toStrictEqual([expected])
  })

  it('is not one where any may be, and its value is named without it', () => {
    expect(faultsOf({ lines: [], labels: {}, more: { a: 'b', SECRET: 'c' } })).toStrictEqual([
      { pointer: '/more/SECRET', detail: 'must be number', logged: '/more/* must be number' },
    ])
  })
})

describe('what storage could not keep', () => {
  it('is a text with half of a surrogate pair, at any depth', () => {
    const order = { lines: [{ sku: 'a' }, { sku: '\ud83d' }], note: 'fine 😀', count: 1, none: null }
    expect(storageFaults(order)).toStrictEqual([
      {
        pointer: '/lines/1/sku',
        detail: 'must be well-formed Unicode',
        logged: '/lines must be well-formed Unicode',
      },
    ])
  })

  it('is a key with half of a surrogate pair', () => {
    expect(storageFaults({ labels: { '\ude00': 'a' } })).toMatchObject([{ pointer: '/labels/\ude00' }])
  })

  it('is more than 32 KiB of JSON, counted in bytes', () => {
    const limit = 32 * 1024
    // Two bytes each.
    const text = 'é'.repeat((limit - '{"note":"x"}'.length) / 2)
    expect(storageFaults({ note: `${text}x` })).toStrictEqual([])
    expect(storageFaults({ note: `${text}xy` })).toStrictEqual([
      { pointer: '', detail: `must be at most ${limit} bytes of JSON` },
    ])
  })
})
