import { describe, expect, test } from '@jest/globals'
import { runInNewContext } from 'node:vm'
import { ReadOnlyError, toError, WorkerError, WorkerRangeError } from '../src/worker/errors.ts'

// https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/errors.ts
test("errors of the worker carry the library's mark, and are of the kind that it expects", () => {
  const errors = [new WorkerError('a'), new WorkerRangeError('b'), new ReadOnlyError('hookData')]
  for (const error of errors) expect(error).toHaveProperty('isAzureFunctionsSystemError', true)
  expect(errors[1]).toBeInstanceOf(RangeError)
  expect(errors[2]).toBeInstanceOf(TypeError)
  expect(errors.map(({ message }) => message)).toEqual([
    'a',
    'b',
    "Cannot assign to read only property 'hookData'",
  ])
})

describe('what was thrown, as an error', () => {
  test('an error is itself', () => {
    const error = new TypeError('x')
    expect(toError(error)).toBe(error)
  })

  const endless: Record<string, unknown> = {}
  endless['self'] = endless
  test.each([
    [undefined, 'Unknown error'],
    [null, 'Unknown error'],
    ['text', 'text'],
    ['', ''],
    [5, '5'],
    [0, '0'],
    [true, 'true'],
    [10n, '10n'],
    [Symbol('s'), 'Symbol(s)'],
    [{ message: 'said', other: 1 }, 'said'],
    [{ message: 5 }, '{"message":5}'],
    [{ code: 1 }, '{"code":1}'],
    [[1, 2], '[1,2]'],
    [endless, 'An object that cannot be shown as text was thrown.'],
  ])('%p', (thrown, message) => {
    const error = toError(thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toBe(message)
  })

  test('an error of another realm keeps its message and its stack', () => {
    const foreign = runInNewContext("new RangeError('far')") as Error
    const error = toError(foreign)
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toBe('far')
    expect(error.stack).toBe(foreign.stack)
    // A stack that is no text is not taken.
    expect(toError({ message: 'm', stack: 5 }).stack).toContain('Error: m')
    expect(toError({ message: 'm' }).stack).toContain('Error: m')
  })
})
