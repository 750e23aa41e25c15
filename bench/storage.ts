import path from 'node:path'
import { startAzurite, type Azurite } from '../scripts/azurite.ts'

const FLAT_QUEUES = path.join(import.meta.dirname, 'worker/flatQueues.ts')

/** Storage in memory whose queues are as fast when many messages wait as when there are few. */
export function startFlatAzurite(): Promise<Azurite> {
  return startAzurite({ preload: [FLAT_QUEUES] })
}
