import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals'
import { HttpRequest, InvocationContext } from '@azure/functions'
import { randomUUID } from 'node:crypto'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { withProblems } from '../../src/http/handler.ts'
import { orderHandler } from '../../src/functions/order.ts'
import { orderStatusHandler } from '../../src/functions/orderStatus.ts'
import openapi from '../../src/http/openapi.json' with { type: 'json' }
import { createService } from '../../src/orders/service.ts'
import { unpackedApp } from 'testkit/unpackedApp'
import { describedApi, type Answer } from '../support/describedApi.ts'
import { serveApp, type AppHost } from '../support/appHost.ts'
import { memoryStorage } from '../../src/storage/memory.ts'

// The OpenAPI description against the running app: every described request is sent, and every response must be described: its
// status, its headers, its body.

const KEY = 'a-key-for_this-test'

// Core Tools accepts no key from outside, so there it runs without keys.
const coreTools = process.env['E2E_HOST'] === 'func'

const api = describedApi()

let azurite: Azurite
let app: Awaited<ReturnType<typeof unpackedApp>>
let host: AppHost

beforeAll(async () => {
  azurite = await startAzurite({})
  app = await unpackedApp()
  host = await serveApp({
    folder: app.folder,
    environment: {
      AzureWebJobsStorage: azurite.connectionString,
      FUNC_LOCAL_KEY: KEY,
      // An accepted order stays accepted, so that it can be read.
      'AzureWebJobs.orderProcessor.Disabled': 'true',
    },
    enableAuth: true,
  })
}, 120_000)

afterAll(async () => {
  await host.stop()
  await app.remove()
  await azurite.stop()
}, 60_000)

interface Request {
  readonly id?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Sends a request of a described operation, with its key, and checks that the response is described. */
async function send(operationId: string, { id, query, headers, body }: Request = {}): Promise<Answer> {
  const operation = api.operation(operationId)
  const path = operation.path.replace('{id}', encodeURIComponent(id ?? ''))
  const url = new URL(`${openapi.servers[0]?.url ?? ''}${path}`, host.url)
  url.search = new URLSearchParams(query).toString()
  const response = await fetch(url, {
    method: operation.method,
    headers: { ...(operation.anonymous ? {} : { 'x-functions-key': KEY }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const answer = {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  }
  api.expectDescribed(operationId, answer)
  return answer
}

const order = (body: unknown, headers: Record<string, string> = {}) => send('order', { body, headers })

const newId = () => `contract-${randomUUID()}`

test('every HTTP function is described, with its method, route and access level', async () => {
  const response = await fetch(`${host.url}/admin/functions`, { headers: { 'x-functions-key': KEY } })
  const functions = (await response.json()) as {
    readonly name: string
    readonly config: {
      readonly bindings: readonly {
        readonly type: string
        readonly methods?: readonly string[]
        readonly route?: string
        readonly authLevel?: string
      }[]
    }
  }[]
  // OpenAPI needs no word for HEAD: RFC 9110 §9.3.2 makes it GET without the content.
  for (const { config } of functions) {
    for (const { methods = [] } of config.bindings) {
      const names = methods.map((method) => method.toUpperCase())
      expect(names.includes('HEAD')).toBe(names.includes('GET'))
    }
  }
  const registered = functions.flatMap(({ name, config }) =>
    config.bindings.flatMap(({ type, methods = [], route = name, authLevel }) =>
      type.toLowerCase() !== 'httptrigger'
        ? []
        : methods
            .filter((method) => method.toUpperCase() !== 'HEAD')
            .map((method) => ({
              operationId: name,
              method: method.toUpperCase(),
              path: `/${route}`,
              anonymous: authLevel?.toLowerCase() === 'anonymous',
            })),
    ),
  )
  const byName = (a: { operationId: string }, b: { operationId: string }) =>
    a.operationId < b.operationId ? -1 : 1
  expect(registered.toSorted(byName)).toStrictEqual(api.operations.toSorted(byName))
})

describe('the service', () => {
  it('greets', async () => {
    expect((await send('hello')).status).toBe(200)
    expect((await send('hello', { query: { name: 'Ada' } })).text).toBe('"Hello, Ada!"')
  })

  it('returns its description', async () => {
    expect(JSON.parse((await send('openapi')).text)).toStrictEqual(openapi)
  })

  it('returns its page', async () => {
    expect((await send('docs')).text).toMatch(/^<!doctype html>/)
  })
})

describe('an order', () => {
  const examples = Object.entries(
    openapi.paths['/order'].post.requestBody.content['application/json'].examples,
  )

  it.each(examples)('as in the example "%s" is processed', async (_, { value }) => {
    expect((await order(value)).status).toBe(200)
  })

  it('is accepted with Prefer: respond-async, and processed later', async () => {
    const body = { id: newId(), item: 'widget' }
    const accepted = await order(body, { prefer: 'respond-async' })
    expect(accepted.status).toBe(202)
    const url = new URL(accepted.headers['location'] ?? '', `${host.url}/api/order`)
    const location = await fetch(url, { headers: { 'x-functions-key': KEY } })
    expect(await location.text()).toBe(accepted.text)

    const waiting = await send('orderStatus', { id: body.id })
    expect(waiting.headers).toMatchObject({ 'retry-after': '1' })
    expect((await order(body)).status).toBe(200)
    const processed = await send('orderStatus', { id: body.id })
    expect(JSON.parse(processed.text)).toMatchObject({ status: 'processed', acceptedAt: expect.any(String) })
    expect(processed.headers).not.toHaveProperty('retry-after')
  })

  it.each([
    ['as it is', (id: string) => id],
    ['quoted', (id: string) => `"${id}"`],
  ])('takes its id from an Idempotency-Key %s', async (_, written) => {
    const id = newId()
    const answer = await order({ item: 'widget' }, { 'idempotency-key': written(id) })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ id })
  })

  it.each([['{"item":}'], [''], ['\ufeff']])('that is no JSON is refused: %j', async (body) => {
    expect((await order(body)).status).toBe(400)
  })

  it.each([
    [{}],
    [{ item: ' ', quantity: 0, id: 'a b', colour: 'red', size: 'L' }],
    [{ item: 'x'.repeat(201) }],
    [[]],
  ])('that is not valid is refused: %j', async (body) => {
    expect(api.requestBody('order')(body)).toBe(false)
    expect((await order(body)).status).toBe(422)
  })

  it.each([['{"item":"x","item":"x"}'], ['{"item":"x","\\u0069tem":"y"}']])(
    'that names a key twice is refused: %s',
    async (body) => {
      expect((await order(body)).status).toBe(400)
    },
  )

  it('in a content coding is refused', async () => {
    expect((await order({ item: 'widget' }, { 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await order({ item: 'widget' }, { 'content-encoding': 'identity' })).status).toBe(200)
  })

  it('under two ids is refused', async () => {
    expect((await order({ id: newId(), item: 'x' }, { 'idempotency-key': newId() })).status).toBe(422)
  })

  it('under the id of another is refused', async () => {
    const id = newId()
    await order({ id, item: 'widget' })
    expect((await order({ id, item: 'gadget' })).status).toBe(409)
  })

  it('that is too large is refused', async () => {
    expect((await order({ item: 'x'.repeat(32 * 1024) })).status).toBe(413)
  })

  it('that does not exist is not found', async () => {
    expect((await send('orderStatus', { id: newId() })).status).toBe(404)
    expect((await send('orderStatus', { id: 'not an id' })).status).toBe(404)
  })
})

const testWithKeys = coreTools ? test.skip : test

testWithKeys('an order is kept from callers without a key', async () => {
  for (const headers of [{ 'x-functions-key': '' }, { 'x-functions-key': 'wrong' }]) {
    expect((await order({ item: 'widget' }, headers)).status).toBe(401)
    expect((await send('orderStatus', { id: 'a1', headers })).status).toBe(401)
  }
})

testWithKeys('the key may be in the query', async () => {
  const url = `${host.url}/api/order/${newId()}`
  expect((await fetch(`${url}?code=${KEY}`)).status).toBe(404)
  expect((await fetch(`${url}?code=wrong`)).status).toBe(401)
})

test('a bug is a 500 as described', async () => {
  const broken = createService({
    ...memoryStorage(),
    now: () => {
      throw new Error('a bug')
    },
    newId,
  })
  // No request can cause one, so the handlers are called with a broken service.
  const bug = () => Promise.reject(new Error('a bug'))
  const url = 'http://localhost/api/order'
  const context = new InvocationContext({ functionName: 'order', logHandler: () => undefined })
  const answers = [
    [
      'order',
      await withProblems(orderHandler(broken))(
        new HttpRequest({ method: 'POST', url, body: { string: '{"item":"widget"}' } }),
        context,
      ),
    ],
    [
      'orderStatus',
      await withProblems(orderStatusHandler({ ...broken, get: bug }))(
        new HttpRequest({ method: 'GET', url: `${url}/a1`, params: { id: 'a1' } }),
        context,
      ),
    ],
  ] as const
  for (const [operationId, init] of answers) {
    expect(init).toMatchObject({ status: 500, jsonBody: expect.anything() })
    const { status, headers, jsonBody } = init as {
      status: number
      headers: Record<string, string>
      jsonBody: unknown
    }
    api.expectDescribed(operationId, { status, headers, text: JSON.stringify(jsonBody) })
  }
})

test('unavailable storage is a 503 as described', async () => {
  await azurite.stop()
  expect((await order({ id: newId(), item: 'widget' })).status).toBe(503)
  expect((await order({ id: newId(), item: 'widget' }, { prefer: 'respond-async' })).status).toBe(503)
  expect((await send('orderStatus', { id: newId() })).status).toBe(503)
})

test('every described response was seen', () => {
  const missing = api.notSeen().filter((answer) => !(coreTools && answer.endsWith(' 401')))
  expect(missing).toStrictEqual([])
})

describe('a response that is not described fails', () => {
  const given = { status: 200, headers: { 'content-type': 'application/json' }, text: '"Hello, Ada!"' }

  it.each([
    ['by its status', { ...given, status: 418 }],
    ['by a header', { ...given, headers: { ...given.headers, 'x-powered-by': 'curiosity' } }],
    ['by its content type', { ...given, headers: { 'content-type': 'text/plain' } }],
    ['by its body', { ...given, text: '{"greeting":"Hello"}' }],
  ])('%s', (_, answer) => {
    const fresh = describedApi()
    fresh.expectDescribed('hello', given)
    expect(() => {
      fresh.expectDescribed('hello', answer)
    }).toThrow()
  })

  it('by a header that is missing', () => {
    expect(() => {
      describedApi().expectDescribed('openapi', {
        ...given,
        text: JSON.stringify(openapi),
      })
    }).toThrow(/X-Content-Type-Options/i)
  })

  it('by a field that is not described', () => {
    const problem = { type: 'about:blank', title: 'Internal Server Error', status: 500, stack: 'at …' }
    expect(() => {
      describedApi().expectDescribed('order', {
        status: 500,
        headers: { 'content-type': 'application/problem+json' },
        text: JSON.stringify(problem),
      })
    }).toThrow(/stack/)
  })
})
