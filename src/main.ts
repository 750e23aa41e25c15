import { app } from '@azure/functions'
import extensions from '@azure/functions-extensions-base'
import { helloHandler } from './functions/hello.ts'
import { importSource } from './imports/settings.ts'
import { background, http, loadedHttp, warmUp } from './handlers.ts'
import { greet } from './orders/greeting.ts'
import { cosmosConnection } from './storage/cosmosConnection.ts'
import {
  COSMOS_CONNECTION,
  COSMOS_DATABASE,
  IMPORTS_CONTAINER,
  LEASES_CONTAINER,
  numberedQueues,
  ORDERS_CONTAINER,
  ORDERS_QUEUE,
  STORAGE_CONNECTION,
} from './storage/names.ts'
import { orderStore } from './storage/orderStore.ts'
import { orderQueueCount } from './storage/queueCount.ts'

// What the host is told when an instance starts: which functions there are. What they do is loaded when the worker is idle, and
// at the latest by the first call, each from its file in functions/. Nothing else may be imported here but what `hello` needs,
// since the host waits for all of it (docs/performance.md, "Warm-up").

// Without it the Azure host passes on an empty body when a request has no Content-Length:
// https://github.com/Azure/azure-functions-host/issues/4926
app.setup({ enableHttpStream: true })

app.http('hello', {
  // Anonymous, and without storage: it also tells whether the app is up.
  methods: ['GET', 'HEAD'],
  authLevel: 'anonymous',
  handler: loadedHttp(helloHandler({ greet })),
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

const orderProcessor = {
  connection: STORAGE_CONNECTION,
  ...asBytes,
  handler: background(async ({ service, maxDequeueCount }) =>
    (await import('./functions/orderProcessor.ts')).orderProcessorHandler(service, maxDequeueCount),
  ),
}

app.storageQueue('orderProcessor', { queueName: ORDERS_QUEUE, ...orderProcessor })

// The same for each of the queues that orders are spread over (docs/scaling.md, "Queues by id").
for (const [number, queueName] of numberedQueues(orderQueueCount(process.env)).entries()) {
  app.storageQueue(`orderProcessor${number}`, { queueName, ...orderProcessor })
}

// Files of orders, one order a line. Without the content: the host would put all of the file into the worker's memory, and says
// instead which blob it is. The library wants a function registered for that, which could make a client of it; none is needed.
// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
extensions.ResourceFactoryResolver.getInstance().registerResourceFactory('AzureStorageBlobs', () => undefined)
app.storageBlob('importOrders', {
  path: `${IMPORTS_CONTAINER}/{name}`,
  connection: STORAGE_CONNECTION,
  sdkBinding: true,
  source: importSource(process.env),
  handler: background(async ({ importer }) =>
    (await import('./functions/importOrders.ts')).importOrdersHandler(importer),
  ),
})

// Events for other systems, from what changes in the records. Tables tell nobody of their changes.
const store = orderStore(process.env)
if ((typeof ORDERS_WITH_COSMOS === 'undefined' || ORDERS_WITH_COSMOS) && store === 'cosmos') {
  app.cosmosDB('orderChanged', {
    connection: COSMOS_CONNECTION,
    databaseName: COSMOS_DATABASE,
    containerName: ORDERS_CONTAINER,
    leaseContainerName: LEASES_CONTAINER,
    // An identity may not create containers.
    createLeaseContainerIfNotExists: cosmosConnection(process.env).kind === 'connectionString',
    // Also what was stored before the function was there.
    startFromBeginning: true,
    maxItemsPerInvocation: 100,
    // Without it the host goes on after a batch that failed, and its events are lost:
    // https://learn.microsoft.com/azure/cosmos-db/troubleshoot-changefeed-functions
    retry: {
      strategy: 'exponentialBackoff',
      maxRetryCount: -1,
      minimumInterval: { seconds: 1 },
      maximumInterval: { minutes: 1 },
    },
    handler: background(async ({ orderEvents }) =>
      (await import('./functions/orderChanged.ts')).orderChangedHandler(orderEvents),
    ),
  })
}

// What lies in the queues: every five minutes, so that an alert that looks back 15 minutes sees three measurements
// (infra/modules/alerts.bicep).
app.timer('queueMonitor', {
  schedule: '0 */5 * * * *',
  handler: background(async (parts) =>
    (await import('./functions/queueMonitor.ts')).queueMonitorHandler(parts),
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

/** Settles when nothing is left that a first call would have to load. The Functions worker does not wait for it. */
export const warmedUp = warmUp()
