import { describe, expect, it, test } from '@jest/globals'
import * as v from 'valibot'
import { fromColumns, toColumns } from '../../src/storage/columns.ts'
import {
  cellType,
  exampleOf,
  isRequired,
  isScalar,
  namedKeys,
  requireFieldName,
  storedField,
  storedSchema,
  unknownFields,
} from '../../src/orders/schema.ts'

// What is derived from a field's schema, for kinds of fields that an order may get.

const stored = (schema: v.GenericSchema) => storedSchema(schema, 'field')
const takes = (schema: v.GenericSchema, value: unknown) => v.safeParse(stored(schema), value).success

const line = v.strictObject({
  sku: v.pipe(v.string(), v.regex(/^[A-Z]{3}$/)),
  quantity: v.optional(v.pipe(v.number(), v.integer(), v.maxValue(10)), 1),
})

describe('a field as it is stored', () => {
  it.each<[string, v.GenericSchema, unknown]>([
    ['a longer text', v.pipe(v.string(), v.maxLength(3)), 'four'],
    ['a text of another pattern', v.pipe(v.string(), v.regex(/^a$/)), 'b'],
    ['a larger number', v.pipe(v.number(), v.maxValue(3)), 4],
    ['more elements', v.pipe(v.array(v.string()), v.maxLength(1)), ['a', 'b']],
    ['larger numbers in objects in arrays', v.array(line), [{ sku: 'none', quantity: 11 }]],
    ['a longer text in a record', v.record(v.string(), v.pipe(v.string(), v.maxLength(1))), { a: 'bb' }],
    ['a longer text in a tuple', v.tuple([v.pipe(v.string(), v.maxLength(1))]), ['bb']],
    ['a longer text or null', v.nullable(v.pipe(v.string(), v.maxLength(1))), 'bb'],
    ['a longer text or nothing', v.nullish(v.pipe(v.string(), v.maxLength(1))), undefined],
    ['a longer optional text', v.exactOptional(v.pipe(v.string(), v.maxLength(1))), 'bb'],
    [
      'a longer text in one of several objects',
      v.variant('kind', [v.strictObject({ kind: v.literal('a'), text: v.pipe(v.string(), v.maxLength(1)) })]),
      { kind: 'a', text: 'bb' },
    ],
  ])('is not held to limits that may be others now: %s', (_, schema, value) => {
    expect(v.safeParse(schema, value).success).toBe(value === undefined)
    expect(takes(schema, value)).toBe(true)
  })

  it.each<[string, v.GenericSchema, unknown]>([
    ['a number for a text', v.string(), 1],
    ['a fraction for an integer', v.pipe(v.number(), v.integer()), 1.5],
    ['an unsafe integer for a safe one', v.pipe(v.number(), v.safeInteger()), 2 ** 53],
    ['a value that a closed set lacks', v.picklist(['a', 'b']), 'c'],
    ['an object without a field it needs', line, { quantity: 1 }],
    ['a text for an array', v.array(v.string()), 'a'],
    ['null', v.string(), null],
  ])('still has its type: %s is refused', (_, schema, value) => {
    expect(takes(schema, value)).toBe(false)
  })

  it('may have nested fields that have gone since: they are left out', () => {
    expect(v.parse(stored(line), { sku: 'ABC', quantity: 1, color: 'red' })).toStrictEqual({
      sku: 'ABC',
      quantity: 1,
    })
    expect(v.parse(stored(v.object({ a: v.string() })), { a: 'b', c: 'd' })).toStrictEqual({ a: 'b' })
  })

  it('keeps the fields of objects that may have any', () => {
    const loose = v.looseObject({ a: v.string() })
    const rest = v.objectWithRest({ a: v.string() }, v.pipe(v.number(), v.maxValue(1)))
    expect(v.parse(stored(loose), { a: 'b', c: 'd' })).toStrictEqual({ a: 'b', c: 'd' })
    expect(v.parse(stored(rest), { a: 'b', c: 2 })).toStrictEqual({ a: 'b', c: 2 })
  })

  it('has the defaults of fields that were added later', () => {
    expect(v.parse(stored(line), { sku: 'ABC' })).toStrictEqual({ sku: 'ABC', quantity: 1 })
    expect(v.parse(stored(v.optional(v.string(), 'x')), undefined)).toBe('x')
    expect(v.parse(stored(v.nullable(v.string(), 'x')), null)).toBe('x')
    expect(v.parse(stored(v.nullish(v.string(), 'x')), undefined)).toBe('x')
    expect(v.parse(v.object({ a: stored(v.exactOptional(v.string(), 'x')) }), {})).toStrictEqual({ a: 'x' })
  })

  it('keeps its description, and not its examples', () => {
    const schema = stored(v.pipe(v.string(), v.trim(), v.description('A text.'), v.examples(['a'])))
    expect(v.getDescription(schema)).toBe('A text.')
    expect(exampleOf(schema)).toBeUndefined()
  })

  it.each<[string, v.GenericSchema]>([
    ['bigint', v.bigint()],
    ['date', v.date()],
    ['map', v.map(v.string(), v.string())],
    ['strict_tuple', v.strictTuple([v.string()])],
    ['tuple_with_rest', v.tupleWithRest([v.string()], v.string())],
    ['non_nullish', v.nonNullish(v.nullish(v.string()))],
  ])('is refused when JSON cannot keep it: %s', (kind, schema) => {
    expect(() => stored(schema)).toThrow(
      new TypeError(`The field field of an order cannot be of the kind "${kind}". JSON has no such value.`),
    )
  })

  it.each<[string, v.GenericSchema]>([
    ['transform', v.pipe(v.string(), v.transform(Number))],
    ['transform', v.array(v.pipe(v.string(), v.transform(Number)))],
    ['transform', v.pipe(v.string(), v.transform(Number), v.number())],
    ['picklist', v.pipe(v.string(), v.picklist(['a']))],
  ])('is refused when a queued order could not keep it: %s', (kind, schema) => {
    expect(() => stored(schema)).toThrow(
      new TypeError(
        `The field field of an order cannot be of the kind "${kind}". It would be applied again to an order that was queued.`,
      ),
    )
  })

  it.each<[string, v.GenericSchema, unknown]>([
    ['null', v.null(), null],
    ['unknown', v.unknown(), { a: 1 }],
    ['any', v.any(), [1]],
    ['union', v.union([v.string(), v.number()]), 1],
    ['lazy', v.lazy(() => v.string()), 'a'],
    ['undefinedable', v.undefinedable(v.pipe(v.string(), v.maxLength(1))), 'bb'],
  ])('keeps what JSON has: %s', (_, schema, value) => {
    expect(v.parse(stored(schema), value)).toStrictEqual(value)
  })

  it('may be changed by what changes nothing the second time', () => {
    expect(takes(v.pipe(v.string(), v.trim(), v.toLowerCase(), v.normalize()), 'a')).toBe(true)
    expect(takes(v.pipe(v.string(), v.trimStart(), v.trimEnd(), v.toUpperCase()), 'a')).toBe(true)
    expect(takes(v.pipe(v.number(), v.toMinValue(1), v.toMaxValue(2)), 3)).toBe(true)
    expect(takes(v.pipe(v.array(v.string()), v.readonly(), v.brand('a'), v.flavor('b')), ['a'])).toBe(true)
  })
})

describe('columns', () => {
  const schemas = {
    text: v.optional(v.string()),
    count: v.pipe(v.number(), v.integer()),
    choice: v.picklist(['a', 'b']),
    size: v.exactOptional(v.enum({ small: 's', large: 'l' })),
    lines: v.optional(v.array(line)),
    address: v.exactOptional(v.object({ city: v.string() })),
    note: v.nullable(v.string()),
  }

  test.each<[keyof typeof schemas, boolean]>([
    ['text', true],
    ['count', true],
    ['choice', true],
    ['size', true],
    ['lines', false],
    ['address', false],
    ['note', false],
  ])('%s is a scalar: %s', (name, scalar) => {
    expect(isScalar(schemas[name])).toBe(scalar)
  })

  it('hold texts, numbers and booleans as they are, and everything else as JSON text', () => {
    const fields = {
      text: '{"a":1}',
      count: 3,
      choice: 'a',
      lines: [{ sku: 'ABC', quantity: 1 }],
      note: null,
    }
    const columns = toColumns(schemas, { ...fields, status: 'processed' })
    expect(columns).toStrictEqual({
      text: '{"a":1}',
      count: 3,
      choice: 'a',
      lines: '[{"sku":"ABC","quantity":1}]',
      note: 'null',
      status: 'processed',
    })
    expect(fromColumns(schemas, columns)).toStrictEqual({
      fields: { ...fields, status: 'processed' },
      damaged: [],
    })
  })

  it.each([2 ** 31, -(2 ** 31) - 1, 0.5, 1e300])(
    'name the type of a number that is no 32-bit integer: %d',
    (value) => {
      expect(toColumns(schemas, { count: value })).toStrictEqual({ count: { type: 'Double', value } })
    },
  )

  it.each([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)])('leave a 32-bit integer as it is: %d', (value) => {
    expect(toColumns(schemas, { count: value })).toStrictEqual({ count: value })
  })

  it('leave out a field that is not there', () => {
    expect(toColumns(schemas, { lines: undefined })).toStrictEqual({ lines: undefined })
  })

  it.each(['[{', '', 'undefined'])('that should hold JSON text and do not are named: %j', (text) => {
    expect(fromColumns(schemas, { text: 'a', lines: text })).toStrictEqual({
      fields: { text: 'a', lines: undefined },
      damaged: ['lines'],
    })
  })

  it('are not looked up on a prototype', () => {
    expect(fromColumns(schemas, { toString: 'a', constructor: 'b' }).fields).toStrictEqual({
      toString: 'a',
      constructor: 'b',
    })
  })
})

test('unknown fields are found at any depth, all of them', () => {
  const order = v.strictObject({
    lines: v.optional(v.pipe(v.array(line), v.maxLength(3))),
    loose: v.optional(v.looseObject({})),
    open: v.optional(v.object({ a: v.optional(line) })),
  })
  expect(
    unknownFields(order, {
      lines: [{ sku: 'ABC' }, { sku: 'ABC', a: 1, b: 2 }, 'text', null],
      loose: { any: 1 },
      open: { any: 1, a: { size: 1 } },
      __proto__: null,
      color: 'red',
    }),
  ).toStrictEqual([['lines', 1, 'a'], ['lines', 1, 'b'], ['open', 'a', 'size'], ['color']])
  expect(unknownFields(order, 'text')).toStrictEqual([])
  expect(unknownFields(order, null)).toStrictEqual([])
  expect(unknownFields(order, [])).toStrictEqual([])
})

describe('a content field can have any name', () => {
  it.each(['a', 'A', '_', 'customer', 'line_2', 'x'.repeat(255)])('that a column can have: %s', (name) => {
    expect(() => {
      requireFieldName(name)
    }).not.toThrow()
  })

  it.each([
    ...['', '2', 'a-b', 'a b', 'é', 'a\n', 'x'.repeat(256)],
    ...['id', 'status', 'message', 'acceptedAt', 'processedAt', 'ID'],
    ...['PartitionKey', 'partitionKey', 'RowKey', 'Timestamp', 'etag'],
  ])('but not %j', (name) => {
    expect(() => {
      requireFieldName(name)
    }).toThrow(`An order cannot have a content field "${name}": the name is taken, or no column can have it.`)
  })
})

test.each<[string, v.GenericSchema, boolean, boolean]>([
  ['a field that every record has', v.string(), true, false],
  ['a field that was added later', v.string(), false, true],
  ['one that may be absent anyway', v.exactOptional(v.string()), false, true],
  ['one that may be null or undefined', v.nullish(v.string()), false, true],
])('a record without a field: %s', (_, schema, always, readable) => {
  const record = v.object({ field: storedField(schema, 'field', always) })
  expect(v.safeParse(record, {}).success).toBe(readable)
})

test('a default is filled in for records that were stored without the field', () => {
  const record = v.object({ field: storedField(v.optional(v.number(), 1), 'field', false) })
  expect(v.parse(record, {})).toStrictEqual({ field: 1 })
})

test('a field is required unless it may be absent', () => {
  expect(isRequired(v.string())).toBe(true)
  expect(isRequired(v.nullable(v.string()))).toBe(true)
  for (const schema of [
    v.optional(v.string()),
    v.exactOptional(v.string()),
    v.nullish(v.string()),
    v.undefinedable(v.string()),
  ]) {
    expect(isRequired(schema)).toBe(false)
  }
})

test('a field’s example is the first one that its schema gives', () => {
  expect(exampleOf(v.optional(v.pipe(v.string(), v.examples(['a', 'b']))))).toBe('a')
  expect(exampleOf(v.pipe(v.string(), v.trim()))).toBeUndefined()
  expect(exampleOf(v.string())).toBeUndefined()
})

test.each<[string, v.GenericSchema]>([
  ['string', v.pipe(v.string(), v.trim())],
  ['number', v.optional(v.pipe(v.number(), v.integer()), 1)],
  ['boolean', v.exactOptional(v.boolean())],
  ['string', v.picklist(['a', 'b'])],
  ['number', v.picklist([1, 2])],
  ['boolean', v.literal(true)],
  // Text and numbers in one column: the schema refuses what is not one of them.
  ['string', v.picklist(['a', 1])],
  ['string', v.picklist([1, 'a'])],
  ['json', v.array(v.string())],
  ['json', v.optional(v.strictObject({ a: v.string() }))],
  ['json', v.nullable(v.string())],
])('a cell of CSV is read as %s', (type, schema) => {
  expect(cellType(schema)).toBe(type)
})

test('keys that a schema does not name are hidden, and those below them', () => {
  const order = v.strictObject({
    lines: v.optional(v.array(line)),
    size: v.tuple([v.object({ width: v.number() })]),
    notes: v.record(v.string(), v.object({ text: v.string() })),
  })
  expect(namedKeys(order, ['lines', '0', 'sku'])).toStrictEqual(['lines', '0', 'sku'])
  expect(namedKeys(order, ['size', '0', 'width'])).toStrictEqual(['size', '0', 'width'])
  expect(namedKeys(order, ['size', '1', 'width'])).toStrictEqual(['size', '1', '*'])
  expect(namedKeys(order, ['notes', 'Ada', 'text'])).toStrictEqual(['notes', '*', 'text'])
  expect(namedKeys(order, ['secret', 'Ada', 'x'])).toStrictEqual(['*', '*', '*'])
  expect(namedKeys(order, ['toString'])).toStrictEqual(['*'])
})
