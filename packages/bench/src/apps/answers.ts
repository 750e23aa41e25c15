import { app } from '@azure/functions'

// What an app can't do less for what `hello` and `order` do: the same answer; the request read, a line logged, the record
// answered. What is left above it is this app's own: validation, the service, its ports.

app.setup({ enableHttpStream: true })

app.http('hello', {
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => ({ jsonBody: 'Hello from Azure Functions!' }),
})

let orders = 0
app.http('order', {
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, context) => {
    const { item, quantity } = (await request.json()) as { item: string; quantity: number }
    const record = {
      id: `00000000-0000-4000-8000-${String(++orders).padStart(12, '0')}`,
      item,
      quantity,
      status: 'processed',
      message: `Order for ${item} processed!`,
      processedAt: new Date().toISOString(),
    }
    context.log(JSON.stringify({ event: 'order', outcome: record.status, via: 'http', orderId: record.id }))
    return { jsonBody: record }
  },
})
