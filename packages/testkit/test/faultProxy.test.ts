import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { QueueServiceClient } from '@azure/storage-queue'
import { TableClient } from '@azure/data-tables'
import { connectionString, startAzurite } from '../src/azurite.ts'
import { startFaultProxy, type Exchange, type Fault, type FaultProxy } from '../src/faultProxy.ts'

// The proxy of the fault harness: each fault is what its name says, seen from the client and from the server.

let server: Server
let proxy: FaultProxy
let fault: Fault
const received: string[] = []
const exchanges: Exchange[] = []

beforeEach(async () => {
  received.length = 0
  exchanges.length = 0
  fault = { kind: 'pass' }
  server = createServer((request, response) => {
    void respond(request).then((body) => {
      response.writeHead(201, { 'x-from': 'server' })
      response.end(body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startFaultProxy({
    upstreamPort: portOf(server),
    choose: () => fault,
    onExchange: (exchange) => exchanges.push(exchange),
  })
})

afterEach(async () => {
  await proxy.close()
  server.close()
  server.closeAllConnections()
})

async function respond(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  received.push(`${request.method ?? ''} ${request.url ?? ''} ${body}`)
  return `you said ${body}`
}

function portOf(listening: Server): number {
  return (listening.address() as AddressInfo).port
}

function send(signal?: AbortSignal): Promise<Response> {
  return fetch(`http://127.0.0.1:${proxy.port}/a/b?c=d%20e`, {
    method: 'POST',
    body: 'hello',
    ...(signal !== undefined && { signal }),
  })
}

const forwarded = ['POST /a/b?c=d%20e hello']

test('a request and its response pass unchanged', async () => {
  const response = await send()
  expect(response.status).toBe(201)
  expect(response.headers.get('x-from')).toBe('server')
  expect(await response.text()).toBe('you said hello')
  expect(received).toEqual(forwarded)
  expect(exchanges).toMatchObject([{ fault: 'pass', response: { status: 201 } }])
})

test('a refused request never reaches the server', async () => {
  fault = { kind: 'refuse' }
  await expect(send()).rejects.toThrow()
  expect(received).toEqual([])
  expect(exchanges).toMatchObject([{ fault: 'refuse', response: undefined }])
})

test('a delayed request is forwarded later', async () => {
  fault = { kind: 'delay', ms: 150 }
  const begun = performance.now()
  expect((await send()).status).toBe(201)
  expect(performance.now() - begun).toBeGreaterThan(140)
})

test('a delayed request whose client has gone never reaches the server', async () => {
  fault = { kind: 'delay', ms: 200 }
  await expect(send(AbortSignal.timeout(50))).rejects.toThrow()
  await delay(300)
  expect(received).toEqual([])
})

test('a late request reaches the server after its client has gone', async () => {
  fault = { kind: 'late', ms: 200 }
  await expect(send(AbortSignal.timeout(50))).rejects.toThrow()
  expect(received).toEqual([])
  await delay(300)
  expect(received).toEqual(forwarded)
})

test.each([429, 500, 503] as const)('the proxy sends a %s of its own', async (status) => {
  fault = { kind: 'error', status }
  const response = await send()
  expect(response.status).toBe(status)
  expect(response.headers.get('x-ms-retry-after-ms')).toBe(status === 429 ? '25' : null)
  expect(await response.text()).toContain(status === 500 ? '<Code>InternalError<' : '<Code>ServerBusy<')
  expect(received).toEqual([])
})

test.each([
  [429, 'TooManyRequests'],
  [500, 'InternalServerError'],
  [503, 'ServiceUnavailable'],
] as const)('the proxy sends a %s as Cosmos DB does', async (status, code) => {
  await proxy.close()
  proxy = await startFaultProxy({
    upstreamPort: portOf(server),
    choose: () => ({ kind: 'error', status }),
    errors: 'cosmos',
  })
  const response = await send()
  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ code })
})

test('a dropped response: the server has processed the request, and the client does not know', async () => {
  fault = { kind: 'drop' }
  await expect(send()).rejects.toThrow()
  expect(received).toEqual(forwarded)
  expect(exchanges).toMatchObject([{ fault: 'drop', response: { status: 201 } }])
})

test('a cut response is truncated', async () => {
  fault = { kind: 'cut' }
  const response = await send()
  expect(response.status).toBe(201)
  await expect(response.text()).rejects.toThrow()
  expect(received).toEqual(forwarded)
})

test('a hanging request gets no response, and then its connection is reset', async () => {
  fault = { kind: 'hang', ms: 200 }
  const begun = performance.now()
  await expect(send()).rejects.toThrow()
  expect(performance.now() - begun).toBeGreaterThan(190)
  expect(received).toEqual([])
})

test('nobody listens while the proxy is offline, and it comes back at the same port', async () => {
  fault = { kind: 'hang', ms: 10_000 }
  const hanging = send()
  await delay(50)
  const refused = expect(hanging).rejects.toThrow()
  await proxy.goOffline()
  await refused
  await expect(send()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  await proxy.goOnline()
  fault = { kind: 'pass' }
  expect((await send()).status).toBe(201)
})

test('signed requests to tables and queues pass', async () => {
  const azurite = await startAzurite({})
  const [queueProxy, tableProxy] = await Promise.all(
    (['queue', 'table'] as const).map((service) =>
      startFaultProxy({ upstreamPort: azurite.ports[service], choose: () => fault }),
    ),
  )
  try {
    const proxied = connectionString({
      ...azurite.ports,
      queue: queueProxy?.port ?? 0,
      table: tableProxy?.port ?? 0,
    })
    const table = TableClient.fromConnectionString(proxied, 'things', { allowInsecureConnection: true })
    await table.createTable()
    await table.createEntity({ partitionKey: 'p', rowKey: 'r', name: 'Größe' })
    expect(await table.getEntity('p', 'r')).toMatchObject({ name: 'Größe' })
    const queue = QueueServiceClient.fromConnectionString(proxied).getQueueClient('things')
    await queue.create()
    await queue.sendMessage('text')
    expect((await queue.receiveMessages()).receivedMessageItems).toMatchObject([{ messageText: 'text' }])
  } finally {
    await Promise.all([queueProxy?.close(), tableProxy?.close(), azurite.stop()])
  }
}, 60_000)
