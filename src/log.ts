import { inspect } from 'node:util'
import type { InvocationContext } from '@azure/functions'
import { FAILURES, OrderError, type FailureOutcome } from './orders/errors.ts'

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

/**
 * An event as one line of JSON. What a client or a sender wrote can be part of a reason: nothing in it may end the
 * line or steer a terminal, so control characters that JSON leaves alone are escaped too.
 */
export function logLine(event: OrderEvent): string {
  const { outcome, via, orderId, messageId, dequeueCount, queuedForMs } = event
  const reason = event.reason?.slice(0, MAX_REASON_LENGTH)
  const line = { event: 'order', outcome, via, orderId, messageId, dequeueCount, queuedForMs, reason }
  return JSON.stringify(line).replaceAll(
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
  if (!(error instanceof OrderError))
    return { outcome: FAILURES.internalError.outcome, reason: inspect(error) }
  const { kind, id } = error
  return {
    outcome: kind.outcome,
    ...(id !== undefined && { orderId: id }),
    reason: error.logReason(),
  }
}
