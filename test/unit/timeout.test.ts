import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { withinTime } from '../../src/storage/timeout.ts'

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

test('an operation is aborted by its signal at the timeout', async () => {
  const ended = withinTime((abortSignal) => delay(60_000, undefined, { signal: abortSignal }), 5)
  await expect(ended).rejects.toMatchObject({ name: 'AbortError' })
})

test('an operation that ends in time leaves no timer, whether it succeeds or fails', async () => {
  const before = timers()
  const signals: AbortSignal[] = []
  const operation = (result: Promise<string>) =>
    withinTime((abortSignal) => {
      signals.push(abortSignal)
      expect(timers()).toBe(before + 1)
      return result
    }, 20)
  await expect(operation(Promise.resolve('stored'))).resolves.toBe('stored')
  await expect(operation(Promise.reject(new Error('refused')))).rejects.toThrow('refused')
  expect(timers()).toBe(before)
  await delay(40)
  expect(signals.map(({ aborted }) => aborted)).toStrictEqual([false, false])
})
