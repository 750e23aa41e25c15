import { randomUUID } from 'node:crypto'
import { app } from '@azure/functions'
import { helloHandler, registerHello } from '../../../../src/functions/hello.ts'
import { orderHandler, registerOrder } from '../../../../src/functions/order.ts'
import { orderStatusHandler, registerOrderStatus } from '../../../../src/functions/orderStatus.ts'
import { createService } from '../../../../src/orders/service.ts'
import { memoryStorage } from '../../../../src/storage/memory.ts'

// The app as it is, on storage that costs nothing: what is left is the app's own cost.
const service = createService({ ...memoryStorage(), now: () => new Date(), newId: randomUUID })

app.setup({ enableHttpStream: true })
registerHello(helloHandler(service))
registerOrder(orderHandler(service))
registerOrderStatus(orderStatusHandler(service))
