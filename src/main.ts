import { randomUUID } from 'node:crypto'
import { registerDocs } from './functions/docs.ts'
import { registerHello } from './functions/hello.ts'
import { registerOpenApi } from './functions/openapi.ts'
import { registerOrder } from './functions/order.ts'
import { registerOrderProcessor } from './functions/orderProcessor.ts'
import { registerOrderStatus } from './functions/orderStatus.ts'
import { maxDequeueCount } from './hostSettings.ts'
import { createService } from './service.ts'
import { lazyStorage } from './storage/lazy.ts'

// The composition root: the one place where the service meets Azure Storage and the functions meet the service.
const storage = lazyStorage(async () => {
  const { azureStorage } = await import('./storage/azure.ts')
  return azureStorage(process.env)
})
const service = createService({ ...storage, now: () => new Date(), newId: randomUUID })

registerHello(service)
registerOrder(service)
registerOrderStatus(service)
registerOrderProcessor(service, maxDequeueCount(process.env))
registerOpenApi()
registerDocs()
