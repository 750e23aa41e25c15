import { describe, expect, it, test } from '@jest/globals'
import * as v from 'valibot'
import { check } from '../../src/orders/check.ts'

// The rules that hold for orders with any fields, those included that somebody adds later.

const schema = v.strictObject({
  text: v.optional(v.string('must be a string'), 'none'),
  note: v.optional(v.nullable(v.string())),
  lines: v.optional(v.array(v.strictObject({ sku: v.string(), count: v.optional(v.number()) }))),
  labels: v.optional(v.record(v.string(), v.string())),
})

const faultsOf = (input: unknown, by: v.GenericSchema<unknown, object> = schema) => check(by, input).faults
const HIGH = '\ud83d'

test('a valid order is what its schema makes of it', () => {
  expect(check(schema, {})).toStrictEqual({ draft: { text: 'none' } })
  const order = { text: 'é😀', note: null, lines: [{ sku: 'a' }, { sku: 'b', count: 1 }], labels: { a: 'b' } }
  expect(check(schema, order)).toStrictEqual({ draft: order })
})

test.each([[undefined], [null], [[]], ['text'], [1]])('%j is no order, whatever the schema', (input) => {
  expect(faultsOf(input, v.looseObject({}))).toStrictEqual([{ pointer: '', detail: 'must be an object' }])
})

describe('every fault is reported at once', () => {
  it('those of the rules first, then the unknown fields at any depth', () => {
    expect(faultsOf({ text: 1, lines: [{}, { sku: 'a', colour: 'red' }], size: 1 })).toStrictEqual([
      { pointer: '/text', detail: 'must be a string' },
      { pointer: '/lines/0/sku', detail: 'is required' },
      {
        pointer: '/lines/1/colour',
        detail: 'is not a field of an order',
        logged: '/lines/1 has an unknown field',
      },
      { pointer: '/size', detail: 'is not a field of an order', logged: 'the order has an unknown field' },
    ])
  })

  const line = v.strictObject({ sku: v.string() })
  it.each<[string, v.GenericSchema, unknown, string, string]>([
    ['a record', v.record(v.string(), line), { SECRET: { sku: 'a', x: 1 } }, '/field/SECRET/x', '/field/*'],
    ['a tuple', v.tuple([v.number(), line]), [1, { sku: 'a', SECRET: 1 }], '/field/1/SECRET', '/field/1'],
    [
      'one of several objects',
      v.variant('by', [v.strictObject({ by: v.literal('a') }), v.strictObject({ by: v.literal('b') })]),
      { by: 'b', SECRET: 1 },
      '/field/SECRET',
      '/field',
    ],
  ])('unknown fields in values of %s', (_, field, value, pointer, owner) => {
    expect(faultsOf({ field: value }, v.strictObject({ field }))).toStrictEqual([
      { pointer, detail: 'is not a field of an order', logged: `${owner} has an unknown field` },
    ])
  })

  it('unknown fields alone', () => {
    expect(faultsOf({ size: 1 })).toMatchObject([{ pointer: '/size' }])
  })
})

describe('a text that is not well-formed Unicode is refused, because JSON readers do not agree on it', () => {
  const malformed = 'must be well-formed Unicode'

  it.each<[string, unknown, string, string]>([
    ['in a field', { text: `a${HIGH}` }, '/text', '/text'],
    ['in an object in an array', { lines: [{ sku: 'a' }, { sku: HIGH }] }, '/lines/1/sku', '/lines'],
    ['in a record', { labels: { secret: HIGH } }, '/labels/secret', '/labels'],
    ['as a key of a record', { labels: { [HIGH]: 'a' } }, `/labels/${HIGH}`, '/labels'],
  ])('%s, and the log has nothing that the sender made up', (_, input, pointer, logged) => {
    expect(faultsOf(input)).toStrictEqual([{ pointer, detail: malformed, logged: `${logged} ${malformed}` }])
  })

  it('each of them', () => {
    expect(faultsOf({ text: HIGH, note: HIGH, labels: { [HIGH]: HIGH } })).toMatchObject(
      ['/text', '/note', `/labels/${HIGH}`, `/labels/${HIGH}`].map((pointer) => ({ pointer })),
    )
  })
})

describe('an order is at most 32 KiB of JSON', () => {
  const LIMIT = 32 * 1024
  const room = LIMIT - JSON.stringify({ text: '' }).length

  it.each([
    ['x', room],
    ['é', Math.floor(room / 2)],
  ])('of %j, counted in bytes of UTF-8', (character, count) => {
    expect(faultsOf({ text: character.repeat(count) })).toBeUndefined()
    expect(faultsOf({ text: character.repeat(count + 1) })).toStrictEqual([
      { pointer: '', detail: 'must be at most 32768 bytes of JSON' },
    ])
  })

  it('and every text that storage could not keep is reported as well', () => {
    expect(faultsOf({ text: HIGH + 'x'.repeat(LIMIT) })).toMatchObject([
      { pointer: '/text' },
      { pointer: '' },
    ])
  })
})

describe('a fault is described by the rule, and never by what was sent', () => {
  it.each<[string, v.GenericSchema, unknown, string]>([
    ['a rule’s own words', v.string('must be text'), 1, 'must be text'],
    ['the expected type instead of valibot’s words', v.string(), 'SECRET'.length, 'must be string'],
    ['the expected value', v.picklist(['a', 'b']), 'SECRET', 'must be ("a" | "b")'],
    ['the expected limit', v.pipe(v.string(), v.maxLength(3)), 'SECRET', 'must be <=3'],
    ['a missing field', v.string('must be text'), undefined, 'is required'],
    [
      'own words that only contain valibot’s',
      v.string('is Invalid x: Expected y but received z'),
      1,
      'is Invalid x: Expected y but received z',
    ],
    [
      'own words of a rule that expects nothing in particular',
      v.pipe(
        v.string(),
        v.check(() => false, 'Invalid x: Expected y but received z'),
      ),
      'a',
      'Invalid x: Expected y but received z',
    ],
  ])('%s', (_, field, value, detail) => {
    const input = value === undefined ? {} : { field: value }
    expect(faultsOf(input, v.strictObject({ field }))).toStrictEqual([{ pointer: '/field', detail }])
  })

  it.each<[string, v.GenericSchema, unknown, string]>([
    ['a record', v.record(v.string(), v.number()), { SECRET: 'a' }, '/field/*'],
    [
      'an object in a record',
      v.record(v.string(), v.object({ a: v.number() })),
      { SECRET: { a: 'a' } },
      '/field/*/a',
    ],
    [
      'the rest of an object',
      v.objectWithRest({ a: v.string() }, v.number()),
      { a: 'a', SECRET: 'a' },
      '/field/*',
    ],
    [
      'a record in an array',
      v.pipe(v.array(v.record(v.string(), v.number()))),
      [{ SECRET: 'a' }],
      '/field/0/*',
    ],
  ])('and the log has no key that the sender made up: %s', (_, field, value, place) => {
    const [fault] = faultsOf({ field: value }, v.strictObject({ field: v.optional(field) })) ?? []
    expect(fault).toMatchObject({ detail: 'must be number', logged: `${place} must be number` })
  })

  it('a key of one of several objects is the schema’s own', () => {
    const field = v.variant('a', [
      v.object({ a: v.literal(0), c: v.string() }),
      v.object({ a: v.literal(1), b: v.object({ c: v.number() }) }),
    ])
    expect(faultsOf({ field: { a: 1, b: { c: 'a' } } }, v.strictObject({ field }))).toStrictEqual([
      { pointer: '/field/b/c', detail: 'must be number' },
    ])
  })

  it('the keys of a record are the sender’s, those of objects and arrays are not', () => {
    expect(faultsOf({ labels: { 'SE/CR~ET': 1 } })).toStrictEqual([
      { pointer: '/labels/SE~1CR~0ET', detail: 'must be string', logged: '/labels/* must be string' },
    ])
    expect(faultsOf({ lines: [{ sku: 1 }] })).toStrictEqual([
      { pointer: '/lines/0/sku', detail: 'must be string' },
    ])
  })

  it('a rule about the whole order has the pointer of the whole', () => {
    const never = v.pipe(
      schema,
      v.check(() => false, 'must not be'),
    )
    expect(faultsOf({}, never)).toStrictEqual([{ pointer: '', detail: 'must not be' }])
  })
})
