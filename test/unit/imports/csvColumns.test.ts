import { describe, expect, it, test } from '@jest/globals'
import { contentFields } from '../../../src/orders/order.ts'
import { InvalidOrderError } from '../../../src/orders/errors.ts'
import { csvColumns, orderOf } from '../../../src/imports/csvColumns.ts'

const KNOWN = `Name each column after a field of an order: ${['id', ...Object.keys(contentFields)].join(', ')}.`

test('a header may have spaces around its names', () => {
  expect(csvColumns([' id ', 'item\t'], true).map((column) => column?.field)).toStrictEqual(['id', 'item'])
})

test('a wrong header is told what it may name', () => {
  expect(() => csvColumns(['item', 'colour'], true)).toThrow(
    `Column 2 of the header is no field of an order. ${KNOWN}`,
  )
})

describe('a cell is what its column holds', () => {
  const cell = (type: 'string' | 'number' | 'boolean' | 'json', text: string) => {
    const bytes = Buffer.from(text)
    return (orderOf([{ field: 'it', type }], [bytes.toString('latin1')], bytes) as { readonly it: unknown })
      .it
  }

  it.each([
    ['string', ' a ', ' a '],
    ['string', 'é', 'é'],
    ['string', '5', '5'],
    ['number', ' 2 ', 2],
    ['number', '120', 120],
    ['number', '-1.25', -1.25],
    ['number', '5e-1', 0.5],
    ['number', '1.5E+10', 15_000_000_000],
    ['number', 'two', 'two'],
    ['boolean', 'true', true],
    ['boolean', ' FALSE ', false],
    ['boolean', 'yes', 'yes'],
    ['json', '[{"a":1}]', [{ a: 1 }]],
    ['json', '[1', '[1'],
    ['json', '{"a":1,"a":2}', '{"a":1,"a":2}'],
  ] as const)('%s: %j', (type, text, value) => {
    expect(cell(type, text)).toStrictEqual(value)
  })
})

test('a cell that is no UTF-8 is refused', () => {
  const bytes = Buffer.from([0x80])
  const columns = [{ field: 'item', type: 'string' }] as const
  expect(() => orderOf(columns, [bytes.toString('latin1')], bytes)).toThrow(
    new InvalidOrderError([{ pointer: '', detail: 'is not UTF-8 text' }]),
  )
})
