import type { Content } from './content.ts'
import type { Way } from './workload.ts'

/** A response as the client received it. */
export interface HttpResponse {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | undefined
}

/** One HTTP call, with or without a response. Times are of `performance.now()`. */
export interface Call {
  readonly begun: number
  readonly ended: number
  /** Undefined if the connection failed; `error` says how. */
  readonly response: HttpResponse | undefined
  readonly error?: string
}

/** One POST of an order. */
export interface OrderCall extends Call {
  readonly way: Exclude<Way, 'push'>
  /** The id the client gave. */
  readonly id: string | undefined
  readonly content: Content
}

/** One GET of an order. */
export interface ReadCall extends Call {
  readonly id: string
  /** Whether the client had a 200 or 202 for the order before. */
  readonly acknowledged: boolean
}

/** A call that must be refused with the status `expected`. */
export interface RefusedCall extends Call {
  readonly expected: number
}

/** A message that was sent to the queue, successfully or not. */
export interface Push {
  /** Its text. */
  readonly text: string
  /** The order in it; undefined if it contains none. */
  readonly order: { readonly id: string | undefined; readonly content: Content } | undefined
  /** Whether the queue acknowledged it. */
  readonly acknowledged: boolean
  /** The id that the queue gave it, if known. */
  readonly messageId: string | undefined
}

/** A line of a file of orders; `order` is undefined if the line must be refused. */
export interface FileLine {
  readonly text: string
  readonly order: { readonly id: string | undefined; readonly content: Content } | undefined
}

/** A file of orders that was uploaded. */
export interface FileUpload {
  readonly name: string
  /** Undefined if storage did not acknowledge it. */
  readonly etag: string | undefined
  readonly lines: readonly FileLine[]
  /** The first report about this version that could be read, and the list of refused lines at the same time. */
  readonly report: Readonly<Record<string, unknown>> | undefined
  readonly rejected: readonly Readonly<Record<string, unknown>>[]
}

/** Everything that clients sent and received. The audit compares storage with it. */
export interface Ledger {
  readonly orders: OrderCall[]
  readonly reads: ReadCall[]
  readonly refused: RefusedCall[]
  readonly pushes: Push[]
  readonly files: FileUpload[]
}

/** An empty ledger. */
export function createLedger(): Ledger {
  return { orders: [], reads: [], refused: [], pushes: [], files: [] }
}
