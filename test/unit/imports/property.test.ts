import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { contentOf, parseOrder, type OrderDraft } from '../../../src/orders/order.ts'
import { anyOrder, CONTENT_FIELDS } from '../../support/contentFields.ts'
import { importFixture } from '../../support/imports.ts'

// Any file made of good and bad lines, in any format, gives exactly the orders of its good lines.

interface Good {
  readonly kind: 'good'
  readonly order: OrderDraft
}
type Line = Good | { readonly kind: 'bad'; readonly variant: number } | { readonly kind: 'blank' }

const line: fc.Arbitrary<Line> = fc.oneof(
  { weight: 4, arbitrary: anyOrder.map((order): Line => ({ kind: 'good', order })) },
  { weight: 2, arbitrary: fc.nat().map((variant): Line => ({ kind: 'bad', variant })) },
  { weight: 1, arbitrary: fc.constant<Line>({ kind: 'blank' }) },
)

const BAD_JSON = [
  '{"item":""}',
  '{"item":"a","quantity":0}',
  '{"item":"a","item":"b"}',
  '{"item":"a","colour":"red"}',
  '{"item": nothing}',
  '{"item":"a\\ud800"}',
  '"text"',
  '[{"item":"a"}]',
  '{"item":"a","__proto__":{}}',
  '{"item":"a\u0000"}',
]
const BAD_CSV = (delimiter: string) => [
  'a',
  `a"b${delimiter.repeat(CONTENT_FIELDS.length)}`,
  `"a"b${delimiter.repeat(CONTENT_FIELDS.length)}`,
  delimiter.repeat(CONTENT_FIELDS.length + 3),
  delimiter.repeat(CONTENT_FIELDS.length),
  ['id', ...CONTENT_FIELDS].join(delimiter),
]

const pick = (list: readonly string[], variant: number) => list[variant % list.length] ?? ''

function json(lines: readonly Line[], id: (index: number) => string): readonly string[] {
  return lines.map((one, index) => {
    if (one.kind === 'good') return JSON.stringify({ id: id(index), ...one.order })
    return one.kind === 'bad' ? pick(BAD_JSON, one.variant) : ''
  })
}

function csv(lines: readonly Line[], id: (index: number) => string, delimiter: string): readonly string[] {
  const columns = ['id', ...CONTENT_FIELDS]
  const rows = lines.map((one, index) => {
    if (one.kind !== 'good') return one.kind === 'bad' ? pick(BAD_CSV(delimiter), one.variant) : ''
    const order: Readonly<Record<string, unknown>> = { id: id(index), ...one.order }
    return columns
      .map((column) => {
        const value = order[column]
        if (value === undefined) return ''
        const text = typeof value === 'string' ? value : JSON.stringify(value)
        return text.includes(delimiter) || /["\r\n]/.test(text) || index % 2 === 0
          ? `"${text.replaceAll('"', '""')}"`
          : text
      })
      .join(delimiter)
  })
  return [columns.join(delimiter), ...rows]
}

const END = fc.constantFrom('\n', '\r\n', '\r')

function joined(lines: readonly string[], ends: readonly string[], last: boolean): string {
  return lines
    .map((text, i) => text + (last || i < lines.length - 1 ? (ends[i % ends.length] ?? '\n') : ''))
    .join('')
}

test('any file of good and bad lines gives exactly the orders of its good lines', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        lines: fc.array(line, { maxLength: 30 }),
        format: fc.constantFrom('jsonl', 'json', ',', ';', '\t'),
        ends: fc.array(END, { minLength: 1, maxLength: 5 }),
        last: fc.boolean(),
        bom: fc.boolean(),
        gzip: fc.boolean(),
        chunk: fc.integer({ min: 1, max: 200 }),
        concurrency: fc.integer({ min: 1, max: 8 }),
      }),
      async ({ lines, format, ends, last, bom, gzip, chunk, concurrency }) => {
        const id = (index: number) => `order-${index}`
        const present = format === 'json' ? lines.filter(({ kind }) => kind !== 'blank') : lines
        const text =
          format === 'jsonl'
            ? joined(json(present, id), ends, last)
            : format === 'json'
              ? `[${json(present, id).join(',\n ')}]`
              : joined(csv(present, id, format), ends, last)
        const name = `f.${format.startsWith('json') ? format : 'csv'}${gzip ? '.gz' : ''}`
        const content = Buffer.from(`${bom ? '\ufeff' : ''}${text}`)
        const fixture = importFixture({ concurrency }, chunk)
        const report = await fixture.importing(name, gzip ? gzipSync(content) : content)

        const good = present.flatMap((one, index) => (one.kind === 'good' ? [[one, index] as const] : []))
        const stored = [...fixture.storage.table.values()].map(({ record }) => [record.id, contentOf(record)])
        expect(Object.fromEntries(stored)).toStrictEqual(
          Object.fromEntries(good.map(([{ order }, index]) => [id(index), contentOf(parseOrder(order))])),
        )
        const bad = present.filter(({ kind }) => kind === 'bad').length
        expect(report).toMatchObject({
          complete: true,
          lines: good.length + bad,
          processed: good.length,
          refused: bad,
        })
        expect(fixture.rejected(name)).toHaveLength(bad)
      },
    ),
    { numRuns: 400 },
  )
})

test('no file whatever makes a run throw, and every one has a report', async () => {
  const name = fc.constantFrom('f.jsonl', 'f.json', 'f.csv', 'f.csv.gz', 'f.json.gz', 'f')
  const soup = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(
        fc.constantFrom(
          'item',
          '"',
          ',',
          ';',
          '\n',
          '\r',
          '[',
          ']',
          '{',
          '}',
          ':',
          '1',
          '\\',
          '\0',
          'é',
          ' ',
        ),
      )
      .map((parts) => Buffer.from(parts.join(''))),
    fc
      .array(fc.constantFrom('a', '"', ',', '\n', '\r\n', 'é'), { maxLength: 40 })
      .map((parts) => Buffer.from(`item,quantity\n${parts.join('')}`)),
  )
  await fc.assert(
    fc.asyncProperty(
      name,
      soup,
      fc.boolean(),
      fc.integer({ min: 1, max: 40 }),
      async (file, bytes, pack, chunk) => {
        const fixture = importFixture({}, chunk)
        const report = await fixture.importing(file, pack ? gzipSync(bytes) : bytes)
        const { lines, processed, alreadyProcessed, refused } = report
        expect(lines).toBe(processed + alreadyProcessed + refused)
        expect(fixture.rejected(file)).toHaveLength(refused)
        expect(fixture.storage.table.size).toBe(processed)
      },
    ),
    { numRuns: 1500 },
  )
})
