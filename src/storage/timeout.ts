/**
 * Milliseconds one storage operation may take, its retries and the creation of a missing table or queue included.
 * An HTTP call makes at most four, one after the other, so that a client has its response, or its 503, within 10 s.
 */
export const OPERATION_TIMEOUT_MS = 2000

/** Retries of one operation by the client library, within the operation's time. */
export const RETRIES = { count: 2, firstDelayMs: 100, maxDelayMs: 400 }

/** The same, as the clients of queues and blobs take it. */
export const QUEUE_AND_BLOB_RETRIES = {
  maxTries: 1 + RETRIES.count,
  retryDelayInMs: RETRIES.firstDelayMs,
  maxRetryDelayInMs: RETRIES.maxDelayMs,
}

/**
 * Runs one storage operation with a signal that ends it when its time is up.
 *
 * AbortSignal.timeout() cannot be cancelled: it makes its error two seconds later in any case, which took more of a busy
 * worker's time than the order did (docs/performance.md, "What was tried").
 *
 * @param milliseconds it may take
 */
export async function withinTime<T>(
  operation: (abortSignal: AbortSignal) => Promise<T>,
  milliseconds = OPERATION_TIMEOUT_MS,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => {
    controller.abort()
  }, milliseconds)
  try {
    return await operation(controller.signal)
  } finally {
    clearTimeout(timer)
  }
}
