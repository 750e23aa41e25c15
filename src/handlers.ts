import { randomUUID } from 'node:crypto'
import { helloHandler } from './functions/hello.ts'
import { orderHandler } from './functions/order.ts'
import { orderProcessorHandler } from './functions/orderProcessor.ts'
import { orderStatusHandler } from './functions/orderStatus.ts'
import { queueMonitorHandler } from './functions/queueMonitor.ts'
import { maxDequeueCount } from './functions/maxDequeueCount.ts'
import { createService } from './orders/service.ts'
import { lazyStorage } from './storage/lazy.ts'

// The composition root: the one place where the service meets Azure Storage and the handlers meet the service.
const storage = lazyStorage(async () => {
  const { azureStorage } = await import('./storage/azure.ts')
  return azureStorage(process.env)
})
const service = createService({ ...storage, now: () => new Date(), newId: randomUUID })

/** Loads what the first order would wait for. */
export const warmUp = (): Promise<unknown> => import('./storage/azure.ts')

/** What each function does. */
export const hello = helloHandler(service)
export const order = orderHandler(service)
export const orderStatus = orderStatusHandler(service)
export const orderProcessor = orderProcessorHandler(service, maxDequeueCount(process.env))
export const queueMonitor = queueMonitorHandler(async () => {
  const { storageQueueMeter } = await import('./storage/queueMeter.ts')
  return storageQueueMeter(process.env)
})
export { openApiHandler as openApi } from './functions/openapi.ts'
export { docsHandler as docs } from './functions/docs.ts'
