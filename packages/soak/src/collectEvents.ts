import { setTimeout as delay } from 'node:timers/promises'
import { jsonObject } from './content.ts'
import { isSettled } from './status.ts'
import type { StorageReader, StoredOrder } from './storedOrders.ts'

/** How long the events of a run may take after its last order. */
const LIMIT_MS = 90_000
const PAUSE_MS = 500

/** What receives the events about orders: during the run, as another system does, and to its end. */
export interface EventCollector {
  /** Takes events off their queue until the signal. */
  run(signal: AbortSignal): Promise<void>
  /**
   * Takes them until there is one for each processed order or the time is up.
   *
   * @returns the texts of all events
   */
  rest(
    records: ReadonlyMap<string, StoredOrder>,
    signal: AbortSignal,
    limitMs?: number,
  ): Promise<readonly string[]>
}

/**
 * Collects the events about orders.
 *
 * @param take takes a few off their queue, and tells each text before its message is deleted
 */
export function createEventCollector(take: StorageReader['takeEvents']): EventCollector {
  const texts: string[] = []
  const takeSome = () => take((text) => texts.push(text))
  return {
    async run(signal) {
      while (!signal.aborted) {
        // While storage is away the events wait, and a message that was not deleted comes again.
        const taken = await takeSome().catch(() => 0)
        if (taken === 0) await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined)
      }
    },
    async rest(records, signal, limitMs = LIMIT_MS) {
      const missing = new Set<unknown>()
      for (const { id, status } of records.values()) if (isSettled(status)) missing.add(`${id}:processed`)
      const end = performance.now() + limitMs
      let seen = 0
      for (;;) {
        while ((await takeSome()) > 0);
        for (const text of texts.slice(seen)) missing.delete(jsonObject(text)?.['id'])
        seen = texts.length
        if (missing.size === 0 || signal.aborted || performance.now() > end) return texts
        await delay(PAUSE_MS)
      }
    },
  }
}
