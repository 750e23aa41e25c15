import { MAX_LINE_BYTES } from '../orders/errors.ts'
import { parseJson } from '../orders/json.ts'
import { FileFault } from './fault.ts'
import { tooLong, type FileRecord } from './record.ts'

const CODES = { comma: 0x2c, quote: 0x22, backslash: 0x5c } as const
const OPENING = new Set([0x5b, 0x7b])
const ARRAY_OPEN = 0x5b
const ARRAY_CLOSE = 0x5d
const OBJECT_CLOSE = 0x7d
// RFC 8259 §2
const isWhiteSpace = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d

/**
 * The orders of a JSON array, one element each. Only where elements begin and end is decided here; an element that is no JSON
 * is refused by itself.
 *
 * @throws FileFault when it is no array, or where it is no longer clear what belongs to which element
 */
export async function* jsonArrayRecords(pieces: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  let state = 'before' as 'before' | 'elements' | 'after'
  /** The element that is being read. */
  let line = 1
  let kept: Buffer[] = []
  let length = 0
  let isEmpty = true
  let depth = 0
  let inString = false
  let escaped = false

  function keep(part: Buffer): void {
    length += part.length
    if (length <= 2 * MAX_LINE_BYTES) kept.push(part)
  }

  function element(): FileRecord {
    const bytes = trimmed(Buffer.concat(kept))
    const number = line++
    // Beyond what is kept the white space around it counts, too.
    const whole = length <= 2 * MAX_LINE_BYTES ? bytes.length : length
    kept = []
    length = 0
    isEmpty = true
    if (whole > MAX_LINE_BYTES) return tooLong(number, bytes, whole)
    return { line: number, bytes, length: whole, input: () => parseJson(bytes) }
  }

  for await (const piece of pieces) {
    let start = 0
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] ?? 0
      if (inString) {
        if (escaped) escaped = false
        else if (byte === CODES.backslash) escaped = true
        else if (byte === CODES.quote) inString = false
        continue
      }
      if (isWhiteSpace(byte)) continue
      if (state === 'before') {
        if (byte !== ARRAY_OPEN) {
          throw new FileFault(
            'A .json file holds one array of orders: [{"item":"widget"}, …]. This one does not.',
          )
        }
        state = 'elements'
        start = at + 1
      } else if (state === 'after') {
        throw new FileFault('The array of orders is followed by something else, which was not read.', line)
      } else if (depth === 0 && (byte === CODES.comma || byte === ARRAY_CLOSE)) {
        keep(piece.subarray(start, at))
        start = at + 1
        // `[]` has no element.
        if (!(byte === ARRAY_CLOSE && isEmpty && line === 1)) yield element()
        if (byte === ARRAY_CLOSE) state = 'after'
      } else {
        isEmpty = false
        if (byte === CODES.quote) inString = true
        else if (OPENING.has(byte)) depth++
        else if (byte === ARRAY_CLOSE || byte === OBJECT_CLOSE) {
          if (depth === 0) throw unclear(line)
          depth--
        }
      }
    }
    if (state === 'elements') keep(piece.subarray(start))
  }
  if (state === 'before') {
    throw new FileFault('The file is empty: it holds no array of orders.')
  }
  if (state === 'elements') throw unclear(line)
}

function unclear(line: number): FileFault {
  return new FileFault(
    `The array is no JSON from its element ${line} on: brackets or quotation marks do not match. Nothing from there on was read.`,
    line,
  )
}

function trimmed(bytes: Buffer): Buffer {
  let begin = 0
  let end = bytes.length
  while (begin < end && isWhiteSpace(bytes[begin] ?? 0)) begin++
  while (end > begin && isWhiteSpace(bytes[end - 1] ?? 0)) end--
  return bytes.subarray(begin, end)
}
