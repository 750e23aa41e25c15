import { setTimeout as delay } from 'node:timers/promises'
import type { StoredOrder, StoredPage } from './storedOrders.ts'

const PAUSE_MS = 400
/** Pauses for so many times as long as it reads: Azurite goes through the whole table for every page. */
const PAUSE_FACTOR = 12

/** Watches that processed records stay as they are. */
export interface Watcher {
  /** Reads the table over and over, until it is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Holds what it saw against what is there now. */
  compare(records: ReadonlyMap<string, StoredOrder>): void
  /** Ids of processed records that were seen to change, or to be gone. */
  readonly changed: ReadonlySet<string>
  /** How often a processed record was looked at again. */
  looks(): number
}

/**
 * A watcher that reads with `page`. A record that was written again has another ETag, even when it says the same.
 */
export function createWatcher(page: (from: string | undefined) => Promise<StoredPage>): Watcher {
  const seen = new Map<string, { readonly etag: string; readonly json: string }>()
  const changed = new Set<string>()
  let looks = 0

  function look(order: StoredOrder): void {
    const before = seen.get(order.id)
    if (before !== undefined) {
      looks++
      if (before.etag !== order.etag || before.json !== order.json) changed.add(order.id)
    } else if (order.status === 'processed') {
      seen.set(order.id, { etag: order.etag, json: order.json })
    }
  }
  return {
    changed,
    looks: () => looks,
    async run(signal) {
      let from: string | undefined
      while (!signal.aborted) {
        const begun = performance.now()
        try {
          const { orders, next } = await page(from)
          orders.forEach(look)
          from = next
        } catch {
          // Storage is away; what changes meanwhile is still changed later.
          from = undefined
        }
        const pause = Math.max(PAUSE_MS, PAUSE_FACTOR * (performance.now() - begun))
        await delay(pause, undefined, { signal }).catch(() => undefined)
      }
    },
    compare(records) {
      for (const id of seen.keys()) if (!records.has(id)) changed.add(id)
      for (const order of records.values()) look(order)
    },
  }
}
