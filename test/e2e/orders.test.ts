import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { request as httpRequest, type ClientRequest } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { unpackedApp } from 'testkit/unpackedApp'
import { serveApp, type AppHost } from '../support/appHost.ts'
import { BODY_WAYS, sendEndlessly } from '../support/bodies.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

// The built app, as it is deployed, on a real host with a real Azurite: every function is triggered by its event and
// by no other.

let azurite: Azurite
let app: Awaited<ReturnType<typeof unpackedApp>>
let host: AppHost
let storage: TestStorage

beforeAll(async () => {
  azurite = await startAzurite({})
  app = await unpackedApp()
  host = await serveApp({
    folder: app.folder,
    environment: {
      AzureWebJobsStorage: azurite.connectionString,
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.200',
    },
  })
  storage = testStorage(azurite.connectionString)
}, 120_000)

afterAll(async () => {
  await host.stop()
  await app.remove()
  await azurite.stop()
}, 60_000)

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Record<string, unknown>
}

async function request(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(host.url + path, init)
  const text = await response.text()
  let json: Record<string, unknown> = {}
  try {
    json = JSON.parse(text) as Record<string, unknown>
  } catch {
    // Not every response is JSON.
  }
  return { status: response.status, headers: response.headers, text, json }
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  request('/api/order', {
    method: 'POST',
    headers,
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  })

const get = (id: string) => request(`/api/order/${id}`)

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await look()
    if (found !== undefined) return found
    await delay(100)
  }
  throw new Error(`${what} did not come about; the host printed:\n${host.output()}`)
}

const untilProcessed = (id: string) =>
  eventually(`order ${id} processed`, async () => {
    const { json } = await get(id)
    return json['status'] === 'processed' ? json : undefined
  })

const untilPoisoned = (message: string | Uint8Array) =>
  eventually('the message on orders-poison', async () => {
    const poisoned = await storage.poisoned()
    return poisoned.find((bytes) => bytes.equals(Buffer.from(message)))
  })

const id = () => `e2e-${randomUUID()}`

describe('hello', () => {
  it('is triggered by GET /api/hello and greets everyone', async () => {
    const answer = await request('/api/hello')
    expect(answer).toMatchObject({ status: 200, text: '"Hello from Azure Functions!"' })
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  })

  it('greets by name', async () => {
    expect((await request('/api/hello?name=Ada')).text).toBe('"Hello, Ada!"')
    expect((await request(`/api/hello?name=${encodeURIComponent('Ωmega 😀')}`)).text).toBe(
      '"Hello, Ωmega 😀!"',
    )
  })

  test.each(['POST', 'PUT', 'DELETE'])('is not triggered by %s', async (method) => {
    expect(await request('/api/hello', { method })).toMatchObject({ status: 404, text: '' })
  })
})

describe('order', () => {
  it('is triggered by POST /api/order and processes the order at once', async () => {
    const answer = await post({ item: 'widget' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(answer.json).toStrictEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      item: 'widget',
      quantity: 1,
      status: 'processed',
      message: 'Order for widget processed!',
      processedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect((await get(String(answer.json['id']))).text).toBe(answer.text)
  })

  it('returns the same bytes to a retry, and processes the order once', async () => {
    const order = { id: id(), item: ' widget ', quantity: 3 }
    const first = await post(order)
    expect((await post({ ...order, item: 'widget' })).text).toBe(first.text)
    expect(await storage.entity(order.id)).toMatchObject({ item: 'widget', quantity: 3, status: 'processed' })
  })

  it('returns one record to concurrent requests with one id', async () => {
    const order = { id: id(), item: 'widget' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => post(order, i % 2 === 0 ? {} : { prefer: 'respond-async' })),
    )
    const final = await untilProcessed(order.id)
    for (const { status, text } of answers) {
      expect([200, 202]).toContain(status)
      if (status === 200) expect(JSON.parse(text)).toStrictEqual(final)
    }
  })

  it('accepts an order with Prefer: respond-async, and the queue processes it', async () => {
    const order = { id: id(), item: 'widget' }
    const answer = await post(order, { prefer: 'respond-async' })
    expect(answer).toMatchObject({ status: 202, json: { ...order, quantity: 1, status: 'accepted' } })
    expect(answer.headers.get('location')).toBe(`order/${order.id}`)
    expect(answer.headers.get('preference-applied')).toBe('respond-async')
    expect(answer.headers.get('retry-after')).toBe('1')
    const { acceptedAt, processedAt } = await untilProcessed(order.id)
    expect(acceptedAt).toBe(answer.json['acceptedAt'])
    expect(String(processedAt) >= String(acceptedAt)).toBe(true)

    const again = await post(order, { prefer: 'respond-async' })
    expect(again.status).toBe(200)
    expect(again.headers.get('preference-applied')).toBeNull()
  })

  it('is not triggered by GET', async () => {
    expect(await request('/api/order')).toMatchObject({ status: 404, text: '' })
  })

  it('keeps Unicode of every plane', async () => {
    const item = 'é \u4e2d\u6587 𝕏 😀 \u{2f81a} \u{e0101} \u{10fffd}'
    const { json } = await post({ item })
    expect(json).toMatchObject({ item, message: `Order for ${item} processed!` })
    expect((await get(String(json['id']))).json).toStrictEqual(json)
  })
})

describe('a body that comes without its length, or in pieces', () => {
  /** Posts a body as `send` writes it. Resolves with undefined when the connection ends without a response. */
  function postRaw(
    headers: Readonly<Record<string, string>>,
    send: (request: ClientRequest) => Promise<void>,
  ): Promise<{ readonly status: number | undefined; readonly text: string } | undefined> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(`${host.url}/api/order`, { method: 'POST', headers, agent: false })
      outgoing.on('response', (response) => {
        readText(response).then(
          (text) => {
            resolve({ status: response.statusCode, text })
          },
          () => {
            resolve(undefined)
          },
        )
      })
      outgoing.on('error', () => {
        resolve(undefined)
      })
      send(outgoing).catch(reject)
    })
  }

  test.each(BODY_WAYS)('is read whole: sent $name', async ({ headers, send }) => {
    const order = { id: id(), item: 'Ωidget 😀' }
    const body = Buffer.from(JSON.stringify(order))
    const response = await postRaw(headers(body), (outgoing) => send(outgoing, body))
    expect(response?.status).toBe(200)
    expect((await get(order.id)).text).toBe(response?.text)
  })

  test.each(BODY_WAYS)('is 413 beyond 32 KiB: sent $name', async ({ headers, send }) => {
    const body = Buffer.from(JSON.stringify({ item: 'widget' }).padEnd(32 * 1024 + 1))
    const response = await postRaw(headers(body), (outgoing) => send(outgoing, body))
    expect(response?.status).toBe(413)
    expect(response?.text).toContain('urn:orders:problem:body-too-large')
  })

  it('is 413 while it is still sent, when it has no end', async () => {
    const limit = 8 * 2 ** 20
    const sent = Promise.withResolvers<number>()
    const response = await postRaw({ 'transfer-encoding': 'chunked' }, async (outgoing) => {
      sent.resolve(await sendEndlessly(outgoing, limit))
    })
    expect(response?.status).toBe(413)
    expect(await sent.promise).toBeLessThan(limit)
  })

  test.each([
    ['before anything', { 'content-length': '60' }, 0],
    ['before anything, in chunks', { 'transfer-encoding': 'chunked' }, 0],
    ['in the middle', { 'content-length': '200' }, 1],
    ['before the last chunk', { 'transfer-encoding': 'chunked' }, 1],
  ])('stores nothing when it breaks off %s, and the host goes on', async (_, headers, share) => {
    const order = { id: id(), item: 'widget' }
    const body = JSON.stringify(order)
    const before = host.output().length
    const response = await postRaw(headers, async (outgoing) => {
      outgoing.flushHeaders()
      if (share > 0) outgoing.write(body.slice(0, body.length * share))
      await delay(200)
      outgoing.destroy()
    })
    expect(response).toBeUndefined()
    await eventually('the end of the invocation', () =>
      Promise.resolve(host.output().slice(before).includes("Executed 'Functions.order'") ? true : undefined),
    )
    expect(host.output().slice(before)).not.toContain('"outcome":"error"')
    expect((await get(order.id)).status).toBe(404)
    expect((await post(order)).status).toBe(200)
  })
})

describe('HEAD', () => {
  test.each(['/api/hello', '/api/openapi.json', '/api/docs', '/api/order/nobody'])(
    'has the headers of GET, and no body: %s',
    async (path) => {
      const headersOf = ({ headers }: Answer) => {
        const own = Object.fromEntries(headers)
        for (const name of ['date', 'transfer-encoding', 'connection', 'keep-alive', 'x-ms-invocation-id'])
          // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a copy of its own
          delete own[name]
        return own
      }
      const got = await request(path)
      const head = await request(path, { method: 'HEAD' })
      expect(head).toMatchObject({ status: got.status, text: '' })
      expect(headersOf(head)).toStrictEqual(headersOf(got))
    },
  )

  it('finds an order that exists, and is not for what only takes POST', async () => {
    const { json } = await post({ item: 'widget' })
    expect((await request(`/api/order/${String(json['id'])}`, { method: 'HEAD' })).status).toBe(200)
    expect((await request('/api/order', { method: 'HEAD' })).status).toBe(404)
  })
})

describe('the reference in Location', () => {
  test.each(['/api/order', '/api/order/', '/api/order?code=x', '/API/order/?a=/b/'])(
    'leads to the order from %s, also behind a gateway',
    async (path) => {
      const order = { id: id(), item: 'widget' }
      const accepted = await request(path, {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        body: JSON.stringify(order),
      })
      expect(accepted.status).toBe(202)
      const location = accepted.headers.get('location') ?? ''
      expect((await fetch(new URL(location, host.url + path))).status).toBe(200)
      const outside = new URL(location, `https://shop.example/eu${path}`)
      expect(outside.href.toLowerCase()).toBe(`https://shop.example/eu/api/order/${order.id}`)
    },
  )
})

describe('each problem', () => {
  function expectProblem(answer: Answer, status: number, name: string): void {
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(answer.json).toMatchObject({
      type: `urn:orders:problem:${name}`,
      status,
      title: expect.any(String),
    })
  }

  it('malformed-json: 400', async () => {
    expectProblem(await post('{"item":'), 400, 'malformed-json')
    expectProblem(await post(''), 400, 'malformed-json')
    expectProblem(await post(Uint8Array.of(0xff, 0xfe)), 400, 'malformed-json')
  })

  it('invalid-order: 422, every fault at once', async () => {
    const answer = await post({ item: '', quantity: 1.5, id: '../x', colour: 'red' })
    expectProblem(answer, 422, 'invalid-order')
    const errors = answer.json['errors'] as { pointer: string; detail: string }[]
    expect(errors.map(({ pointer }) => pointer)).toStrictEqual(['/id', '/item', '/quantity', '/colour'])
    for (const { detail } of errors) expect(detail).not.toBe('')
  })

  test.each([
    ['a lone surrogate', '{"item":"\\ud83d"}', ['/item']],
    ['a prototype key', '{"item":"x","__proto__":{"quantity":9}}', ['/__proto__']],
    ['no object', '[]', ['']],
    ['other ids in body and header', '{"item":"x","id":"b1"}', ['/id']],
  ])('invalid-order: 422 to %s', async (_, body, pointers) => {
    const answer = await post(body, { 'idempotency-key': 'k1' })
    expectProblem(answer, 422, 'invalid-order')
    const errors = answer.json['errors'] as { pointer: string }[]
    expect(errors.map(({ pointer }) => pointer)).toEqual(expect.arrayContaining(pointers))
  })

  it('order-conflict: 409, and the first order is unchanged', async () => {
    const order = { id: id(), item: 'widget' }
    const first = await post(order)
    expectProblem(await post({ ...order, quantity: 2 }), 409, 'order-conflict')
    expectProblem(
      await post({ ...order, item: 'gadget' }, { prefer: 'respond-async' }),
      409,
      'order-conflict',
    )
    expect((await get(order.id)).text).toBe(first.text)
  })

  it('order-not-found: 404 to an order that only the query names', async () => {
    const { json } = await post({ item: 'widget' })
    expectProblem(
      await get(`nobody?id=${String(json['id'])}&ID=${String(json['id'])}`),
      404,
      'order-not-found',
    )
    const named = await get(`${String(json['id'])}?id=nobody&ID=nobody`)
    expect(named).toMatchObject({ status: 200, json })
  })

  it('body-too-large: 413 beyond 32 KiB', async () => {
    const order = JSON.stringify({ item: 'widget' })
    expect((await post(order.padEnd(32 * 1024))).status).toBe(200)
    expectProblem(await post(order.padEnd(32 * 1024 + 1)), 413, 'body-too-large')
  })

  test.each(['gzip', 'br', 'identity, gzip', 'x-unknown'])(
    'unsupported-encoding: 415 to %s',
    async (coding) => {
      const answer = await post({ item: 'widget' }, { 'content-encoding': coding })
      expectProblem(answer, 415, 'unsupported-encoding')
      expect(answer.headers.get('accept-encoding')).toBe('identity')
    },
  )

  test.each(['', 'identity', 'IDENTITY'])('no problem: Content-Encoding "%s"', async (coding) => {
    expect((await post({ item: 'widget' }, { 'content-encoding': coding })).status).toBe(200)
  })

  test.each([
    ['{"item":"secret-1","item":"secret-2"}', 20],
    ['{"item":"secret-1","\\u0069tem":"secret-2"}', 20],
    ['{"item":{"secret":1,"secret":1}}', 21],
  ])('malformed-json: 400 to a key twice, which the log does not show: %s', async (body, column) => {
    const answer = await post(body)
    expectProblem(answer, 400, 'malformed-json')
    expect(answer.json['detail']).toBe(
      `The text is not valid JSON: a key is repeated at line 1, column ${column}.`,
    )
    expect(host.output()).not.toContain('secret')
  })

  it('order-not-found: 404', async () => {
    expectProblem(await get(id()), 404, 'order-not-found')
    expectProblem(await get('not%20an%20id'), 404, 'order-not-found')
  })
})

describe('orderProcessor', () => {
  it('is triggered by a message on the queue, and logs it', async () => {
    const order = { id: id(), item: 'widget', quantity: 5 }
    await storage.push(JSON.stringify(order))
    expect(await untilProcessed(order.id)).toMatchObject({ ...order, message: 'Order for widget processed!' })
    await host.waitForOutput(
      /Executing 'Functions\.orderProcessor' \(Reason='New queue message detected on 'orders'\.'/,
    )
    await host.waitForOutput(new RegExp(`"outcome":"processed".*"orderId":"${order.id}"`))
  })

  it('uses the id of the queue message for an order without one', async () => {
    const messageId = await storage.push('{"item":"widget"}')
    expect(await untilProcessed(messageId)).toMatchObject({ id: messageId, item: 'widget' })
  })

  it('ignores fields that are named like its metadata', async () => {
    const order = id()
    const message = `{"dequeueCount":99,"id":"${order}","item":"x"}`
    await storage.push(message)
    await untilPoisoned(message)
    expect((await get(order)).status).toBe(404)
  })

  it('processes two messages under one id once', async () => {
    const message = JSON.stringify({ id: id(), item: 'widget' })
    await storage.push(message)
    const first = await untilProcessed((JSON.parse(message) as { id: string }).id)
    await storage.push(message)
    await eventually('an empty queue', async () =>
      (await storage.orders.getProperties()).approximateMessagesCount === 0 ? true : undefined,
    )
    expect((await get(String(first['id']))).json).toStrictEqual(first)
    expect((await storage.poisoned()).some((bytes) => bytes.equals(Buffer.from(message)))).toBe(false)
  })

  const big = JSON.stringify({ item: 'x'.repeat(48 * 1024 - 11) })
  test.each<[string, string | Uint8Array, RegExp]>([
    ['text that is no JSON', 'hello', /not valid JSON/],
    ['JSON that is no order', '{"colour":"red"}', /\/item is required; the order has an unknown field/],
    ['a number', '123', /must be an object/],
    ['a message of 48 KiB', big, /at most 200 characters/],
    ['a lone surrogate', '{"item":"\\udc00"}', /well-formed/],
    ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0xc3, 0x28, 0x00, 0x7d), /not UTF-8/],
    ['a __proto__ key', '{"item":"x","__proto__":{"item":"y"}}', /has an unknown field/],
    ['a key twice', '{"item":"x","item":"x"}', /a key is repeated at line 1, column 13/],
    ['white space around an invalid order', ' {\n"item" : "" } ', /must not be empty/],
  ])('puts %s on orders-poison, byte for byte, with the reason in the log', async (_, message, reason) => {
    const messageId = await storage.push(message)
    await untilPoisoned(message)
    const printed = await host.waitForOutput(new RegExp(`"outcome":"poisoned".*"messageId":"${messageId}".*`))
    const line = printed.split('\n').find((text) => text.includes('poisoned') && text.includes(messageId))
    expect(line).toMatch(reason)
  })

  it('puts a conflicting message on orders-poison, and the first order is unchanged', async () => {
    const order = { id: id(), item: 'widget' }
    const first = await post(order)
    const message = JSON.stringify({ ...order, item: 'gadget' })
    await storage.push(message)
    await untilPoisoned(message)
    await host.waitForOutput(
      new RegExp(`"outcome":"poisoned".*"orderId":"${order.id}".*Another order already has`),
    )
    expect((await get(order.id)).text).toBe(first.text)
  })

  it('leaves text that is not Base64 to the host, which puts it on orders-poison as it is', async () => {
    const raw = 'not base64: "x"'
    await storage.orders.sendMessage(raw)
    await eventually('the text on orders-poison', async () => {
      const { peekedMessageItems } = await storage.poison.peekMessages({ numberOfMessages: 32 })
      return peekedMessageItems.find(({ messageText }) => messageText === raw)
    })
  })

  it('still works after all of that', async () => {
    const order = { id: id(), item: 'still here' }
    await storage.push(JSON.stringify(order))
    await untilProcessed(order.id)
  })

  it('sends messages without expiry', async () => {
    const { peekedMessageItems } = await storage.poison.peekMessages({ numberOfMessages: 32 })
    const byTheApp = peekedMessageItems.filter(({ messageText }) => !messageText.startsWith('not base64'))
    expect(byTheApp.length).toBeGreaterThan(5)
    for (const { expiresOn } of byTheApp) expect(expiresOn.getUTCFullYear()).toBe(9999)
  })
})

describe('while storage is unavailable', () => {
  it('hello responds, and an order gets 503 with its id', async () => {
    const lonely = await serveApp({
      folder: app.folder,
      environment: {
        AzureWebJobsStorage: azurite.connectionString.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:9'),
        // Core Tools stops if its triggers have no storage; this test is about HTTP.
        'AzureWebJobs.orderProcessor.Disabled': 'true',
      },
    })
    try {
      for (const headers of [{}, { prefer: 'respond-async' }]) {
        const response = await fetch(`${lonely.url}/api/order`, {
          method: 'POST',
          headers,
          body: '{"item":"x"}',
        })
        expect(response.status).toBe(503)
        expect(response.headers.get('retry-after')).toBe('1')
        expect(await response.json()).toMatchObject({
          type: 'urn:orders:problem:storage-unavailable',
          status: 503,
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        })
      }
      const status = await fetch(`${lonely.url}/api/order/a1`)
      expect(status.status).toBe(503)
      expect((await fetch(`${lonely.url}/api/hello`)).status).toBe(200)
    } finally {
      await lonely.stop()
    }
  })
})

test('the deployed package has no node_modules, and the service knows nothing of Azure Functions', async () => {
  const { readdir, readFile } = await import('node:fs/promises')
  expect((await readdir(app.folder)).toSorted()).toStrictEqual(['dist', 'host.json', 'package.json'])
  expect(await readFile(new URL('../../src/orders/service.ts', import.meta.url), 'utf8')).not.toContain(
    '@azure/',
  )
})
