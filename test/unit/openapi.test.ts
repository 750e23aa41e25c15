import { describe, expect, test } from '@jest/globals'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import fc from 'fast-check'
import { openApiDocument } from '../../scripts/openapi.ts'
import openapi from '../../src/http/openapi.json' with { type: 'json' }
import { checkOrder, ORDER_ID } from '../../src/orders/order.ts'
import { apiSchemas } from '../support/apiSchemas.ts'
import { casesOf, codePoint } from '../support/cases.ts'

test('src/http/openapi.json is up to date with the schemas and problems (else: npm run openapi)', () => {
  expect(openapi).toStrictEqual(JSON.parse(JSON.stringify(openApiDocument())))
})

test('the description passes the recommended rules of a public validator, with no warning', async () => {
  const config = await createConfig({
    extends: ['recommended'],
    // hello, openapi and docs have no 4xx responses to describe.
    rules: { 'operation-4xx-response': 'off' },
  })
  const problems = await lintFromString({ source: JSON.stringify(openapi), config })
  expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toStrictEqual([])
})

describe('the schema of an order', () => {
  const describedOrder = apiSchemas({ strict: false }).byPointer('/components/schemas/Order')

  const whiteSpace = fc.string({
    unit: fc.constantFrom(' ', '\t', '\n', '\r', '\u00a0', '\u3000', '\ufeff', '\u2028'),
    maxLength: 3,
  })
  const character = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('x', 'é', '中', '😀', ' ', '\u3000') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\n', '\u0000', '\u0085', '\u007f', '\ud83d', '\ude00', '\u2028'),
    },
  )
  const text = fc.oneof(
    fc.string({ unit: character, maxLength: 12 }),
    fc.tuple(fc.constantFrom('x', '😀'), fc.integer({ min: 198, max: 202 })).map(([of, n]) => of.repeat(n)),
    fc.string({ unit: codePoint, maxLength: 20 }),
  )
  const item = fc.tuple(whiteSpace, text, whiteSpace).map((parts) => parts.join(''))
  const other = fc.constantFrom(null, true, 1, [], {})
  const known = fc.record(
    {
      item: fc.oneof({ weight: 20, arbitrary: item }, { weight: 1, arbitrary: other }),
      id: fc.oneof(
        { weight: 4, arbitrary: fc.stringMatching(ORDER_ID) },
        { weight: 1, arbitrary: fc.constantFrom('', 'a b', 'a'.repeat(65), 'a\n', 7, null) },
      ),
      quantity: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: -1, max: 1002 }) },
        { weight: 1, arbitrary: fc.constantFrom(1.5, '1', null, 1e300) },
      ),
    },
    { requiredKeys: ['item'] },
  )
  const order = fc
    .tuple(known, fc.nat(9))
    .map(([fields, n]) => (n === 0 ? { ...fields, colour: 'red' } : fields))

  test('takes what the app takes, and refuses what it refuses', () => {
    const numRuns = casesOf(3000)
    let taken = 0
    fc.assert(
      fc.property(order, (input) => {
        const takes = checkOrder(input).faults === undefined
        if (takes) taken++
        expect(describedOrder(input)).toBe(takes)
      }),
      { numRuns },
    )
    expect(taken).toBeGreaterThan(numRuns / 10)
  })

  test.each([[undefined], [null], [[]], ['widget'], [{}], [{ item: ' \n' }], [{ item: '\ud83d' }]])(
    'refuses %j',
    (input) => {
      expect(checkOrder(input).faults).toBeDefined()
      expect(describedOrder(input)).toBe(false)
    },
  )

  test.each([
    [{ item: '\n\t widget \u3000' }],
    [{ item: ' '.repeat(500) + '😀'.repeat(200) }],
    [{ item: '\ufeffé\u2028x' }],
    [{ item: 'x', id: 'A-_9', quantity: 1000 }],
  ])('takes %j', (input) => {
    expect(checkOrder(input).faults).toBeUndefined()
    expect(describedOrder(input)).toBe(true)
  })
})
