import { systemClock } from '../clock.ts'
import type { RetryOptions } from '../protocol.ts'
import type { InvocationOutcome, TriggerEvent } from '../registry.ts'
import type { Attempt } from './invoker.ts'

/** Says, before a wait, how long it is and which attempt comes after it. */
export type OnWait = (delayMs: number, nextAttempt: number, maxRetryCount: number) => void

const INFINITE = -1

/**
 * Repeats a failed invocation as its function's retry policy says; each attempt is an invocation of its own.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
 *
 * When the host stops in the middle of a wait, the last failure stands.
 */
export function withRetries(
  attempt: Attempt,
  policy: RetryOptions,
  stopping: AbortSignal,
  onWait: OnWait,
): (event: TriggerEvent) => Promise<InvocationOutcome> {
  const maxRetryCount = policy.maxRetryCount ?? INFINITE
  return async (event) => {
    let outcome = await attempt(event, { retryCount: 0, maxRetryCount })
    for (let retry = 1; !outcome.ok && (maxRetryCount === INFINITE || retry <= maxRetryCount); retry++) {
      const delay = retryDelay(policy, retry, Math.random())
      onWait(delay, retry, maxRetryCount)
      await systemClock.sleep(delay, stopping)
      // It is not over: there would have been another attempt.
      if (stopping.aborted) return { ok: false, error: outcome.error }
      outcome = await attempt(event, { retryCount: retry, maxRetryCount, exception: outcome.error })
    }
    return outcome
  }
}

/**
 * Milliseconds to wait before a retry (the first is 1). Exponential: from the shortest interval, doubling with a fifth of
 * chance either way, never over the longest:
 * https://github.com/Azure/azure-webjobs-sdk/blob/dev/src/Microsoft.Azure.WebJobs.Host/Timers/RandomizedExponentialBackoffStrategy.cs
 */
export function retryDelay(policy: RetryOptions, retry: number, random: number): number {
  if (policy.retryStrategy !== 'exponentialBackoff') return (policy.delayInterval?.seconds ?? 0) * 1000
  const shortest = (policy.minimumInterval?.seconds ?? 0) * 1000
  const longest = (policy.maximumInterval?.seconds ?? 0) * 1000
  const growth = (2 ** retry - 1) * (0.8 + 0.4 * random)
  return Math.max(shortest, Math.min(longest, shortest * growth))
}
