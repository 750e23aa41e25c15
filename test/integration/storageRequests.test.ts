import { randomUUID } from 'node:crypto'
import { HttpRequest, InvocationContext } from '@azure/functions'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { withProblems } from '../../src/http/handler.ts'
import { orderHandler } from '../../src/functions/order.ts'
import { orderStatusHandler } from '../../src/functions/orderStatus.ts'
import type { Order } from '../../src/orders/order.ts'
import { createService, type OrderService } from '../../src/orders/service.ts'
import { azureStorage } from '../../src/storage/azure.ts'
import { connectionString, startAzurite, type Azurite } from 'testkit/azurite'
import { startFaultProxy, type FaultProxy } from 'testkit/faultProxy'

// Storage requests determine the time and the cost of an order. They are counted on the wire.
let azurite: Azurite
const proxies: FaultProxy[] = []
let service: OrderService
let requests: string[] = []

beforeAll(async () => {
  azurite = await startAzurite({})
  const { blob } = azurite.ports
  const counted = async (name: 'queue' | 'table') => {
    const proxy = await startFaultProxy({
      upstreamPort: azurite.ports[name],
      choose: ({ method }) => {
        requests.push(`${method} ${name}`)
        return { kind: 'pass' }
      },
    })
    proxies.push(proxy)
    return proxy.port
  }
  const ports = { blob, queue: await counted('queue'), table: await counted('table') }
  const storage = await azureStorage({ AzureWebJobsStorage: connectionString(ports) })
  service = createService({ ...storage, now: () => new Date(), newId: randomUUID })
  // The very first order creates the table and the queue.
  await accept({ item: 'the first', quantity: 1 })
}, 60_000)

afterAll(async () => {
  for (const proxy of proxies) await proxy.close()
  await azurite.stop()
})

let order: Order
beforeEach(() => {
  order = { id: randomUUID(), item: 'widget', quantity: 2 }
  requests = []
})

const context = () => new InvocationContext({ functionName: 'order', logHandler: () => undefined })
const url = 'http://localhost:7071/api/order'

/** Posts an order. Returns the status. */
async function post(body: Partial<Order>, headers: Record<string, string> = {}): Promise<number | undefined> {
  const request = new HttpRequest({ method: 'POST', url, headers, body: { string: JSON.stringify(body) } })
  return (await withProblems(orderHandler(service))(request, context())).status
}

const accept = (body: Partial<Order>) => post(body, { prefer: 'respond-async' })

/** Gets an order. Returns the status. */
async function get(id: string): Promise<number | undefined> {
  const request = new HttpRequest({ method: 'GET', url: `${url}/${encodeURIComponent(id)}`, params: { id } })
  return (await withProblems(orderStatusHandler(service))(request, context())).status
}

const processOnce = () =>
  service.process({ message: Buffer.from(JSON.stringify(order)), messageId: 'm-1', last: false })

describe('an order placed over HTTP', () => {
  it('makes exactly one storage request when it is new', async () => {
    expect(await post(order)).toBe(200)
    expect(requests).toEqual(['POST table'])
  })

  it('makes exactly one when it has no id of its own', async () => {
    expect(await post({ item: 'widget', quantity: 2 })).toBe(200)
    expect(requests).toEqual(['POST table'])
  })

  it('makes two when it is a retry', async () => {
    await post(order)
    requests = []
    expect(await post(order)).toBe(200)
    expect(requests).toEqual(['POST table', 'GET table'])
  })

  it('makes two when another order has its id', async () => {
    await post(order)
    requests = []
    expect(await post({ ...order, quantity: 3 })).toBe(409)
    expect(requests).toEqual(['POST table', 'GET table'])
  })

  it('makes three when it was accepted before, and is not processed yet', async () => {
    await accept(order)
    requests = []
    expect(await post(order)).toBe(200)
    expect(requests).toEqual(['POST table', 'GET table', 'PUT table'])
  })
})

describe('an order accepted over HTTP', () => {
  it('makes two storage requests when it has no id of its own: message and record', async () => {
    expect(await accept({ item: 'widget', quantity: 2 })).toBe(202)
    expect(requests).toEqual(['POST queue', 'POST table'])
  })

  it('makes three when it has one, because the id may be in use', async () => {
    await accept(order)
    expect(requests).toEqual(['GET table', 'POST queue', 'POST table'])
  })

  it('makes two when it is a retry, and one when it is processed already', async () => {
    await accept(order)
    requests = []
    await accept(order)
    expect(requests).toEqual(['GET table', 'POST queue'])
    await processOnce()
    requests = []
    expect(await accept(order)).toBe(200)
    expect(requests).toEqual(['GET table'])
  })
})

describe('a delivery from the queue', () => {
  it('makes one storage request when its order is new, and two when it comes again', async () => {
    await processOnce()
    expect(requests).toEqual(['POST table'])
    requests = []
    await processOnce()
    expect(requests).toEqual(['POST table', 'GET table'])
  })

  it('makes three when its order was accepted', async () => {
    await accept(order)
    requests = []
    await processOnce()
    expect(requests).toEqual(['POST table', 'GET table', 'PUT table'])
  })
})

describe('a GET of an order', () => {
  it('makes one storage request, and none for an invalid id', async () => {
    await post(order)
    requests = []
    expect(await get(order.id)).toBe(200)
    expect(requests).toEqual(['GET table'])
    requests = []
    expect(await get('no id')).toBe(404)
    expect(requests).toEqual([])
  })
})
