import { describe, expect, it, test } from '@jest/globals'
import fc from 'fast-check'
import { jsonArrayRecords } from '../../../src/imports/jsonArray.ts'
import { LineTooLongError, MAX_LINE_BYTES } from '../../../src/orders/errors.ts'
import type { FileRecord } from '../../../src/imports/record.ts'

/** What is read until the end, or until a fault. */
async function read(text: string, bytes = text.length) {
  const whole = Buffer.from(text)
  async function* pieces() {
    await Promise.resolve()
    for (let at = 0; at < whole.length; at += bytes) yield whole.subarray(at, at + bytes)
  }
  const records: FileRecord[] = []
  try {
    for await (const record of jsonArrayRecords(pieces())) records.push(record)
  } catch (fault) {
    return { records, fault }
  }
  return { records, fault: undefined }
}

const texts = (records: readonly FileRecord[]) => records.map(({ bytes }) => Buffer.from(bytes).toString())

test('any JSON array is read element by element, in pieces of any length', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      fc.constantFrom(undefined, 1, '\t', '\r\n '),
      fc.integer({ min: 1, max: 40 }),
      async (array, indent, bytes) => {
        const { records, fault } = await read(`\n${JSON.stringify(array, undefined, indent)}\t\r\n `, bytes)
        expect(fault).toBeUndefined()
        expect(records.map(({ line }) => line)).toStrictEqual(array.map((_, index) => index + 1))
        expect(texts(records).map((text) => JSON.parse(text) as unknown)).toStrictEqual(
          JSON.parse(JSON.stringify(array)),
        )
        for (const { length, bytes: kept } of records) expect(length).toBe(kept.length)
      },
    ),
    { numRuns: 100 },
  )
})

describe('elements are told apart by their brackets and quotation marks alone', () => {
  it.each<[string, readonly string[]]>([
    ['[]', []],
    [' [ \t\r\n] ', []],
    ['[1]', ['1']],
    ['[ 1 , 2\n]', ['1', '2']],
    ['[,]', ['', '']],
    ['[1,]', ['1', '']],
    ['[,1]', ['', '1']],
    ['["a,]","\\",","\\\\"]', ['"a,]"', '"\\","', '"\\\\"']],
    ['[{"a":[1,2]},[[],{}]]', ['{"a":[1,2]}', '[[],{}]']],
    // No JSON, each of which is refused by itself.
    ['[{"a":[1}],[2}]', ['{"a":[1}]', '[2}']],
    ['["[",{"}":"]"}]', ['"["', '{"}":"]"}']],
  ])('%s', async (text, elements) => {
    for (const bytes of [1, 2, 3, 100]) {
      const { records, fault } = await read(text, bytes)
      expect(fault).toBeUndefined()
      expect(texts(records)).toStrictEqual(elements)
      expect(records.map(({ line }) => line)).toStrictEqual(elements.map((_, index) => index + 1))
    }
  })
})

describe('a file that is no array', () => {
  const unclear = (line: number) => ({
    message: `The array is no JSON from its element ${line} on: brackets or quotation marks do not match. Nothing from there on was read.`,
    line,
  })
  const noArray = {
    message: 'A .json file holds one array of orders: [{"item":"widget"}, …]. This one does not.',
    line: undefined,
  }
  it.each([
    ['', 0, { message: 'The file is empty: it holds no array of orders.', line: undefined }],
    [' \n', 0, { message: 'The file is empty: it holds no array of orders.', line: undefined }],
    ['{"item":"a"}', 0, noArray],
    ['a[]', 0, noArray],
    ['[1,2', 1, unclear(2)],
    ['[1,{"a":"]', 1, unclear(2)],
    ['[1,[2]', 1, unclear(2)],
    ['[1,}2]', 1, unclear(2)],
    ['[1}{,2]', 0, unclear(1)],
    ['[', 0, unclear(1)],
    [
      '[1]]',
      1,
      { message: 'The array of orders is followed by something else, which was not read.', line: 2 },
    ],
    [
      '[] x',
      0,
      { message: 'The array of orders is followed by something else, which was not read.', line: 1 },
    ],
  ])('%s is read to there, and the fault says where', async (text, elements, fault) => {
    const result = await read(text, 1)
    expect(result.records).toHaveLength(elements)
    expect(result.fault).toMatchObject({ name: 'FileFault', ...fault })
  })
})

describe('an element', () => {
  const filled = (length: number) => `"${'y'.repeat(length - 2)}"`

  it('is read as JSON when it is needed', async () => {
    const { records } = await read('[{"a":1},tru]')
    expect(records[0]?.input()).toStrictEqual({ a: 1 })
    expect(() => records[1]?.input()).toThrow('JSON')
  })

  it('may have as many bytes as a line, and white space around it', async () => {
    const space = ' '.repeat(MAX_LINE_BYTES / 2)
    const { records } = await read(`[${space}${filled(MAX_LINE_BYTES)}${space},1]`, 1000)
    expect(records.map(({ length }) => length)).toStrictEqual([MAX_LINE_BYTES, 1])
    expect(records[0]?.input()).toHaveLength(MAX_LINE_BYTES - 2)
  })

  it.each([MAX_LINE_BYTES + 1, 2 * MAX_LINE_BYTES, 5 * MAX_LINE_BYTES])(
    'with %d bytes is too long: its beginning is kept, and the next one is read',
    async (length) => {
      const { records } = await read(`[${filled(length)},1]`, 1000)
      expect(records.map((record) => [record.line, record.length])).toStrictEqual([
        [1, length],
        [2, 1],
      ])
      expect(texts(records)[0]).toBe(filled(length).slice(0, 1024))
      expect(records[0]?.input).toThrow(LineTooLongError)
      expect(records[1]?.input()).toBe(1)
    },
  )
})
