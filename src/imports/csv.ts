import { parse, type CsvError, type Parser } from 'csv-parse'
import { InvalidOrderError, MAX_LINE_BYTES } from '../orders/errors.ts'
import { csvColumns, orderOf, type Columns } from './csvColumns.ts'
import { FileFault } from './fault.ts'
import { lineSplitter, type FileLine } from './lines.ts'
import { isBlank, tooLong, type FileRecord } from './record.ts'

/** What separates cells: the comma of RFC 4180, and what spreadsheets of other countries write. */
const DELIMITERS = [',', ';', '\t'] as const
type Delimiter = (typeof DELIMITERS)[number]

/**
 * The orders of CSV: https://www.rfc-editor.org/rfc/rfc4180, and a header row that names the fields. Line ends may be mixed.
 * Lines without any character but spaces and tabs are no orders, unless the tabs separate cells.
 *
 * @throws FileFault when the header names no fields of an order, or where a quoted cell has no end
 */
export async function* csvRecords(pieces: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  const splitter = lineSplitter(MAX_LINE_BYTES)
  let reader: CsvReader | undefined
  async function* read(lines: Iterable<FileLine>): AsyncGenerator<FileRecord> {
    const fed: FileLine[] = []
    for (const line of lines) {
      if (reader === undefined && isBlank(line.bytes)) continue
      reader ??= csvReader(delimiterOf(line.bytes), line.number)
      fed.push(line)
    }
    if (reader !== undefined) yield* await reader.read(fed)
  }
  for await (const piece of pieces) yield* read(splitter.push(piece))
  yield* read(splitter.end())
  if (reader === undefined)
    throw new FileFault('The file is empty: it has no header row that names the fields.')
  yield* await reader.end()
}

/** The delimiter that the header has most of, outside of quotes. */
function delimiterOf(header: Buffer): Delimiter {
  const text = header.toString('latin1').replaceAll(/"[^"]*"/g, '')
  const count = (delimiter: Delimiter) => text.split(delimiter).length
  return DELIMITERS.reduce((most, next) => (count(next) > count(most) ? next : most))
}

interface CsvReader {
  /** The records that end in the next lines. */
  readonly read: (lines: readonly FileLine[]) => Promise<Iterable<FileRecord>>
  readonly end: () => Promise<Iterable<FileRecord>>
}

/**
 * Reads records with csv-parse, and says of each in which lines of the file it is. Bytes go through it as Latin-1, one character
 * each, so that the exact bytes of a record come out again whatever they are.
 *
 * @param firstLine the number of the first line that is read
 */
function csvReader(delimiter: Delimiter, firstLine: number): CsvReader {
  const isWellQuoted = wellQuoted(delimiter)
  let columns: Columns | undefined
  let header: string | undefined
  let line = firstLine
  let records: FileRecord[] = []
  const longLines = new Map<number, FileLine>()
  /** The lines since the last record that ended. */
  let open: FileLine[] = []

  const parser = parse({
    delimiter,
    encoding: 'latin1',
    record_delimiter: ['\r\n', '\n', '\r'],
    raw: true,
    skip_empty_lines: true,
    relax_column_count: true,
    // A quotation mark in the wrong place spoils its own line and no other: whether they are right is seen to below.
    relax_quotes: true,
    // More than a line may have: the lines of a record are limited by themselves.
    max_record_size: 2 * MAX_LINE_BYTES,
    on_record: (taken: unknown) => {
      const { record, raw } = taken as { readonly record: readonly string[]; readonly raw: string }
      take(record, raw)
      return null
    },
  })
  // It comes to the one who writes as well.
  parser.on('error', () => undefined)
  parser.resume()

  function take(cells: readonly string[], raw: string): void {
    // Of the empty lines before it, and at its end, one character each is part of it.
    const text = raw.replace(/^[\r\n]+/, '').replace(/[\r\n]$/, '')
    const begin = line + (raw.length - raw.replace(/^[\r\n]+/, '').length)
    const end = begin + (text.match(/\r\n|\r|\n/g)?.length ?? 0)
    line = end + 1
    const bytes = Buffer.from(text, 'latin1')
    if (cells.length === 1 && isBlank(bytes)) return
    if (columns === undefined) {
      if (longLines.has(begin))
        throw new FileFault('The first line is too long to be a header that names the fields.')
      columns = csvColumns(cells, isWellQuoted(text))
      header = text
      return
    }
    const long = [...longLines.values()].find(({ number }) => begin <= number && number <= end)
    if (long !== undefined) {
      longLines.delete(long.number)
      records.push(tooLong(begin, begin === long.number ? long.bytes : bytes, bytes.length + long.length))
      return
    }
    const known = columns
    records.push({
      line: begin,
      bytes,
      length: bytes.length,
      input: () => {
        if (text === header) throw refused('repeats the header')
        if (!isWellQuoted(text)) throw refused('has a quotation mark in the wrong place')
        return orderOf(known, cells, bytes)
      },
    })
  }

  function taken(): readonly FileRecord[] {
    const result = records
    records = []
    // Not for every piece: empty lines without a record between them may be many.
    if (open[0] !== undefined && open[0].number < line) open = open.filter(({ number }) => number >= line)
    return result
  }

  async function feed(step: Promise<void>): Promise<Iterable<FileRecord>> {
    try {
      await step
      return taken()
    } catch (error) {
      if (!isCsvError(error)) throw error
      return withFault(taken())
    }
  }

  /** What was read until a quoted cell did not end, and then the fault. */
  function* withFault(before: readonly FileRecord[]): Generator<FileRecord> {
    yield* before
    const nothing = { number: line, bytes: Buffer.alloc(0), length: 0 }
    const { number, bytes, length } = open.find((one) => !isBlank(one.bytes)) ?? nothing
    yield {
      line: number,
      bytes: bytes.subarray(0, MAX_LINE_BYTES),
      length,
      input: () => {
        throw refused('has a quotation mark that is not closed')
      },
    }
    throw new FileFault(
      `A quoted cell that begins in line ${number} has no end, or is too long. Nothing after line ${number} was read.`,
      number + 1,
    )
  }

  return {
    read: (lines) => {
      for (const one of lines) if (one.length > MAX_LINE_BYTES) longLines.set(one.number, one)
      open.push(...lines)
      return feed(write(parser, Buffer.concat(lines.flatMap((one) => [standIn(one), Buffer.from(one.end)]))))
    },
    end: () => feed(finish(parser)),
  }
}

/**
 * What is read in the place of a line: itself, or of one that is too long the least that opens, or closes, a quoted cell as
 * the whole would.
 */
function standIn({ bytes, length, quotesLeftOut }: FileLine): Buffer {
  if (length <= MAX_LINE_BYTES) return bytes
  const quotes = quotesLeftOut + bytes.filter((byte) => byte === 0x22).length
  return Buffer.from(quotes % 2 === 0 ? 'x' : '"')
}

/** Whether a record follows RFC 4180 §2.5 to 2.7: a cell is quoted as a whole or not at all. */
function wellQuoted(delimiter: Delimiter): (text: string) => boolean {
  const cell = `(?:"[^"]*(?:""[^"]*)*"|[^"${delimiter}]*)`
  const pattern = new RegExp(`^${cell}(?:${delimiter}${cell})*$`)
  return (text) => !text.includes('"') || pattern.test(text)
}

function refused(detail: string): InvalidOrderError {
  return new InvalidOrderError([{ pointer: '', detail }])
}

function isCsvError(error: unknown): error is CsvError {
  const { code } = error as { readonly code?: unknown }
  return code === 'CSV_MAX_RECORD_SIZE' || code === 'CSV_QUOTE_NOT_CLOSED'
}

function write(parser: Parser, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(bytes, settle(resolve, reject))
  })
}

function finish(parser: Parser): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.end(settle(resolve, reject))
  })
}

function settle(resolve: () => void, reject: (error: Error) => void): (error?: Error | null) => void {
  return (error) => {
    if (error) reject(error)
    else resolve()
  }
}
