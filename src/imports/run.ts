import { createHash } from 'node:crypto'
import { StorageUnavailableError } from '../orders/errors.ts'
import { orderIdIn } from '../orders/order.ts'
import type { LineOutcome, OrderService } from '../orders/service.ts'
import { MAX_FILE_BYTES, textOf, tooLarge } from './content.ts'
import { csvRecords } from './csv.ts'
import { FileFault } from './fault.ts'
import { ENDINGS, formatOf, type Format } from './format.ts'
import { inOrder } from './inOrder.ts'
import { jsonArrayRecords } from './jsonArray.ts'
import { ndjsonRecords } from './ndjson.ts'
import { FileChangedError, FileDeletedError, type ImportFile, type ImportFiles } from './ports.ts'
import type { FileRecord } from './record.ts'
import { rejectedLine, reportNames, type ImportReport, type LineCounts } from './report.ts'

/** What an import needs from outside. */
export interface ImportParts {
  readonly files: ImportFiles
  readonly service: Pick<OrderService, 'processLine'>
  /** Lines that are on their way at a time. */
  readonly concurrency: number
  readonly now: () => Date
  /** Waits. */
  readonly pause: (milliseconds: number) => Promise<void>
  /** Most bytes of a file, unpacked. */
  readonly maxBytes?: number
}

/** The result of a run. Without a report there was no such version of the file any more, and nothing is left to do. */
export type ImportResult =
  | { readonly outcome: 'complete' | 'incomplete'; readonly report: ImportReport }
  | { readonly outcome: 'missing' | 'overwritten' }

/** Lines between two lines of the log. */
const PROGRESS_LINES = 10_000

/**
 * How long each wait is before a line is tried again whose outcome is unknown: four minutes in all, so that an outage of minutes
 * fails no run, and well within the time that a function has.
 */
const RETRY_DELAYS_MS = [250, 500, 1000, 2000, 4000, 8000, ...Array.from({ length: 7 }, () => 30_000)]

/**
 * Imports a file: every line is an order, and is processed once, however often the file is imported. What became of it is
 * written when the run is over: first the lines that were refused, then the report.
 *
 * @param progress is told how far it is, every 10,000 lines
 * @throws StorageUnavailableError | Error when storage does not respond for minutes: the whole run is safe to repeat
 */
export async function importFile(
  name: string,
  parts: ImportParts,
  progress: (counts: Readonly<LineCounts>) => void,
): Promise<ImportResult> {
  const startedAt = parts.now().toISOString()
  const file = await parts.files.open(name)
  if (file === undefined) return { outcome: 'missing' }

  const names = reportNames(name)
  const rejected = parts.files.report(names.rejected)
  const counts: LineCounts = { lines: 0, processed: 0, alreadyProcessed: 0, refused: 0 }
  let fault: FileFault | undefined
  try {
    await inOrder(recordsOf(file, parts.maxBytes ?? MAX_FILE_BYTES), {
      concurrency: parts.concurrency,
      keyOf: ({ orderId }) => orderId,
      run: (line) => processed(parts, line),
      done: async ({ record }, outcome) => {
        count(counts, outcome)
        if (outcome.outcome === 'refused') {
          await rejected.append(rejectedLine(record, outcome.orderId, outcome.reason))
        }
        if (counts.lines % PROGRESS_LINES === 0) progress(counts)
      },
    })
  } catch (error) {
    // A new version has a run of its own: the host finds it, too.
    if (error instanceof FileChangedError) return { outcome: 'overwritten' }
    if (error instanceof FileDeletedError) fault = new FileFault('The file was deleted while it was read.')
    else if (error instanceof FileFault) fault = error
    else throw error
  }
  // A file that was read to its end may be gone by now; one that was written anew has a run of its own.
  const latest = await parts.files.open(name)
  if (latest !== undefined && latest.etag !== file.etag) return { outcome: 'overwritten' }

  await rejected.finish()
  const report: ImportReport = {
    file: name,
    etag: file.etag,
    size: file.size,
    complete: fault === undefined,
    ...(fault && { fault: { detail: fault.message, ...(fault.line !== undefined && { line: fault.line }) } }),
    ...counts,
    rejected: names.rejected,
    startedAt,
    endedAt: parts.now().toISOString(),
  }
  // The last thing: whoever sees it sees the end of the run.
  const written = parts.files.report(names.report)
  await written.append(`${JSON.stringify(report, null, 2)}\n`)
  await written.finish()
  return { outcome: report.complete ? 'complete' : 'incomplete', report }
}

const RECORDS: Readonly<Record<Format, (pieces: AsyncIterable<Buffer>) => AsyncIterable<FileRecord>>> = {
  ndjson: ndjsonRecords,
  json: jsonArrayRecords,
  csv: csvRecords,
}

/** A line that has been read, once: what it holds, or how it cannot be read. */
interface Line {
  readonly record: FileRecord
  readonly input: () => unknown
  /** The id that it names. */
  readonly orderId: string | undefined
  readonly lineId: string
}

async function* recordsOf(file: ImportFile, maxBytes: number): AsyncGenerator<Line> {
  const format = formatOf(file.name)
  if (format === undefined) {
    const endings = ENDINGS.join(', ')
    throw new FileFault(`The file's name has none of the known endings: ${endings}, each also with .gz.`)
  }
  if (file.size > maxBytes) throw tooLarge(maxBytes)
  const idOf = lineIds(file.name)
  for await (const record of RECORDS[format.format](textOf(file.read(), format.gzip, maxBytes))) {
    const input = readOnce(record.input)
    yield { record, ...input, lineId: idOf(record.line) }
  }
}

function readOnce(input: () => unknown): Pick<Line, 'input' | 'orderId'> {
  try {
    const value = input()
    return { input: () => value, orderId: orderIdIn(value) }
  } catch {
    // The service reads it again, and decides.
    return { input, orderId: undefined }
  }
}

/**
 * The ids of lines that name none: the file's name and the line's number, so that the same line of the same file is the same
 * order whenever it is imported. 132 bits of the name's hash are as good as all of it.
 */
export function lineIds(name: string): (line: number) => string {
  const prefix = createHash('sha256').update(name).digest('base64url').slice(0, 22)
  return (line) => `import-${prefix}-${line}`
}

async function processed({ service, pause }: ImportParts, line: Line): Promise<LineOutcome> {
  for (const delay of RETRY_DELAYS_MS) {
    try {
      return await service.processLine(line)
    } catch (error) {
      if (!(error instanceof StorageUnavailableError)) throw error
      await pause(delay)
    }
  }
  return service.processLine(line)
}

function count(counts: LineCounts, outcome: LineOutcome): void {
  counts.lines++
  if (outcome.outcome === 'refused') counts.refused++
  else if (outcome.already) counts.alreadyProcessed++
  else counts.processed++
}
