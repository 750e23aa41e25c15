import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { importConcurrency } from './imports/settings.ts'
import type { Importer } from './functions/importOrders.ts'
import { maxDequeueCount as hostMaxDequeueCount } from './functions/maxDequeueCount.ts'
import { once } from './once.ts'
import { createService } from './orders/service.ts'
import { lazyStorage } from './storage/lazy.ts'
import { orderStore } from './storage/orderStore.ts'

// The composition root: the one place where the service meets Azure Storage and Cosmos DB. What it exports is what the
// registrations in main.ts can give to a function.

/** Loads the library of the store that the records are in, and no other. */
const loadStore = async () => {
  if (typeof ORDERS_WITH_COSMOS === 'undefined' || ORDERS_WITH_COSMOS) {
    if (orderStore(process.env) === 'cosmos') return (await import('./storage/cosmos.ts')).cosmosStorage
  }
  return (await import('./storage/azure.ts')).azureStorage
}

const storage = lazyStorage(async () => (await loadStore())(process.env))

/** The one service, over the stores that the settings name. */
export const service = createService({ ...storage, now: () => new Date(), newId: randomUUID })

/** How often the host delivers a queue message at most. */
export const maxDequeueCount = hostMaxDequeueCount(process.env)

/** Measures what lies in the queues; loaded when it is first asked, with clients and a credential that it keeps. */
export const queueMeter = once(async () => {
  const { storageQueueMeter } = await import('./storage/queueMonitoring.ts')
  return storageQueueMeter(process.env)
})

/** Empties the queues that no function consumes any more; loaded when it is first asked, and kept as the meter is. */
export const queueDrain = once(async () => {
  const { storageQueueDrain } = await import('./storage/queueMonitoring.ts')
  return storageQueueDrain(process.env)
})

/** Sends events about orders; loaded by the first one, with a client and a credential that it keeps. */
export const orderEvents = once(async () => {
  const { storageOrderEvents } = await import('./storage/orderEvents.ts')
  return storageOrderEvents(process.env)
})

/** Imports files of orders; loaded by the first one, with clients and a credential that it keeps. */
export const importer = once(async () => {
  const [{ importFile }, { azureImportFiles }] = await Promise.all([
    import('./imports/run.ts'),
    import('./storage/importFiles.ts'),
  ])
  const parts = {
    files: await azureImportFiles(process.env),
    service,
    concurrency: importConcurrency(process.env),
    now: () => new Date(),
    pause,
  }
  const run: Importer = (name, progress) => importFile(name, parts, progress)
  return run
})

/** Maps what a handler throws to a problem. */
export { withProblems } from './http/handler.ts'

/** What the first order would wait for, in the order in which it is needed. */
export const warmUp = {
  loadStore,
  /** Opens the connection, and with an identity gets its first token. No order can have this id. */
  connect: (): Promise<unknown> => storage.records.read('warm up'),
  /** An order that is accepted for the queue, and a message that cannot be processed, need these. */
  loadQueues: (): Promise<unknown> => import('./storage/queues.ts'),
}
