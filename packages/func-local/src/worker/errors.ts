import { format } from 'node:util'

/**
 * Errors of the worker itself carry the mark by which `@azure/functions` tells them from the app's:
 * https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/errors.ts
 */
const SYSTEM_MARK = 'isAzureFunctionsSystemError'

/** A fault in how the app or the host uses the worker, not in the app's own logic. */
export class WorkerError extends Error {
  readonly [SYSTEM_MARK] = true
}

/** A value outside the set the worker knows; a `RangeError`, as the library expects of an unknown hook. */
export class WorkerRangeError extends RangeError {
  readonly [SYSTEM_MARK] = true
}

/** An attempt to replace a property that hooks may only read. */
export class ReadOnlyError extends TypeError {
  readonly [SYSTEM_MARK] = true
  constructor(property: string) {
    super(`Cannot assign to read only property '${property}'`)
  }
}

/** Turns whatever was thrown into an `Error`, keeping its text. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  if (thrown === undefined || thrown === null) return new Error('Unknown error')
  if (typeof thrown === 'string') return new Error(thrown)
  // Errors of another realm (a `vm` context) fail `instanceof` but have a message.
  if (typeof thrown === 'object' && 'message' in thrown && typeof thrown.message === 'string') {
    const error = new Error(thrown.message)
    if ('stack' in thrown && typeof thrown.stack === 'string') error.stack = thrown.stack
    return error
  }
  try {
    return new Error(typeof thrown === 'object' ? JSON.stringify(thrown) : format(thrown))
  } catch {
    return new Error('An object that cannot be shown as text was thrown.')
  }
}
