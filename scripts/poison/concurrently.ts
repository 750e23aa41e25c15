/** Calls on their way at a time. Azure takes many more; Azurite answers one after the other, and slowly when it is full. */
const CONCURRENCY = 4

/**
 * Works on items, a few at a time, in their order. A failure ends it: nothing more is begun, and what has begun is
 * waited for.
 */
export async function concurrently<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  let failed = false
  async function next(): Promise<void> {
    for (const item of waiting) {
      if (failed) return
      try {
        await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: CONCURRENCY }, next))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
