import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { BODY_WAYS, sendEndlessly } from '../support/bodies.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'
import { startStreamingWorker, type StreamingWorker } from '../support/streamingWorker.ts'

// The app as a worker on Azure runs it: its HTTP calls come through the server that the library opens in the worker, and the
// metadata of a call is what the Azure host gives. Storage is Azurite.

let azurite: Azurite
let storage: TestStorage
let worker: StreamingWorker

beforeAll(async () => {
  azurite = await startAzurite({})
  storage = testStorage(azurite.connectionString)
  process.env['AzureWebJobsStorage'] = azurite.connectionString
  worker = await startStreamingWorker(() => import('../../src/main.ts'))
}, 60_000)

afterAll(async () => {
  delete process.env['AzureWebJobsStorage']
  await worker.close()
  await azurite.stop()
})

interface Post {
  readonly headers?: Readonly<Record<string, string>>
  readonly params?: Readonly<Record<string, string>>
  readonly path?: string
}

/** Posts an order with its length. */
async function post(order: object | string, { headers, params, path = '/api/order' }: Post = {}) {
  const body = Buffer.from(typeof order === 'string' ? order : JSON.stringify(order))
  const { response, failure } = await worker.call('order', {
    path,
    headers: { ...headers, 'content-length': String(body.length) },
    ...(params !== undefined && { params }),
    send: (request) => {
      request.end(body)
    },
  })
  expect(failure).toBeUndefined()
  if (response === undefined) throw new Error('no response')
  return response
}

async function get(name: string, path: string, params: Record<string, string> = {}, method = 'GET') {
  const { response, failure } = await worker.call(name, { method, path, params })
  expect(failure).toBeUndefined()
  if (response === undefined) throw new Error('no response')
  return response
}

const field = (text: string, name: string) => (JSON.parse(text) as Readonly<Record<string, unknown>>)[name]

describe.each(BODY_WAYS)('a body sent $name', ({ headers, send }) => {
  it('is read whole', async () => {
    const order = { id: randomUUID(), item: 'Ωidget 😀', quantity: 3 }
    const body = Buffer.from(JSON.stringify(order))
    const { response, failure } = await worker.call('order', {
      path: '/api/order',
      headers: headers(body),
      send: (request) => send(request, body),
    })
    expect(failure).toBeUndefined()
    expect(response?.status).toBe(200)
    expect(await storage.entity(order.id)).toMatchObject({ item: order.item, quantity: 3 })
  })

  it('is 413 beyond 32 KiB, and read up to that', async () => {
    const largest = Buffer.from(JSON.stringify({ item: 'widget' }).padEnd(32 * 1024))
    for (const [body, status] of [
      [largest, 200],
      [Buffer.concat([largest, Buffer.from(' ')]), 413],
    ] as const) {
      const { response, failure } = await worker.call('order', {
        path: '/api/order',
        headers: headers(body),
        send: (request) => send(request, body),
      })
      expect(failure).toBeUndefined()
      expect(response?.status).toBe(status)
    }
  })
})

test('a body without an end is 413 as soon as the limit is passed', async () => {
  const limit = 8 * 2 ** 20
  const sent = Promise.withResolvers<number>()
  const { response, failure } = await worker.call('order', {
    path: '/api/order',
    headers: { 'transfer-encoding': 'chunked' },
    send: async (request) => {
      sent.resolve(await sendEndlessly(request, limit))
    },
  })
  expect(failure).toBeUndefined()
  expect(response?.status).toBe(413)
  expect(await sent.promise).toBeLessThan(limit)
})

test.each([
  ['chunked, before its end', { 'transfer-encoding': 'chunked' }, 1],
  ['chunked, in the middle', { 'transfer-encoding': 'chunked' }, 0.5],
  ['with Content-Length, in the middle', { 'content-length': '200' }, 1],
])('a body that breaks off stores nothing: %s', async (_, headers, share) => {
  const order = { id: randomUUID(), item: 'widget' }
  const body = Buffer.from(JSON.stringify(order))
  const { response, failure } = await worker.call('order', {
    path: '/api/order',
    headers,
    send: (request) => {
      request.write(body.subarray(0, body.length * share))
      setTimeout(() => {
        request.destroy()
      }, 100)
    },
  })
  expect({ response, failure }).toStrictEqual({ response: undefined, failure: undefined })
  expect(worker.logged.at(-1)).toMatch(/^information: .*"outcome":"malformed".*The body ended before/)
  expect(await storage.entity(order.id)).toBeUndefined()
})

describe('the id of a look-up is the one in the path', () => {
  // The Azure host matches names without regard to case and keeps the spelling that came first, the query's.
  test.each([
    ['with the same name in the query', '?id=other', { id: 'mine' }],
    ['with the same name in the query, and winning', '?id=other', { id: 'other' }],
    ['with the name in another case', '?ID=other', { ID: 'mine' }],
    ['with no name at all', '', {}],
  ])('%s', async (_, query, params) => {
    const mine = await post({ id: 'mine', item: 'widget' })
    await post({ id: 'other', item: 'gadget' })
    const response = await get('orderStatus', `/api/order/mine${query}`, params)
    expect(response).toMatchObject({ status: 200, text: mine.text })
    expect(await get('orderStatus', `/api/order/%6Dine/${query}`, params)).toMatchObject({ text: mine.text })
    expect((await get('orderStatus', `/api/order/nobody${query}`, params)).status).toBe(404)
    expect((await get('orderStatus', `/api/order/%zz${query}`, params)).status).toBe(404)
  })

  it('and the id of an order is the one in its body', async () => {
    const params = { id: 'from-params', item: 'x' }
    const { text } = await post({ id: 'from-body', item: 'widget' }, { params, path: '/api/order?id=query' })
    expect(field(text, 'id')).toBe('from-body')
    const made = await post({ item: 'widget' }, { params, path: '/api/order?id=query' })
    expect(field(made.text, 'id')).toMatch(/^[0-9a-f-]{36}$/)
  })
})

test('hello takes the name from the query', async () => {
  expect((await get('hello', '/api/hello?name=Ada&name=Bob')).text).toBe('"Hello, Ada!"')
  expect((await get('hello', '/api/hello?NAME=Ada', { NAME: 'Ada', name: 'Eve' })).text).toBe(
    '"Hello from Azure Functions!"',
  )
  expect((await get('hello', '/api/hello?name=%CE%A9')).text).toBe('"Hello, Ω!"')
})

test.each([
  ['hello', '/api/hello'],
  ['openapi', '/api/openapi.json'],
  ['docs', '/api/docs'],
  ['orderStatus', '/api/order/mine'],
  ['orderStatus', '/api/order/nobody'],
])('HEAD has the headers of GET, and no body: %s %s', async (name, path) => {
  await post({ id: 'mine', item: 'widget' })
  const headersOf = ({ headers }: { headers: object }) => {
    const { date, 'x-ms-invocation-id': id, ...rest } = headers as Record<string, unknown>
    expect([date, id]).not.toContain(undefined)
    // How the body is framed is said where there is one.
    delete rest['transfer-encoding']
    return rest
  }
  const got = await get(name, path)
  const head = await get(name, path, {}, 'HEAD')
  expect(head).toMatchObject({ status: got.status, text: '' })
  expect(got.text).not.toBe('')
  expect(headersOf(head)).toStrictEqual(headersOf(got))
})
