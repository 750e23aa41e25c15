import { setTimeout as delay } from 'node:timers/promises'
import { isSettled } from './status.ts'
import type { StoredOrder, StoredPage } from './storedOrders.ts'

const PAUSE_MS = 400
/** The pause is this many times as long as the read: Azurite scans the whole table for every page. */
const PAUSE_FACTOR = 12

/** Checks during a run that processed records do not change. */
export interface Watcher {
  /** Reads the table repeatedly until it is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Compares what it has seen with these records. */
  compare(records: ReadonlyMap<string, StoredOrder>): void
  /** Ids of processed records that have changed or disappeared. */
  readonly changed: ReadonlySet<string>
  /** How often a processed record was checked. */
  checks(): number
}

/**
 * A watcher that reads with `page`. A record that was written again has another ETag, even if its content is the same.
 */
export function createWatcher(page: (from: string | undefined) => Promise<StoredPage>): Watcher {
  const seen = new Map<string, { readonly etag: string; readonly json: string }>()
  const changed = new Set<string>()
  let checks = 0

  function check(order: StoredOrder): void {
    const before = seen.get(order.id)
    if (before !== undefined) {
      checks++
      if (before.etag !== order.etag || before.json !== order.json) changed.add(order.id)
    } else if (isSettled(order.status)) {
      seen.set(order.id, { etag: order.etag, json: order.json })
    }
  }
  return {
    changed,
    checks: () => checks,
    async run(signal) {
      let from: string | undefined
      while (!signal.aborted) {
        const begun = performance.now()
        try {
          const { orders, next } = await page(from)
          orders.forEach(check)
          from = next
        } catch {
          // Storage is unavailable; a change in the meantime will be seen later.
          from = undefined
        }
        const pause = Math.max(PAUSE_MS, PAUSE_FACTOR * (performance.now() - begun))
        await delay(pause, undefined, { signal }).catch(() => undefined)
      }
    },
    compare(records) {
      for (const id of seen.keys()) if (!records.has(id)) changed.add(id)
      for (const order of records.values()) check(order)
    },
  }
}
