import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { QueueServiceClient } from '@azure/storage-queue'
import { ROOT } from '../../../scripts/build.ts'
import { startAzurite } from 'testkit/azurite'
import { ORDERS_QUEUE, QUEUES_SETTING } from '../../../src/storage/names.ts'
import type { Apps } from './apps.ts'
import { startBareProcess } from './bareProcess.ts'
import { startBenchHost } from './host.ts'
import { drainTime, fillQueue, oneQueue, spreadQueues, type OrderQueues } from './orderQueue.ts'

const BARE_QUEUE = 'bare'
const BARE_TABLE = 'bare'
const WARM_UP = 300

/** Something that drains a queue while it is not suspended. */
interface Consumer {
  readonly queues: OrderQueues
  readonly pause: () => void
  readonly resume: () => void
}

/** The whole app and a bare loop, on one storage, of which one runs at a time. */
export interface Consumers {
  /** The app’s queues. */
  readonly orders: OrderQueues
  /** Fills the queue while both are suspended, then lets one consumer run. Returns the milliseconds until the queue is empty. */
  readonly drain: (who: 'ours' | 'bare', count: number, name: string) => Promise<number>
  /** The same for a queue that has been filled already. */
  readonly drainFilled: (who: 'ours' | 'bare', count: number) => Promise<number>
  /** Lets one consumer run while `act` does. */
  readonly whileRunning: <T>(who: 'ours' | 'bare', act: () => Promise<T>) => Promise<T>
}

/** Batch size, and how few running messages make the host receive the next batch: `host.json`, else the host's defaults. */
export function queueConcurrency(): { readonly batchSize: number; readonly newBatchThreshold: number } {
  const host = JSON.parse(readFileSync(path.join(ROOT, 'host.json'), 'utf8')) as {
    extensions: { queues: { batchSize?: number; newBatchThreshold?: number } }
  }
  const { batchSize = 16, newBatchThreshold } = host.extensions.queues
  return {
    batchSize,
    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
    newBatchThreshold: newBatchThreshold ?? Math.floor(batchSize / 2) * availableParallelism(),
  }
}

/** Starts storage in memory and both consumers on it, warmed up and suspended. */
export async function startConsumers(options: {
  readonly apps: Apps
  readonly signal: AbortSignal
  readonly atEnd: (end: () => Promise<unknown>) => void
  /** More of the host's settings. */
  readonly environment?: Readonly<Record<string, string>>
  /** Storage whose queues cost the same at any length. */
  readonly flatQueues?: boolean
  /** Over how many queues the app spreads orders; 1 without it. */
  readonly queues?: number
  /** Orders that each drains before anything is measured. */
  readonly warmUp?: number
}): Promise<Consumers> {
  const { apps, signal, atEnd, flatQueues = false, queues: count = 1, warmUp = WARM_UP } = options
  const azurite = await startAzurite({ flatQueues })
  atEnd(() => azurite.stop())
  const { connectionString } = azurite
  const queues = QueueServiceClient.fromConnectionString(connectionString)
  const orders = spreadQueues(queues, count)
  await queues.getQueueClient(ORDERS_QUEUE).createIfNotExists()
  for (const queue of orders.all) await queue.createIfNotExists()

  const host = await startBenchHost({
    host: apps.host,
    app: apps.ours,
    environment: {
      AzureWebJobsStorage: connectionString,
      [QUEUES_SETTING]: String(count),
      // An idle host looks at its queue every two seconds: that is not what is measured.
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.100',
      ...options.environment,
    },
    firstCall: { path: '/api/hello', method: 'GET', status: 200 },
  })
  atEnd(() => host.stop())

  const { batchSize, newBatchThreshold } = queueConcurrency()
  const { child: loop, died } = await startBareProcess(
    'bareLoop.ts',
    [connectionString, BARE_QUEUE, BARE_TABLE, String(batchSize), String(newBatchThreshold)],
    { atEnd },
  )

  const consumers: Readonly<Record<'ours' | 'bare', Consumer>> = {
    ours: { queues: orders, pause: host.pause, resume: host.resume },
    bare: {
      queues: oneQueue(queues.getQueueClient(BARE_QUEUE)),
      pause: () => loop.kill('SIGSTOP'),
      resume: () => loop.kill('SIGCONT'),
    },
  }
  consumers.ours.pause()
  consumers.bare.pause()

  async function whileRunning<T>(who: 'ours' | 'bare', act: () => Promise<T>): Promise<T> {
    const { resume, pause } = consumers[who]
    resume()
    try {
      return await Promise.race([act(), died])
    } finally {
      pause()
    }
  }
  const drainFilled = (who: 'ours' | 'bare', count: number) =>
    whileRunning(who, () => drainTime(consumers[who].queues, count, signal))
  async function drain(who: 'ours' | 'bare', count: number, name: string): Promise<number> {
    await fillQueue(consumers[who].queues, count, name, signal)
    return drainFilled(who, count)
  }
  await drain('ours', warmUp, 'warm')
  await drain('bare', warmUp, 'warm')
  return { orders, drain, drainFilled, whileRunning }
}
