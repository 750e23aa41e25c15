import { expect, test } from '@jest/globals'
import { formatOf } from '../../../src/imports/format.ts'
import { rejectedLine, reportNames } from '../../../src/imports/report.ts'
import { MalformedJsonError } from '../../../src/orders/errors.ts'

test('a name of up to 1,000 characters is the report’s, too', () => {
  const name = 'x'.repeat(1000)
  expect(reportNames(name)).toStrictEqual({ report: `${name}.json`, rejected: `${name}.rejected.jsonl` })
})

test('a longer one is cut, and gets its own hash', () => {
  expect(reportNames('x'.repeat(1001)).report).toMatch(/^x{930}-[0-9a-f]{64}\.json$/)
})

test('a line that ends within a character is no text, unless it was cut there', () => {
  const bytes = Buffer.from([0x61, 0xc3])
  const rejected = (length: number) =>
    JSON.parse(
      rejectedLine(
        { line: 1, bytes, length, input: () => undefined },
        undefined,
        new MalformedJsonError('no'),
      ),
    ) as object
  expect(rejected(2)).toMatchObject({ base64: 'YcM=' })
  expect(rejected(3)).toMatchObject({ text: 'a', length: 3 })
})

test('a byte order mark within a file is part of its line', () => {
  const bytes = Buffer.from('\ufeffx')
  const record = { line: 2, bytes, length: bytes.length, input: () => undefined }
  const line = rejectedLine(record, undefined, new MalformedJsonError('no'))
  expect(JSON.parse(line)).toMatchObject({ text: '\ufeffx' })
})

test('the ending of a name says what the file is, and no ending within it does', () => {
  expect(formatOf('a.json')).toStrictEqual({ format: 'json', gzip: false })
  expect(formatOf('a.csv.GZ')).toStrictEqual({ format: 'csv', gzip: true })
  for (const name of ['a.json.txt', 'a.csv.gz.bak', 'json', 'a.gz', 'a.constructor']) {
    expect(formatOf(name)).toBeUndefined()
  }
})
