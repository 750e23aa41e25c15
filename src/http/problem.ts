import type { HttpResponseInit } from '@azure/functions'
import {
  BodyTooLargeError,
  InvalidOrderError,
  MalformedJsonError,
  OrderConflictError,
  OrderNotFoundError,
  StorageUnavailableError,
  UnsupportedEncodingError,
} from '../orders/errors.ts'

/** Seconds after which a client may ask again: for an order that is on its way, and for storage that is away. */
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
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

/** The problem an error is for a client: the one place where errors become HTTP. */
export function problemOf(error: unknown): Problem {
  if (error instanceof MalformedJsonError) {
    return problem('malformed-json', 400, 'The body is not JSON', { detail: error.message })
  }
  if (error instanceof InvalidOrderError) {
    return problem('invalid-order', 422, 'The order is not valid', { errors: error.faults })
  }
  if (error instanceof OrderConflictError) {
    return problem('order-conflict', 409, 'The id belongs to another order', {
      detail: error.message,
      id: error.id,
    })
  }
  if (error instanceof BodyTooLargeError) {
    return problem('body-too-large', 413, 'The body is too large', { detail: error.message })
  }
  if (error instanceof UnsupportedEncodingError) {
    return problem('unsupported-encoding', 415, 'The content coding is not supported', {
      detail: error.message,
    })
  }
  if (error instanceof OrderNotFoundError) {
    return problem('order-not-found', 404, 'No such order', { detail: error.message })
  }
  if (error instanceof StorageUnavailableError) {
    return problem('storage-unavailable', 503, 'Storage cannot be reached', {
      detail: error.message,
      id: error.id,
    })
  }
  // RFC 9457 §4.2.1: about:blank says no more than the status does, and what broke is nobody's business outside.
  return { type: 'about:blank', title: 'Internal Server Error', status: 500 }
}

function problem(
  name: string,
  status: number,
  title: string,
  more: Pick<Problem, 'detail' | 'id' | 'errors'>,
): Problem {
  return { type: `urn:orders:problem:${name}`, title, status, ...more }
}

/** A problem as an answer. */
export function problemResponse(problem: Problem): HttpResponseInit {
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(problem.status === 503 && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      // RFC 9110 §15.5.16: says which content coding would have been accepted.
      ...(problem.status === 415 && { 'accept-encoding': 'identity' }),
    },
    jsonBody: problem,
  }
}
