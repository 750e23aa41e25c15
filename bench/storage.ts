import path from 'node:path'
import { startAzurite, type Azurite } from '../scripts/azurite.ts'

/**
 * Storage in memory, in a process of its own, that never stops to tidy up.
 *
 * @param options.flatQueues whether its queues are as fast when many messages wait as when there are few
 */
export function startBenchAzurite({ flatQueues = false } = {}): Promise<Azurite> {
  const modules = ['withoutSweeps.ts', ...(flatQueues ? ['flatQueues.ts'] : [])]
  return startAzurite({ preload: modules.map((name) => path.join(import.meta.dirname, 'worker', name)) })
}
