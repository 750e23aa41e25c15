import { randomUUID } from 'node:crypto'
import { app } from '@azure/functions'
import { helloHandler } from '../../../../src/functions/hello.ts'
import { orderHandler } from '../../../../src/functions/order.ts'
import { orderStatusHandler } from '../../../../src/functions/orderStatus.ts'
import { createService } from '../../../../src/orders/service.ts'
import { memoryStorage } from '../../../../src/storage/memory.ts'

// The app as it is, on storage that costs nothing: what is left is the app's own cost.
const service = createService({ ...memoryStorage(), now: () => new Date(), newId: randomUUID })

app.setup({ enableHttpStream: true })
app.http('hello', { methods: ['GET', 'HEAD'], authLevel: 'anonymous', handler: helloHandler(service) })
app.http('order', { methods: ['POST'], authLevel: 'function', handler: orderHandler(service) })
app.http('orderStatus', {
  methods: ['GET', 'HEAD'],
  authLevel: 'function',
  route: 'order/{id}',
  handler: orderStatusHandler(service),
})
