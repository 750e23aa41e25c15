import { withinTime } from '../../src/storage/timeout.ts'

/**
 * Milliseconds one operation may take, its retries included. An operator can wait for longer than an HTTP client, and
 * Azurite with thousands of messages is slow.
 */
export const STORAGE_CALL_MS = 30_000

/** Storage gave no answer, or one that helps nobody. The message is a line for a person. */
export class StorageTroubleError extends Error {
  override readonly name = 'StorageTroubleError'
}

/**
 * Asks storage for something, in bounded time.
 *
 * @param what it is asked to do, for the message: `read orders-poison`
 * @throws StorageTroubleError
 */
export async function storageCall<T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await withinTime(call, STORAGE_CALL_MS)
  } catch (cause) {
    throw new StorageTroubleError(
      `Storage failed to ${what}: ${firstLine(cause)}. Is it running, and are the settings right? Nothing is lost.`,
      { cause },
    )
  }
}

function firstLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as { code?: unknown }).code
  const [line = ''] = error.message.split('\n')
  return [typeof code === 'string' && !line.includes(code) ? code : '', line.replace(/\.$/, '') || error.name]
    .filter((part) => part !== '')
    .join(', ')
}
