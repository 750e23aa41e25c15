import { beforeEach, describe, expect, it, test } from '@jest/globals'
import { HttpRequest, InvocationContext, type HttpHandler, type HttpResponseInit } from '@azure/functions'
import { withProblems } from '../../../src/http/handler.ts'
import { helloHandler } from '../../../src/functions/hello.ts'
import { orderHandler } from '../../../src/functions/order.ts'
import { orderStatusHandler } from '../../../src/functions/orderStatus.ts'
import { createService, type ServicePorts } from '../../../src/orders/service.ts'
import { memoryStorage, type MemoryStorage } from '../../../src/storage/memory.ts'

const NOON = '2026-01-02T12:00:00.000Z'

let storage: MemoryStorage
let logged: string[]

beforeEach(() => {
  storage = memoryStorage()
  logged = []
})

function service(ports: Partial<ServicePorts> = {}) {
  return createService({
    ...storage,
    now: () => new Date(NOON),
    newId: () => 'new-id',
    ...ports,
  })
}

interface RequestOptions {
  readonly body?: string | Uint8Array
  readonly headers?: Record<string, string>
  readonly params?: Record<string, string>
  readonly url?: string
}

async function call(handler: HttpHandler, options: RequestOptions = {}): Promise<HttpResponseInit> {
  const { body, headers = {}, params = {}, url = 'http://localhost:7071/api/order' } = options
  const request = new HttpRequest({
    method: body === undefined ? 'GET' : 'POST',
    url,
    headers,
    params,
    ...(body !== undefined && { body: typeof body === 'string' ? { string: body } : { bytes: body } }),
  })
  const context = new InvocationContext({
    functionName: 'order',
    logHandler: (level, ...args) => logged.push(`${level}: ${args.map(String).join(' ')}`),
  })
  return await withProblems(handler)(request, context)
}

const post = (body: unknown, headers: Record<string, string> = {}, ports: Partial<ServicePorts> = {}) =>
  call(orderHandler(service(ports)), {
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    headers,
  })

const pointers = (response: HttpResponseInit) =>
  (response.jsonBody as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)

const outage = new Error('connect ECONNREFUSED 127.0.0.1:10002')
const failing: Partial<ServicePorts> = {
  records: {
    read: () => Promise.reject(outage),
    create: () => Promise.resolve({ written: false, cause: outage }),
    replace: () => Promise.resolve({ written: false, cause: outage }),
  },
}

describe('hello', () => {
  it('greets everyone', async () => {
    expect(await call(helloHandler(service()))).toStrictEqual({ jsonBody: 'Hello from Azure Functions!' })
  })

  it('greets by name', async () => {
    expect(await call(helloHandler(service()), { url: 'http://localhost/api/hello?name=Ada' })).toStrictEqual(
      {
        jsonBody: 'Hello, Ada!',
      },
    )
  })
})

describe('order', () => {
  it('returns 200 with the record', async () => {
    expect(await post({ item: 'widget' })).toStrictEqual({
      status: 200,
      jsonBody: {
        id: 'new-id',
        item: 'widget',
        quantity: 1,
        status: 'processed',
        message: 'Order for widget processed!',
        processedAt: NOON,
      },
    })
    expect(logged).toStrictEqual([
      'information: {"event":"order","outcome":"processed","via":"http","orderId":"new-id"}',
    ])
  })

  it('reads the body as JSON whatever its content type says', async () => {
    expect((await post({ item: 'widget' }, { 'content-type': 'text/plain' })).status).toBe(200)
    expect(
      (await post({ item: 'widget' }, { 'content-type': 'application/x-www-form-urlencoded' })).status,
    ).toBe(200)
  })

  it('skips a byte order mark', async () => {
    expect((await post('\ufeff{"item":"widget"}')).status).toBe(200)
  })

  it('returns 202 with the location when the client prefers respond-async', async () => {
    expect(await post({ id: 'a1', item: 'widget' }, { prefer: 'respond-async' })).toStrictEqual({
      status: 202,
      headers: {
        location: 'order/a1',
        'preference-applied': 'respond-async',
        'retry-after': '1',
      },
      jsonBody: { id: 'a1', item: 'widget', quantity: 1, status: 'accepted', acceptedAt: NOON },
    })
    expect(storage.orders).toHaveLength(1)
  })

  it.each([
    ['/api/order', 'order/a1'],
    ['/gateway/v1/order', 'order/a1'],
    ['/api/order/', 'a1'],
    ['/api/order//', '../a1'],
    ['/api/order///', '../../a1'],
  ])('gives a location that is resolved against the request: %s', async (path, expected) => {
    const url = `https://api.example${path}`
    const response = await call(orderHandler(service()), {
      url,
      body: '{"id":"a1","item":"widget"}',
      headers: { prefer: 'respond-async' },
    })
    const location = String((response.headers as Record<string, string>)['location'])
    expect(location).toBe(expected)
    expect(new URL(location, url).pathname).toMatch(/\/order\/a1$/)
  })

  it('returns 200 and no Preference-Applied when the order is processed already', async () => {
    await post({ id: 'a1', item: 'widget' })
    const response = await post({ id: 'a1', item: 'widget' }, { prefer: 'respond-async' })
    expect(response.status).toBe(200)
    expect(response.headers).toBeUndefined()
  })

  test.each([
    ['respond-async', 202],
    ['Respond-Async', 202],
    ['wait=10, respond-async', 202],
    ['respond-async; x=1', 202],
    ['respond-async=""', 202],
    ['return=minimal', 200],
    ['respond-asynchronously', 200],
    ['respond-async=false', 200],
    ['note="a, respond-async"', 200],
    ['', 200],
  ])('takes "Prefer: %s" for %d', async (prefer, status) => {
    expect((await post({ item: 'widget' }, { prefer })).status).toBe(status)
  })

  it('uses the Idempotency-Key as the id, quoted or not', async () => {
    expect((await post({ item: 'widget' }, { 'idempotency-key': 'k1' })).jsonBody).toMatchObject({ id: 'k1' })
    expect((await post({ item: 'widget' }, { 'idempotency-key': '"k2"' })).jsonBody).toMatchObject({
      id: 'k2',
    })
    expect((await post({ id: 'k3', item: 'widget' }, { 'idempotency-key': 'k3' })).jsonBody).toMatchObject({
      id: 'k3',
    })
  })

  it('returns 422 when body and Idempotency-Key disagree on the id', async () => {
    const response = await post({ id: 'k3', item: 'widget' }, { 'idempotency-key': 'k4' })
    expect(response.status).toBe(422)
    expect(pointers(response)).toStrictEqual(['/id'])
    expect(storage.table.size).toBe(0)
  })

  test.each(['', 'a b', 'a,b', '""', 'x'.repeat(65)])(
    'returns 422 for "Idempotency-Key: %s"',
    async (key) => {
      const response = await post({ item: 'widget' }, { 'idempotency-key': key })
      expect(response.status).toBe(422)
      expect(pointers(response)).toStrictEqual(['/id'])
    },
  )

  it('reports the faults of body and header at once', async () => {
    expect(pointers(await post({ item: '' }, { 'idempotency-key': 'a b' }))).toStrictEqual(['/item', '/id'])
    expect(pointers(await post({ item: '', id: 'a' }, { 'idempotency-key': 'b' }))).toStrictEqual([
      '/item',
      '/id',
    ])
  })

  test.each([
    ['no JSON', 'hello'],
    ['nothing', ''],
    ['two values', '{} {}'],
    ['no UTF-8', Uint8Array.of(0x22, 0xc3, 0x22)],
  ])('answers 400 malformed-json to %s', async (_, body) => {
    const response = await post(body)
    expect(response).toMatchObject({
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
      jsonBody: { type: 'urn:orders:problem:malformed-json', status: 400, title: expect.any(String) },
    })
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain('"outcome":"malformed"')
  })

  it('returns 422 invalid-order for an invalid order', async () => {
    const response = await post({ item: '', quantity: 0 })
    expect(response).toMatchObject({
      status: 422,
      headers: { 'content-type': 'application/problem+json' },
      jsonBody: {
        type: 'urn:orders:problem:invalid-order',
        status: 422,
        errors: [
          { pointer: '/item', detail: 'must not be empty' },
          { pointer: '/quantity', detail: 'must be at least 1' },
        ],
      },
    })
  })

  it('returns 409 order-conflict for the same id with other content, also async', async () => {
    await post({ id: 'a1', item: 'widget' })
    for (const headers of [{}, { prefer: 'respond-async' }]) {
      expect(await post({ id: 'a1', item: 'gadget' }, headers)).toMatchObject({
        status: 409,
        jsonBody: { type: 'urn:orders:problem:order-conflict', status: 409, id: 'a1' },
      })
    }
  })

  it('accepts a body of 32 KiB, and returns 413 body-too-large beyond it', async () => {
    const body = JSON.stringify({ item: 'widget' })
    expect((await post(body.padEnd(32 * 1024))).status).toBe(200)
    expect(await post(body.padEnd(32 * 1024 + 1))).toMatchObject({
      status: 413,
      jsonBody: { type: 'urn:orders:problem:body-too-large', status: 413 },
    })
    expect((await post(body, { 'content-length': '32769' })).status).toBe(413)
  })

  it('returns 503 storage-unavailable with the id and Retry-After when storage is unavailable', async () => {
    const response = await post({ item: 'widget' }, {}, failing)
    expect(response).toMatchObject({
      status: 503,
      headers: { 'content-type': 'application/problem+json', 'retry-after': '1' },
      jsonBody: { type: 'urn:orders:problem:storage-unavailable', status: 503, id: 'new-id' },
    })
    expect(logged[0]).toMatch(
      /^error: \{"event":"order","outcome":"unavailable","via":"http","orderId":"new-id","reason":".*ECONNREFUSED/,
    )
    expect(JSON.stringify(response)).not.toContain('ECONNREFUSED')
  })

  it('returns 500 for a bug, without details in the body and with all of them in the log', async () => {
    const response = await post(
      { item: 'widget' },
      {},
      {
        newId: () => {
          throw new TypeError('secret detail')
        },
      },
    )
    expect(response).toStrictEqual({
      status: 500,
      headers: { 'content-type': 'application/problem+json' },
      jsonBody: { type: 'about:blank', title: 'Internal Server Error', status: 500 },
    })
    expect(logged[0]).toMatch(/^error: .*"outcome":"error".*TypeError: secret detail\\n +at /)
  })

  it('logs one line, whatever the client wrote', async () => {
    await post('\n{"event":"order"}\r\u0085\u2028\u007f')
    await post({ item: 'x', ['a\n[2026] Executed \u0085\u2028\u007f']: 1 })
    expect(logged).toHaveLength(2)
    // eslint-disable-next-line no-control-regex
    for (const line of logged) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
  })

  it('limits the length of a log line, however many faults there are', async () => {
    await post(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`field${i}`, 1])))
    expect(logged[0]?.length).toBeLessThan(2200)
  })
})

describe('orderStatus', () => {
  const get = (id: string, ports: Partial<ServicePorts> = {}) =>
    call(orderStatusHandler(service(ports)), { url: `http://localhost:7071/api/order/${id}`, params: { id } })

  it('returns the record of a processed order', async () => {
    const jsonBody: unknown = (await post({ id: 'a1', item: 'widget' })).jsonBody
    expect(await get('a1')).toStrictEqual({ status: 200, headers: { 'cache-control': 'no-store' }, jsonBody })
  })

  it('returns Retry-After while an order is accepted', async () => {
    const jsonBody: unknown = (await post({ id: 'a1', item: 'widget' }, { prefer: 'respond-async' })).jsonBody
    expect(await get('a1')).toStrictEqual({
      status: 200,
      headers: { 'cache-control': 'no-store', 'retry-after': '1' },
      jsonBody,
    })
  })

  test.each(['a1', '..', "x'y", 'a/b', 'x'.repeat(65), ''])(
    'answers 404 order-not-found to %s',
    async (id) => {
      expect(await get(id)).toMatchObject({
        status: 404,
        headers: { 'content-type': 'application/problem+json' },
        jsonBody: { type: 'urn:orders:problem:order-not-found', status: 404 },
      })
    },
  )

  it('answers 404 when the route gives no id', async () => {
    expect((await call(orderStatusHandler(service()), { url: 'http://localhost:7071/' })).status).toBe(404)
  })

  it('returns 503 when storage is unavailable', async () => {
    expect(await get('a1', failing)).toMatchObject({ status: 503, jsonBody: { id: 'a1' } })
  })
})
