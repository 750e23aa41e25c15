import { MAX_LINE_BYTES } from '../orders/errors.ts'
import { parseJson } from '../orders/json.ts'
import { linesOf } from './lines.ts'
import { isBlank, tooLong, type FileRecord } from './record.ts'

/** The orders of JSON Lines: one JSON text a line. Blank lines are none. https://jsonlines.org */
export async function* ndjsonRecords(pieces: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  for await (const { number: line, bytes, length } of linesOf(pieces, MAX_LINE_BYTES)) {
    if (length > MAX_LINE_BYTES) yield tooLong(line, bytes, length)
    else if (!isBlank(bytes)) yield { line, bytes, length, input: () => parseJson(bytes) }
  }
}
