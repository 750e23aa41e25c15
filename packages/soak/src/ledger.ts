import type { Content } from './content.ts'
import type { Way } from './workload.ts'

/** An answer as the client got it. */
export interface HttpAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | undefined
}

/** One HTTP call, answered or not. Times are of `performance.now()`. */
export interface Call {
  readonly begun: number
  readonly ended: number
  /** Undefined when the connection failed; `error` says how. */
  readonly answer: HttpAnswer | undefined
  readonly error?: string
}

/** An order sent over HTTP once. */
export interface OrderCall extends Call {
  readonly way: Exclude<Way, 'push'>
  /** The id the client gave. */
  readonly id: string | undefined
  readonly content: Content
}

/** An order looked up. */
export interface LookUp extends Call {
  readonly id: string
  /** Whether the client had been told before that the order is taken on. */
  readonly acknowledged: boolean
}

/** A call that must be refused with this status. */
export interface RefusedCall extends Call {
  readonly expected: number
}

/** A message put, or maybe put, on the queue. */
export interface Push {
  /** Its text on the queue. */
  readonly text: string
  /** The order in it; undefined when there is none in it. */
  readonly order: { readonly id: string | undefined; readonly content: Content } | undefined
  /** Whether the queue said that it has it. */
  readonly acknowledged: boolean
  /** The queue's name for it, when it was told. */
  readonly messageId: string | undefined
}

/** All that clients sent and were told. The accounting has nothing else to hold storage against. */
export interface Ledger {
  readonly orders: OrderCall[]
  readonly lookUps: LookUp[]
  readonly refused: RefusedCall[]
  readonly pushes: Push[]
}

/** An empty ledger. */
export function createLedger(): Ledger {
  return { orders: [], lookUps: [], refused: [], pushes: [] }
}
