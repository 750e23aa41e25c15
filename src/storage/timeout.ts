/**
 * Milliseconds one storage operation may take, its retries and the creation of a missing table or queue included.
 * An HTTP call makes at most four, one after the other, so that a client has its answer, or its 503, within 10 s.
 */
export const OPERATION_TIMEOUT_MS = 2000

/** Retries of one operation by the client library, within the operation's time. */
export const RETRIES = { count: 2, firstDelayMs: 100, maxDelayMs: 400 }

/** A signal that ends one storage operation when its time is up. */
export function operationTimeout(): AbortSignal {
  return AbortSignal.timeout(OPERATION_TIMEOUT_MS)
}
