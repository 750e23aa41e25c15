import { setTimeout as delay } from 'node:timers/promises'
import { jsonObject } from './content.ts'
import { isSettled } from './status.ts'
import type { StorageReader, StoredOrder } from './storedOrders.ts'

/** How long the events of a run may take after its last order. */
const LIMIT_MS = 90_000
const PAUSE_MS = 500

/**
 * Takes the events about orders off their queue, until there is one for each processed order or the time is up.
 *
 * @returns their texts
 */
export async function collectEvents(
  reader: Pick<StorageReader, 'takeEvents'>,
  records: ReadonlyMap<string, StoredOrder>,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<readonly string[]> {
  const missing = new Set<unknown>()
  for (const { id, status } of records.values()) if (isSettled(status)) missing.add(`${id}:processed`)
  const texts: string[] = []
  const end = performance.now() + limitMs
  for (;;) {
    const some = await reader.takeEvents()
    texts.push(...some)
    for (const text of some) missing.delete(jsonObject(text)?.['id'])
    if (missing.size === 0 || signal.aborted || performance.now() > end) return texts
    await delay(PAUSE_MS)
  }
}
