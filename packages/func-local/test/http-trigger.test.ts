import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import {
  createServer,
  request as openRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfigurationError } from '../src/config/json-file.ts'
import { BindingError } from '../src/host/function.ts'
import { headersOf } from '../src/http/request.ts'
import { parseTarget } from '../src/http/request-target.ts'
import type { BoundEndpoint, HttpEndpoint, InvocationOutcome, TriggerEvent } from '../src/registry.ts'
import type { TypedData } from '../src/protocol.ts'
import { createThrottle } from '../src/http/throttle.ts'
import { bodyLimit, CALLED_VIA_HOST, httpTrigger } from '../src/triggers/http.ts'
import { warmupTrigger } from '../src/triggers/warmup.ts'
import {
  fakeFunction,
  fakeServices,
  fakeTriggerContext,
  type FakeTriggerContext,
} from './harness/services.ts'

interface Setup {
  readonly trigger?: Readonly<Record<string, unknown>>
  readonly name?: string
  readonly settings?: Readonly<Record<string, string>>
  readonly http?: Readonly<Record<string, unknown>>
  readonly bindings?: Parameters<typeof fakeFunction>[1]
  readonly bound?: readonly BoundEndpoint[]
  readonly capabilities?: Readonly<Record<string, string>>
  readonly outcome?: (event: TriggerEvent) => InvocationOutcome
}

function bind(setup: Setup = {}): { endpoint: HttpEndpoint; context: FakeTriggerContext } {
  const { name = 'fn', trigger = {}, settings = {}, http = {}, bindings, ...others } = setup
  const fn = fakeFunction(
    { type: 'httpTrigger', ...trigger },
    { outputs: [{ name: '$return', type: 'http', direction: 'out' }], ...bindings, name },
  )
  const context = fakeTriggerContext(fn, fakeServices(settings, { 'extensions.http': http }), others)
  const { endpoint } = httpTrigger.bind(context)
  if (endpoint === undefined) throw new Error('It has no endpoint.')
  return { endpoint, context }
}

describe('an HTTP trigger', () => {
  test.each([
    [{}, 'fn', 'api/fn'],
    [{ route: '' }, 'fn', 'api/fn'],
    [{ route: '  ' }, 'fn', 'api/fn'],
    [{ route: 'order/{id?}' }, 'fn', 'api/order/{id?}'],
  ])('%j has the route', (trigger, name, template) => {
    const { endpoint } = bind({ trigger, name })
    expect(endpoint.template).toBe(template)
    expect(endpoint.route).toBe(template)
  })

  test('has the prefix of host.json before its route, or none', () => {
    expect(bind({ http: { routePrefix: 'v1' } }).endpoint.template).toBe('v1/fn')
    expect(bind({ http: { routePrefix: '' } }).endpoint.template).toBe('fn')
  })

  test('matches paths, and gives their values', () => {
    const { endpoint } = bind({ trigger: { route: 'order/{id:int}' } })
    expect(endpoint.match('/api/order/5')).toEqual(new Map([['id', '5']]))
    expect(endpoint.match('/api/order/x')).toBeUndefined()
  })

  test.each([
    [undefined, undefined],
    [null, undefined],
    [[], []],
    [
      ['get', 'Post'],
      ['GET', 'POST'],
    ],
  ])('with the methods %j takes %j', (methods, expected) => {
    expect(bind({ trigger: { methods } }).endpoint.methods).toEqual(expected)
  })

  test.each([
    [undefined, 'function'],
    ['anonymous', 'anonymous'],
    ['Anonymous', 'anonymous'],
    ['FUNCTION', 'function'],
    ['admin', 'admin'],
    ['system', 'admin'],
  ])('with the level %s wants a key for %s', (authLevel, expected) => {
    expect(bind({ trigger: { authLevel } }).endpoint.authLevel).toBe(expected)
  })

  test.each<[Readonly<Record<string, unknown>>, string]>([
    [{ methods: 'get' }, "'methods' of its HTTP trigger must be an array of texts."],
    [{ methods: ['get', 5] }, "'methods' of its HTTP trigger must be an array of texts."],
    [
      { methods: ['get', 'brew'] },
      "Node.js cannot receive requests of the method 'BREW'. Take it out of 'methods'.",
    ],
    [
      { authLevel: 'nobody' },
      "'authLevel' of its HTTP trigger is 'nobody'; it must be 'anonymous', 'function' or 'admin'.",
    ],
    [
      { route: 'admin' },
      "Its route 'admin' begins with 'admin', which is reserved for the host. Choose another.",
    ],
    [{ route: 'Administrators/{id}' }, "begins with 'admin', which is reserved for the host."],
    [{ route: 'RUNTIME/x' }, "begins with 'runtime', which is reserved for the host."],
    [{ route: '//admin' }, "begins with 'admin', which is reserved for the host."],
  ])('%j is refused', (trigger, reason) => {
    expect(() => bind({ trigger })).toThrow(BindingError)
    expect(() => bind({ trigger })).toThrow(reason)
  })

  test('a name that is its route is reserved, too', () => {
    expect(() => bind({ name: 'adminOrders' })).toThrow("Its route 'adminOrders' begins with 'admin'")
    expect(bind({ trigger: { route: 'x/admin' } }).endpoint.route).toBe('api/x/admin')
  })

  test('a route that is not valid is fatal, and is shown as it is written and as it is whole', () => {
    expect(() => bind({ trigger: { route: '{a}{b}' } })).toThrow(ConfigurationError)
    expect(() => bind({ trigger: { route: '{a}{b}' } })).toThrow(
      /^Function 'fn': its route '\{a\}\{b\}' \(with the route prefix: 'api\/\{a\}\{b\}'\) is not valid: .+\. The host does not start with it\.$/,
    )
    expect(() => bind({ trigger: { route: '{a}{b}' }, http: { routePrefix: '' } })).toThrow(
      /^Function 'fn': its route '\{a\}\{b\}' is not valid: /,
    )
  })

  describe('with a route that another function has', () => {
    const other = (route: string, methods?: string[]): BoundEndpoint => ({
      name: 'first',
      endpoint: bind({
        trigger: { route, ...(methods === undefined ? {} : { methods }) },
        http: { routePrefix: '' },
      }).endpoint,
    })
    const second = (bound: BoundEndpoint, trigger: Readonly<Record<string, unknown>>): unknown =>
      bind({ trigger, http: { routePrefix: '' }, bound: [other('else'), bound] })

    test.each([
      ['the same', 'order', 'order'],
      ['in another case', 'Order', 'oRDER'],
      ['with a slash behind', 'order/', 'order'],
      ['with slashes behind', 'order', 'order/'],
    ])('%s: is refused', (_what, one, two) => {
      expect(() => second(other(one), { route: two })).toThrow(BindingError)
      expect(() => second(other(one), { route: two })).toThrow(
        `Its route conflicts with the route of the function 'first': '${two}'. Give one of them another route or other methods.`,
      )
    })

    test('is refused where they have a method in common', () => {
      expect(() => second(other('x', ['get', 'post']), { route: 'x', methods: ['post'] })).toThrow(
        BindingError,
      )
      expect(() => second(other('x', ['get']), { route: 'x' })).toThrow(BindingError)
      expect(() => second(other('x'), { route: 'x', methods: ['get'] })).toThrow(BindingError)
      expect(second(other('x', ['get']), { route: 'x', methods: ['post', 'put'] })).toBeDefined()
      expect(second(other('x/y'), { route: 'x' })).toBeDefined()
    })
  })

  test('begins and ends without work of its own; a call of the admin API says where it is', async () => {
    const { context } = bind({ trigger: { route: 'x' } })
    const listener = httpTrigger.bind(context)
    expect(listener.start()).toBeUndefined()
    await listener.stop()
    expect(() => listener.adminEvent?.('x')).toThrow(
      'an HTTP function needs a request, and the admin API has none. Call its URL: /api/x.',
    )
    expect(httpTrigger).toMatchObject({ type: 'httpTrigger', supportsRetry: false })
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
test.each([
  [undefined, 104_857_600],
  ['', 104_857_600],
  [' ', 104_857_600],
  ['0', 0],
  ['5', 5],
  ['-1', 104_857_600],
  ['1.5', 104_857_600],
  ['x', 104_857_600],
])('the limit %j of a body is %d bytes', (setting, limit) => {
  expect(bodyLimit(setting)).toBe(limit)
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A server that passes every request to one endpoint at a time, and what clients send to it. */
class Site {
  endpoint: HttpEndpoint | undefined
  readonly failures: unknown[] = []
  readonly server: Server = createServer((message, response) => {
    const target = parseTarget(message.url ?? '')
    const params = this.endpoint?.match(target.path) ?? new Map<string, string>()
    this.endpoint
      ?.handle({ message, target, headers: headersOf(message), params }, response)
      .catch((error: unknown) => {
        this.failures.push(error)
        response.destroy()
      })
  })

  async call(
    target: string,
    body?: string | readonly string[],
    headers: Readonly<Record<string, string>> = {},
    method = body === undefined ? 'GET' : 'POST',
  ): Promise<Answer> {
    const { port } = this.server.address() as AddressInfo
    const request = openRequest({ host: '127.0.0.1', port, path: target, method, headers, agent: false })
    // Several pieces are sent chunked.
    if (typeof body === 'string') request.setHeader('content-length', Buffer.byteLength(body)).end(body)
    else {
      for (const piece of body ?? []) request.write(piece)
      request.end()
    }
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return { status: response.statusCode ?? 0, headers: response.headers, body: text }
  }
}

const responding =
  (http: TypedData['http'], more: object = {}): (() => InvocationOutcome) =>
  () => ({
    ok: true,
    response: { invocationId: '1', returnValue: http === undefined ? null : { http }, ...more },
  })

describe('a request to an HTTP function', () => {
  const site = new Site()
  beforeAll(async () => {
    site.server.listen(0, '127.0.0.1')
    await once(site.server, 'listening')
  })
  afterAll(() => {
    site.server.close()
  })

  test('reaches the function, and its response the client, with the headers of host.json', async () => {
    const { endpoint, context } = bind({
      trigger: { route: 'order/{id}' },
      http: { customHeaders: { 'X-Own': 'yes', 'X-Other': 'x' } },
      outcome: responding({ statusCode: '201', headers: { 'x-mine': '1' }, body: { string: 'made' } }),
    })
    site.endpoint = endpoint
    const answer = await site.call('/api/order/7?a=1&a=2&code=secret', '{"id":"body","n":1}', {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    })
    expect(answer).toMatchObject({
      status: 201,
      body: 'made',
      headers: { 'x-own': 'yes', 'x-other': 'x', 'x-mine': '1' },
    })
    const [event] = context.events
    expect(event?.data.http).toMatchObject({
      method: 'POST',
      nullableParams: { id: { value: '7' } },
      body: { bytes: Buffer.from('{"id":"body","n":1}') },
    })
    expect(event).toMatchObject({ metadata: {}, reason: CALLED_VIA_HOST })
    expect(event?.trace?.traceParent).toContain('a'.repeat(32))
    expect(event?.bindingData()).toEqual({
      id: '7',
      n: 1,
      a: '2',
      query: { a: '2', code: 'secret' },
      headers: expect.objectContaining({ 'content-length': '19' }),
    })
    expect(context.services.log.lines).toEqual([])
  })

  test.each([
    [
      'route values before the query before the body, in any case',
      '/api/x/route?ID=query',
      '{"Id":"body"}',
      { Id: 'route' },
    ],
    ['the query before the body', '/api/x?n=query', '{"N":"body"}', { N: 'query' }],
    ['a body that is no object', '/api/x', '[1]', {}],
    ['a body that is no JSON', '/api/x', 'text', {}],
    ['no body', '/api/x', undefined, {}],
    ['nested values of the body', '/api/x', '{"a":{"b":null}}', { a: { b: null } }],
    ['not the key', '/api/x?CODE=secret&coder=x', undefined, { coder: 'x' }],
  ])('binding expressions see %s', async (_what, target, body, expected) => {
    const { endpoint, context } = bind({ trigger: { route: 'x/{id?}' }, outcome: responding(undefined) })
    site.endpoint = endpoint
    expect((await site.call(target, body)).status).toBe(204)
    const { query: _query, headers: _headers, ...data } = context.events[0]?.bindingData() ?? {}
    expect(data).toEqual(expected)
  })

  test('a function that fails is 500', async () => {
    site.endpoint = bind({ outcome: () => ({ ok: false, error: { message: 'no' } }) }).endpoint
    expect((await site.call('/api/fn')).status).toBe(500)
  })

  test('a response that cannot be sent is said', async () => {
    const { endpoint, context } = bind({ outcome: responding({ statusCode: 'x' }) })
    site.endpoint = endpoint
    expect((await site.call('/api/fn')).status).toBe(500)
    expect(context.services.log.lines).toEqual([
      expect.stringMatching(/^error The response of function 'Functions\.fn': ./),
    ])
  })

  test('a response is the output binding of type http, whatever its name; without one it is 204', async () => {
    const respond: Setup['outcome'] = () => ({
      ok: true,
      response: {
        invocationId: '1',
        returnValue: { http: { statusCode: '200' } },
        outputData: [{ name: 'res', data: { http: { statusCode: '202' } } }],
      },
    })
    const outputs = [
      { name: 'q', type: 'queue', direction: 'out' },
      { name: 'res', type: 'HTTP', direction: 'out' },
    ] as const
    site.endpoint = bind({ bindings: { outputs }, outcome: respond }).endpoint
    expect((await site.call('/api/fn')).status).toBe(202)
    site.endpoint = bind({ bindings: { outputs: [] }, outcome: respond }).endpoint
    expect((await site.call('/api/fn')).status).toBe(204)
  })

  test.each(['12345', ['123', '45']])(
    'a body over the limit (%j) is 413, and the function does not run',
    async (body) => {
      const { endpoint, context } = bind({ settings: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '4' } })
      site.endpoint = endpoint
      expect((await site.call('/api/fn', body)).status).toBe(413)
      expect(context.events).toEqual([])
      expect((await site.call('/api/fn', '1234')).status).toBe(204)
    },
  )

  test('a body without a length is said once for each function', async () => {
    const { endpoint, context } = bind()
    site.endpoint = endpoint
    await site.call('/api/fn', [], { 'transfer-encoding': 'chunked' }, 'POST')
    expect(context.services.log.lines).toEqual([])
    for (const _ of [1, 2]) await site.call('/api/fn', ['a', 'b'])
    expect(context.events.at(-1)?.data.http?.body).toEqual({ bytes: Buffer.from('ab') })
    expect(context.services.log.lines).toEqual([
      "warning Function 'fn' received a body without Content-Length (chunked). In Azure it would be empty: send a Content-Length, or turn on HTTP streaming with app.setup({ enableHttpStream: true }).",
    ])
  })

  test('a client that goes away in the middle of its body is forgotten', async () => {
    const { endpoint, context } = bind()
    site.endpoint = endpoint
    const { port } = site.server.address() as AddressInfo
    const request = openRequest({
      host: '127.0.0.1',
      port,
      path: '/api/fn',
      method: 'POST',
      headers: { 'content-length': '10' },
    })
    request.on('error', () => undefined)
    request.write('half')
    await once(site.server, 'request')
    request.destroy()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(context.events).toEqual([])
    expect(site.failures).toEqual([])
  })

  test('more requests than host.json allows are 429', async () => {
    const { context } = bind()
    const { endpoint } = httpTrigger.bind({ ...context, throttle: createThrottle({ concurrent: 1, outstanding: 1 }), invoke: () => new Promise((resolve) => setTimeout(resolve, 50, responding({ statusCode: '200' })())) }) // prettier-ignore
    site.endpoint = endpoint
    const statuses = await Promise.all([site.call('/api/fn'), site.call('/api/fn', 'body')])
    expect(statuses.map(({ status }) => status).sort()).toEqual([200, 429])
  })
})

describe('a request to an HTTP function that streams', () => {
  const site = new Site()
  /** The worker's own server: what it was asked, and what it responds with. */
  const asked: { id: unknown; url: string; body: string }[] = []
  const worker = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      asked.push({ id: request.headers['x-ms-invocation-id'], url: request.url ?? '', body })
      response.end('streamed')
    })
  })
  let capabilities: Record<string, string>

  beforeAll(async () => {
    site.server.listen(0, '127.0.0.1')
    worker.listen(0, '127.0.0.1')
    await Promise.all([once(site.server, 'listening'), once(worker, 'listening')])
    capabilities = { HttpUri: `http://127.0.0.1:${(worker.address() as AddressInfo).port}` }
  })
  afterAll(() => {
    site.server.close()
    worker.closeAllConnections()
    worker.close()
  })
  const done = responding(undefined, { httpResponded: true })
  const stream = (setup: Setup): FakeTriggerContext => {
    const { endpoint, context } = bind({ outcome: done, ...setup, capabilities })
    site.endpoint = endpoint
    return context
  }

  test('goes through the worker, under the id of its invocation', async () => {
    const context = stream({ trigger: { route: 'x/{Id}' } })
    const answer = await site.call('/api/x/7?q=1&q=2&code=k', 'text')
    expect(answer).toMatchObject({ status: 200, body: 'streamed' })
    const [event] = context.events
    expect(asked.at(-1)).toEqual({ id: event?.invocationId, url: '/api/x/7?q=1&q=2&code=k', body: 'text' })
    expect(event).toMatchObject({ data: { http: {} }, reason: CALLED_VIA_HOST })
    expect(event?.metadata).toMatchObject({
      Id: { string: '7' },
      q: { string: '2' },
      Query: { json: '{"q":"2","code":"k"}' },
    })
    expect(event?.metadata).not.toHaveProperty('code')
    expect(JSON.parse(event?.metadata['Headers']?.json ?? '')).toMatchObject({ 'content-length': '4' })
    // What only the body has is not known: it was not read.
    expect(event?.bindingData()).toMatchObject({ Id: '7', q: '2' })
  })

  test('scalars of a JSON body are parameters, as .NET writes them, and the body still arrives', async () => {
    const context = stream({})
    const body = '{"s":"a","n":1.5,"yes":true,"no":false,"nul":null,"o":{},"l":[]}'
    await site.call('/api/fn?S=query', body, { 'content-type': 'application/json; charset=utf-8' })
    const { Headers: _h, Query: _q, ...metadata } = context.events[0]?.metadata ?? {}
    expect(metadata).toEqual({ s: { string: 'query' }, n: { string: '1.5' }, yes: { string: 'True' }, no: { string: 'False' } }) // prettier-ignore
    expect(context.events[0]?.bindingData()).toMatchObject({ o: {}, nul: null })
    expect(asked.at(-1)?.body).toBe(body)
  })

  test.each([
    ['a name of the body', '{name}', true],
    ['a name of the body with a format', 'x/{name:N}', true],
    ['a route value', '{ID}', false],
    ['the query', '{query.name}', false],
    ['a header', '{headers.name}', false],
    ['what the host makes', '{rand-guid}{DateTime}{sys.utcnow}', false],
    ['no expression', 'plain', false],
  ])('the body is read before when a binding names %s', async (_what, path, isRead) => {
    for (const side of ['inputs', 'outputs'] as const) {
      const context = stream({
        trigger: { route: 'x/{id}' },
        bindings: { [side]: [{ name: 'b', type: 'blob', direction: 'in', path, sdk: true }] },
      })
      await site.call('/api/x/1', '{"name":"n"}', { 'content-type': 'text/plain' })
      expect('name' in (context.events[0]?.bindingData() ?? {})).toBe(isRead)
    }
  })

  test('a body without a length is not read before', async () => {
    const context = stream({})
    await site.call('/api/fn', ['{"a"', ':1}'], { 'content-type': 'application/json' })
    expect(context.events[0]?.bindingData()).not.toHaveProperty('a')
    expect(asked.at(-1)?.body).toBe('{"a":1}')
    expect(context.services.log.lines).toEqual([])
  })

  test.each(['application/json', 'text/plain'])('a body of %s over the limit is 413', async (type) => {
    const context = stream({ settings: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '4' } })
    expect((await site.call('/api/fn', '12345', { 'content-type': type })).status).toBe(413)
    expect(context.events).toEqual([])
  })

  test.each([
    [[{ name: '$return', type: 'HTTP', direction: 'out' }] as const, 'streamed'],
    [
      [
        { name: 'q', type: 'queue', direction: 'out' },
        { name: '$return', type: 'http', direction: 'out' },
      ] as const,
      '',
    ],
  ])('with the outputs %j a failure after the response is seen or not', async (outputs, body) => {
    // A small response waits for outputs, so that the client learns of their failure.
    const { context } = bind({ bindings: { outputs }, capabilities })
    const { endpoint } = httpTrigger.bind({
      ...context,
      invoke: (event) => {
        context.events.push(event)
        return new Promise((resolve) => setTimeout(resolve, 60, { ok: false, error: { message: 'no' } }))
      },
    })
    site.endpoint = endpoint
    const answer = await site.call('/api/fn')
    expect(answer).toMatchObject(body === '' ? { status: 500 } : { status: 200, body })
  })
})

test('a warmup function runs by the admin API only', async () => {
  const listener = warmupTrigger.bind(fakeTriggerContext(fakeFunction({ type: 'warmupTrigger' })))
  expect(listener.start()).toBeUndefined()
  await listener.stop()
  const event = await listener.adminEvent?.(undefined)
  expect(event).toMatchObject({ data: { json: '{}' }, metadata: {}, reason: CALLED_VIA_HOST })
  expect(event?.bindingData()).toEqual({})
  expect(warmupTrigger).toMatchObject({ type: 'warmupTrigger', supportsRetry: false })
})
