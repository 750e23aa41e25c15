import path from 'node:path'
import { startAzurite, type Azurite } from '../scripts/azurite.ts'

/** Storage in memory, in a process of its own, that never stops to tidy up. */
export function startBenchAzurite(): Promise<Azurite> {
  return startAzurite({ preload: [path.join(import.meta.dirname, 'worker/withoutSweeps.ts')] })
}
