import type { HttpResponseInit } from '@azure/functions'
import { FAILURES, OrderError, type OrderFault } from '../orders/errors.ts'

/** Seconds after which a client may retry: for an order that is on its way, and for storage that is away. */
export const RETRY_AFTER_SECONDS = 1

/** RFC 9457 §3 problem details. `type` is stable: clients tell problems apart by it. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  /** The order the problem is about. */
  readonly id?: string
  /** Every fault of an invalid order. */
  readonly errors?: readonly OrderFault[]
}

/** The problem that an error is for a client. An error of no known kind is a fault of the service, and says nothing more. */
export function problemOf(error: unknown): Problem {
  const { kind, details } =
    error instanceof OrderError
      ? { kind: error.kind, details: error.problemDetails() }
      : { kind: FAILURES.internalError, details: {} }
  return { type: kind.type, title: kind.title, status: kind.status, ...details }
}

/** A problem as a response. */
export function problemResponse(problem: Problem): HttpResponseInit {
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(problem.status === 503 && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      // RFC 9110 §15.5.16: the content codings that would be accepted.
      ...(problem.status === 415 && { 'accept-encoding': 'identity' }),
    },
    jsonBody: problem,
  }
}
