import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { lineSplitter, linesOf, type FileLine } from '../../../src/imports/lines.ts'

/** A text in pieces of so many bytes; after each comes an empty one. */
function pieces(text: string, bytes: number): Buffer[] {
  const whole = Buffer.from(text)
  const count = Math.ceil(whole.length / bytes)
  return Array.from({ length: count }, (_, i) => whole.subarray(i * bytes, (i + 1) * bytes)).flatMap(
    (piece) => [piece, Buffer.alloc(0)],
  )
}

function split(text: string, bytes: number, maxBytes = 1000): FileLine[] {
  const splitter = lineSplitter(maxBytes)
  return [...pieces(text, bytes).flatMap((piece) => [...splitter.push(piece)]), ...splitter.end()]
}

/** What the lines are, told from the text as a whole. */
function expected(text: string, maxBytes: number) {
  return [...text.matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)]
    .filter(([whole]) => whole !== '')
    .map(([, line = '', end], index) => ({
      number: index + 1,
      bytes: line.slice(0, maxBytes),
      length: line.length,
      quotesLeftOut: line.slice(maxBytes).replaceAll(/[^"]/g, '').length,
      end,
    }))
}

test('any text is split at LF, CRLF and CR, in pieces of any length, with the first bytes of each line', () => {
  const text = fc
    .array(fc.constantFrom('a', '"', '\n', '\r', '\r\n', 'bc'), { maxLength: 40 })
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 6 }),
      (all, bytes, maxBytes) => {
        const lines = split(all, bytes, maxBytes)
        expect(lines.map((line) => ({ ...line, bytes: line.bytes.toString() }))).toStrictEqual(
          expected(all, maxBytes),
        )
      },
    ),
    { numRuns: 200 },
  )
})

test('lines are counted from 1, and the last one may have no end', () => {
  for (const bytes of [1, 2, 3, 100]) {
    const lines = split('one\r\n\rthree\n\nfive', bytes)
    expect(lines.map(({ number, bytes: line, end }) => [number, line.toString(), end])).toStrictEqual([
      [1, 'one', '\r\n'],
      [2, '', '\r'],
      [3, 'three', '\n'],
      [4, '', '\n'],
      [5, 'five', ''],
    ])
  }
})

test('a CR at the end of a piece is a line end by itself, unless an LF follows', () => {
  expect(split('a\r', 2).map(({ end }) => end)).toStrictEqual(['\r'])
  expect(split('a\r\nb', 2).map(({ end }) => end)).toStrictEqual(['\r\n', ''])
  expect(split('a\rb', 2).map(({ end }) => end)).toStrictEqual(['\r', ''])
})

test('of a line that is too long its first bytes are kept, its length, and the quotation marks after them', () => {
  const [long, next, ...more] = split('ab"c"d"e"\n"x', 2, 4)
  expect({ ...long, bytes: long?.bytes.toString() }).toStrictEqual({
    number: 1,
    bytes: 'ab"c',
    length: 9,
    quotesLeftOut: 3,
    end: '\n',
  })
  // Nothing of that is carried over.
  expect({ ...next, bytes: next?.bytes.toString() }).toMatchObject({
    bytes: '"x',
    length: 2,
    quotesLeftOut: 0,
  })
  expect(more).toStrictEqual([])
})

test('a line within one piece is not copied', () => {
  const piece = Buffer.from('one\ntwo\n')
  const [line] = lineSplitter(10).push(piece)
  expect(line?.bytes.buffer).toBe(piece.buffer)
})

test('the lines of a stream are those of its pieces', async () => {
  async function* stream() {
    await Promise.resolve()
    yield* pieces('a\nb', 1)
  }
  const lines: string[] = []
  for await (const { bytes } of linesOf(stream(), 10)) lines.push(bytes.toString())
  expect(lines).toStrictEqual(['a', 'b'])
})
