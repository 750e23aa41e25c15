import { app } from '@azure/functions'
import { background, http, warmUp } from './handlers.ts'
import { ORDERS_QUEUE, STORAGE_CONNECTION } from './storage/names.ts'

// What the host is told when an instance starts: which functions there are. What they do is loaded afterwards, each from its
// file in functions/; nothing else may be imported here, since the host waits for all of it.

// Without it the Azure host passes on an empty body when a request has no Content-Length:
// https://github.com/Azure/azure-functions-host/issues/4926
app.setup({ enableHttpStream: true })

app.http('hello', {
  // Anonymous, and without storage: it also tells whether the app is up.
  methods: ['GET', 'HEAD'],
  authLevel: 'anonymous',
  handler: http(async ({ service }) => (await import('./functions/hello.ts')).helloHandler(service)),
})

app.http('order', {
  methods: ['POST'],
  authLevel: 'function',
  handler: http(async ({ service }) => (await import('./functions/order.ts')).orderHandler(service)),
})

app.http('orderStatus', {
  methods: ['GET', 'HEAD'],
  authLevel: 'function',
  route: 'order/{id}',
  handler: http(async ({ service }) =>
    (await import('./functions/orderStatus.ts')).orderStatusHandler(service),
  ),
})

// The handler gets the message's exact bytes. As text the library would parse it, and its fields would replace the
// metadata: {"id": "x", "dequeueCount": 99}. Every trigger has the property, but the library's types lack it:
// https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Description/FunctionMetadata.cs
const asBytes = { dataType: 'binary' }

app.storageQueue('orderProcessor', {
  queueName: ORDERS_QUEUE,
  connection: STORAGE_CONNECTION,
  ...asBytes,
  handler: background(async ({ service, maxDequeueCount }) =>
    (await import('./functions/orderProcessor.ts')).orderProcessorHandler(service, maxDequeueCount),
  ),
})

app.http('openapi', {
  methods: ['GET', 'HEAD'],
  authLevel: 'anonymous',
  route: 'openapi.json',
  handler: http(async () => (await import('./functions/openapi.ts')).openApiHandler),
})

app.http('docs', {
  methods: ['GET', 'HEAD'],
  authLevel: 'anonymous',
  handler: http(async () => (await import('./functions/docs.ts')).docsHandler),
})

warmUp()
