import { describe, expect, test } from '@jest/globals'
import type { Attempt } from '../src/host/invoker.ts'
import { retryDelay, withRetries } from '../src/host/retry.ts'
import type { RetryContext, RetryOptions } from '../src/protocol.ts'
import type { InvocationOutcome } from '../src/registry.ts'

const EVENT = { data: {}, metadata: {}, bindingData: () => ({}), reason: '' }

/** Runs a function that fails so many times; gives its outcome, what attempts were told, and what waits were said. */
async function retried(
  failures: number,
  policy: RetryOptions,
  stop?: AbortController,
): Promise<{ outcome: InvocationOutcome; contexts: (RetryContext | undefined)[]; waits: number[][] }> {
  const contexts: (RetryContext | undefined)[] = []
  const waits: number[][] = []
  const attempt: Attempt = (_event, context) => {
    contexts.push(context)
    return Promise.resolve(
      contexts.length <= failures
        ? { ok: false, error: { message: `no ${contexts.length}` }, endedWorker: true }
        : { ok: true, response: { invocationId: '' } },
    )
  }
  const run = withRetries(attempt, policy, (stop ?? new AbortController()).signal, (...wait) => {
    waits.push(wait)
    stop?.abort()
  })
  return { outcome: await run(EVENT), contexts, waits }
}

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
describe('a retry policy', () => {
  const fixed = (maxRetryCount?: number, seconds = 0): RetryOptions => ({
    retryStrategy: 'fixedDelay',
    delayInterval: { seconds },
    ...(maxRetryCount === undefined ? {} : { maxRetryCount }),
  })

  test('ends with the first success', async () => {
    const { outcome, contexts, waits } = await retried(1, fixed(5))
    expect(outcome.ok).toBe(true)
    expect(contexts).toEqual([
      { retryCount: 0, maxRetryCount: 5 },
      { retryCount: 1, maxRetryCount: 5, exception: { message: 'no 1' } },
    ])
    expect(waits).toEqual([[0, 1, 5]])
    expect((await retried(0, fixed(5))).waits).toEqual([])
  })

  test('allows so many retries after the first attempt; then the last failure stands', async () => {
    const { outcome, contexts, waits } = await retried(9, fixed(2))
    expect(outcome).toEqual({ ok: false, error: { message: 'no 3' }, endedWorker: true })
    expect(contexts).toHaveLength(3)
    expect(waits).toEqual([[0, 1, 2], [0, 2, 2]]) // prettier-ignore
    expect((await retried(9, fixed(0))).contexts).toHaveLength(1)
  })

  test.each([undefined, -1])('a count of %s has no limit', async (count) => {
    const { outcome, contexts } = await retried(20, fixed(count))
    expect(outcome.ok).toBe(true)
    expect(contexts.at(-1)).toMatchObject({ retryCount: 20, maxRetryCount: -1 })
  })

  test('a stop of the host in a wait ends it, with the last failure, and it is not over', async () => {
    const { outcome, contexts, waits } = await retried(9, fixed(5, 3600), new AbortController())
    expect(outcome).toEqual({ ok: false, error: { message: 'no 1' } })
    expect(contexts).toHaveLength(1)
    expect(waits).toEqual([[3_600_000, 1, 5]])
  })

  test('waits so long', async () => {
    const before = performance.now()
    await retried(1, { ...fixed(1), delayInterval: { seconds: 0.05 } })
    expect(performance.now() - before).toBeGreaterThan(45)
  })
})

describe('the wait before a retry', () => {
  const exponential = (minimum: number, maximum: number): RetryOptions => ({
    retryStrategy: 'exponentialBackoff',
    minimumInterval: { seconds: minimum },
    maximumInterval: { seconds: maximum },
  })

  test('is the interval of a fixed delay, in milliseconds', () => {
    const policy: RetryOptions = { retryStrategy: 'fixedDelay', delayInterval: { seconds: 5 } }
    expect([1, 2, 9].map((retry) => retryDelay(policy, retry, 1))).toEqual([5000, 5000, 5000])
    expect(retryDelay({ retryStrategy: 'fixedDelay' }, 1, 1)).toBe(0)
    // A policy for all that names no strategy.
    expect(
      retryDelay({ ...exponential(1, 2), retryStrategy: undefined } as unknown as RetryOptions, 1, 1),
    ).toBe(0)
  })

  // https://github.com/Azure/azure-webjobs-sdk/blob/dev/src/Microsoft.Azure.WebJobs.Host/Timers/RandomizedExponentialBackoffStrategy.cs
  test('grows exponentially, a fifth either way by chance, between the shortest and the longest', () => {
    const policy = exponential(10, 1000)
    const delays = (retry: number): number[] =>
      [0, 0.5, 1].map((random) => Math.round(retryDelay(policy, retry, random)))
    expect(delays(1)).toEqual([10_000, 10_000, 12_000])
    expect(delays(2)).toEqual([24_000, 30_000, 36_000])
    expect(delays(3)).toEqual([56_000, 70_000, 84_000])
    expect(delays(6)).toEqual([504_000, 630_000, 756_000])
    expect(delays(20)).toEqual([1_000_000, 1_000_000, 1_000_000])
    expect(retryDelay({ retryStrategy: 'exponentialBackoff' }, 3, 0.5)).toBe(0)
  })
})
