import { createHash } from 'node:crypto'
import type { OrderError } from '../orders/errors.ts'
import type { FileRecord } from './record.ts'

/** What became of a file: `import-reports/<name>.json`, written when the run is over, as a whole. Times are ISO 8601 UTC. */
export interface ImportReport {
  /** The file's name in its container. */
  readonly file: string
  /** The version of the file that this is about. */
  readonly etag: string
  /** Bytes of the file. */
  readonly size: number
  /** Whether the file was read to its end. If not, `fault` says why, and from which line on nothing was read. */
  readonly complete: boolean
  readonly fault?: { readonly detail: string; readonly line?: number }
  /** Orders that were found, valid or not: processed, processed already, and refused ones. */
  readonly lines: number
  /** Processed by this run. */
  readonly processed: number
  /** Processed before, by an earlier run or another way in; nothing was changed. */
  readonly alreadyProcessed: number
  /** Refused: each is in `rejected`. */
  readonly refused: number
  /** The blob that lists the refused lines, in the container of the reports. */
  readonly rejected: string
  readonly startedAt: string
  readonly endedAt: string
}

/** How many lines there were, and what became of them. */
export interface LineCounts {
  lines: number
  processed: number
  alreadyProcessed: number
  refused: number
}

/** Longest name that a report's ending still fits behind: a blob's has at most 1024 characters. */
const MAX_NAME = 1000

/** The names of what is written about a file. */
export function reportNames(file: string): { readonly report: string; readonly rejected: string } {
  const name =
    file.length <= MAX_NAME ? file : `${file.slice(0, MAX_NAME - 70).toWellFormed()}-${sha256(file)}`
  return { report: `${name}.json`, rejected: `${name}.rejected.jsonl` }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * A refused line, as a line of JSON: its number, its exact text (or its bytes as Base64, where they are no UTF-8), and the
 * problem as an HTTP response would have it, every fault with its pointer. Of a line that is too long the beginning is there,
 * and `length` says how many bytes it has.
 */
export function rejectedLine(
  { line, bytes, length }: FileRecord,
  orderId: string | undefined,
  reason: OrderError,
): string {
  const { type, title } = reason.kind
  const entry = {
    line,
    // Not in the line when it is undefined.
    id: orderId,
    ...textOf(bytes, length > bytes.length),
    ...(length > bytes.length && { length }),
    type,
    title,
    ...('errors' in reason.problemDetails() ? {} : { detail: reason.message }),
    ...reason.problemDetails(),
  }
  return `${JSON.stringify(entry)}\n`
}

function textOf(bytes: Uint8Array, cut: boolean): { readonly text: string } | { readonly base64: string } {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    // What was cut may end within a character.
    return { text: utf8.decode(bytes, { stream: cut }) }
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') }
  }
}
