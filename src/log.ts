import { inspect } from 'node:util'
import type { InvocationContext } from '@azure/functions'
import { jsonLine } from './jsonLine.ts'
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

/** An event as one line of JSON. */
export function logLine(event: OrderEvent): string {
  const { outcome, via, orderId, messageId, dequeueCount, queuedForMs } = event
  const reason = event.reason?.slice(0, MAX_REASON_LENGTH)
  return jsonLine({ event: 'order', outcome, via, orderId, messageId, dequeueCount, queuedForMs, reason })
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
