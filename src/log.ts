import { inspect } from 'node:util'
import type { InvocationContext } from '@azure/functions'
import {
  BodyTooLargeError,
  InvalidOrderError,
  MalformedJsonError,
  OrderConflictError,
  OrderNotFoundError,
  StorageUnavailableError,
} from './orders/errors.ts'

/** One line about one order, for operators: fields they can query by. */
export interface OrderEvent {
  /** What became of it; `error` is a bug. */
  readonly outcome: 'processed' | 'accepted' | 'poisoned' | FailureOutcome
  readonly via: 'http' | 'queue'
  readonly orderId?: string | undefined
  readonly messageId?: string | undefined
  readonly dequeueCount?: number | undefined
  /** Milliseconds from the message's insertion into the queue to this line. */
  readonly queuedForMs?: number | undefined
  /** What went wrong, in words. */
  readonly reason?: string | undefined
}

/** Longest reason in a line: a client that makes a thousand faults can't fill the log with them. */
const MAX_REASON_LENGTH = 2000

/** How an order can fail. */
export type FailureOutcome =
  'malformed' | 'invalid' | 'conflict' | 'too-large' | 'not-found' | 'unavailable' | 'error'

/**
 * Writes an event as one line of JSON, at the level it deserves: an error for what an operator must look at, a
 * warning for what is on the poison queue.
 */
export function logOrder(context: InvocationContext, event: OrderEvent): void {
  const line = logLine(event)
  if (event.outcome === 'unavailable' || event.outcome === 'error') context.error(line)
  else if (event.outcome === 'poisoned') context.warn(line)
  else context.log(line)
}

/** An event about an order as one line of JSON. */
export function logLine(event: OrderEvent): string {
  const { outcome, via, orderId, messageId, dequeueCount, queuedForMs } = event
  const reason = event.reason?.slice(0, MAX_REASON_LENGTH)
  return jsonLine({ event: 'order', outcome, via, orderId, messageId, dequeueCount, queuedForMs, reason })
}

/**
 * An event as one line of JSON. What a client or a sender wrote can be part of a reason: nothing in it may end the
 * line or steer a terminal, so control characters that JSON leaves alone are escaped too.
 */
export function jsonLine(event: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(event).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** What an error says of an order: how it failed, which one if that is known, and why. */
export function failureOf(error: unknown): {
  readonly outcome: FailureOutcome
  readonly orderId?: string
  readonly reason: string
} {
  if (error instanceof OrderConflictError) {
    return { outcome: 'conflict', orderId: error.id, reason: error.message }
  }
  if (error instanceof StorageUnavailableError) {
    return { outcome: 'unavailable', orderId: error.id, reason: withCauses(error) }
  }
  if (error instanceof MalformedJsonError) return { outcome: 'malformed', reason: error.message }
  if (error instanceof InvalidOrderError) return { outcome: 'invalid', reason: error.message }
  if (error instanceof BodyTooLargeError) return { outcome: 'too-large', reason: error.message }
  if (error instanceof OrderNotFoundError) return { outcome: 'not-found', reason: error.message }
  return { outcome: 'error', reason: inspect(error) }
}

function withCauses(error: Error): string {
  const cause = error.cause
  return cause instanceof Error
    ? `${error.message} Cause: ${cause.name}: ${withCauses(cause)}`
    : error.message
}
