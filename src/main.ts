import { app } from '@azure/functions'
import { registerDocs } from './functions/docs.ts'
import { helloHandler, registerHello } from './functions/hello.ts'
import { registerOpenApi } from './functions/openapi.ts'
import { registerOrder } from './functions/order.ts'
import { registerOrderProcessor } from './functions/orderProcessor.ts'
import { registerOrderStatus } from './functions/orderStatus.ts'
import { greet } from './orders/greeting.ts'
import { exerciseRequestAndResponse, warmUpWhenIdle } from './warmUp.ts'
import type * as Handlers from './handlers.ts'

// Which functions there are: the host waits for that, and for nothing else, when an instance starts. What they do is
// loaded when the worker is idle, and at the latest by the first call (docs/performance.md, "Warm-up").
let loading: Promise<typeof Handlers> | undefined
function handlers(): Promise<typeof Handlers> {
  loading ??= import('./handlers.ts').catch((error: unknown) => {
    loading = undefined
    throw error
  })
  return loading
}

app.setup({ enableHttpStream: true })

// Needs nothing that would have to be loaded.
registerHello(helloHandler({ greet }))
registerOrder(async (request, context) => (await handlers()).order(request, context))
registerOrderStatus(async (request, context) => (await handlers()).orderStatus(request, context))
registerOrderProcessor(async (message, context) => (await handlers()).orderProcessor(message, context))
registerOpenApi(async (request, context) => (await handlers()).openApi(request, context))
registerDocs(async (request, context) => (await handlers()).docs(request, context))

/** Settles when nothing is left that a first call would have to load. The Functions worker does not wait for it. */
export const warmedUp = warmUpWhenIdle([
  // Node.js loads its HTTP client, of which `Request` and `Response` are part, with the first of them.
  () => new Response(),
  exerciseRequestAndResponse,
  handlers,
  async () => (await handlers()).warmUp.loadTables(),
  async () => (await handlers()).warmUp.connect(),
  async () => (await handlers()).warmUp.loadQueues(),
])
