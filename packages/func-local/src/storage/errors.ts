/** Whether a storage SDK's error has this code, `QueueNotFound` for example. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  )
}

/** The HTTP status of a storage SDK's error. */
export function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined
}

/** What went wrong, in a few words for a log line. */
export function reasonOf(error: unknown): string {
  if (isCode(error, 'ECONNREFUSED')) return 'connection refused'
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n')[0] ?? message
}
