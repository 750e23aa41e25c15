import { randomUUID } from 'node:crypto'
import { orderHandler } from './functions/order.ts'
import { orderProcessorHandler } from './functions/orderProcessor.ts'
import { orderStatusHandler } from './functions/orderStatus.ts'
import { maxDequeueCount } from './functions/maxDequeueCount.ts'
import { createService } from './orders/service.ts'
import { lazyStorage } from './storage/lazy.ts'

// The composition root: the one place where the service meets Azure Storage and the handlers meet the service.
const storage = lazyStorage(async () => {
  const { azureStorage } = await import('./storage/azure.ts')
  return azureStorage(process.env)
})
const service = createService({ ...storage, now: () => new Date(), newId: randomUUID })

/** What the first order would wait for, in the order in which it is needed. */
export const warmUp = {
  loadTables: (): Promise<unknown> => import('./storage/azure.ts'),
  /** Opens the connection, and with an identity gets its first token. No order can have this id. */
  connect: (): Promise<unknown> => storage.records.read('warm up'),
  /** An order that is accepted for the queue, and a message that can't be processed, need these. */
  loadQueues: (): Promise<unknown> => import('./storage/queues.ts'),
}

/** What each function does. */
export const order = orderHandler(service)
export const orderStatus = orderStatusHandler(service)
export const orderProcessor = orderProcessorHandler(service, maxDequeueCount(process.env))
export { openApiHandler as openApi } from './functions/openapi.ts'
export { docsHandler as docs } from './functions/docs.ts'
