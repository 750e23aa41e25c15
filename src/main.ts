import { registerDocs } from './functions/docs.ts'
import { registerHello } from './functions/hello.ts'
import { registerOpenApi } from './functions/openapi.ts'
import { registerOrder } from './functions/order.ts'
import { registerOrderProcessor } from './functions/orderProcessor.ts'
import { registerOrderStatus } from './functions/orderStatus.ts'
import { registerQueueMonitor } from './functions/queueMonitor.ts'
import type * as Handlers from './handlers.ts'

// Which functions there are: the host waits for that, and for nothing else, when an instance starts. What they do is
// loaded while the host takes note of it, and at the latest by the first call (docs/performance.md, "App load").
let loading: Promise<typeof Handlers> | undefined
function handlers(): Promise<typeof Handlers> {
  loading ??= import('./handlers.ts').catch((error: unknown) => {
    loading = undefined
    throw error
  })
  return loading
}

registerHello(async (request, context) => (await handlers()).hello(request, context))
registerOrder(async (request, context) => (await handlers()).order(request, context))
registerOrderStatus(async (request, context) => (await handlers()).orderStatus(request, context))
registerOrderProcessor(async (message, context) => (await handlers()).orderProcessor(message, context))
registerOpenApi(async (request, context) => (await handlers()).openApi(request, context))
registerQueueMonitor(async (timer, context) => (await handlers()).queueMonitor(timer, context))
registerDocs(async (request, context) => (await handlers()).docs(request, context))

setImmediate(() => {
  handlers()
    .then(({ warmUp }) => warmUp())
    .catch(() => undefined)
})
