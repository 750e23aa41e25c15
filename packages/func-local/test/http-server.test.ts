import { afterEach, describe, expect, test } from '@jest/globals'
import { corsPolicy } from '../src/http/cors.ts'
import { openHttpServer, PortError } from '../src/http/server.ts'
import type { RpcHttp } from '../src/protocol.ts'
import type { TriggerEvent } from '../src/registry.ts'
import { createFakeLog } from './harness/fake-log.ts'
import { exchange, rawRequest, type WireResponse } from './harness/exchange.ts'
import {
  responding,
  serve,
  type ServedFunction,
  type ServerSetup,
  type TestServer,
} from './harness/http-server.ts'
import { fakeByHand } from './harness/services.ts'

// The host's HTTP server in this process; the test is the handler of each function.

let server: TestServer
afterEach(() => server.close())

const start = async (functions: readonly ServedFunction[], setup: ServerSetup = {}): Promise<void> => {
  server = await serve({ ...setup, functions })
}
/** A function that responds with what it has received. */
const echo = (name: string, trigger: Readonly<Record<string, unknown>> = {}): ServedFunction => ({
  name,
  trigger,
  run: ({ data }) => responding({ body: { string: JSON.stringify({ name, ...shown(data.http) }) } }),
})
const shown = ({ url, nullableParams, nullableHeaders, body }: RpcHttp = {}): object => ({
  url,
  params: Object.fromEntries(Object.entries(nullableParams ?? {}).map(([key, { value }]) => [key, value])),
  agent: nullableHeaders?.['x-name']?.value,
  body: body?.bytes === undefined ? null : Buffer.from(body.bytes).toString(),
})
const send = (
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<WireResponse> => rawRequest(server.port, method, path, headers, body)
const json = ({ body }: WireResponse): unknown => JSON.parse(body.toString('utf8'))
const raw = async (...parts: readonly string[]): Promise<{ statuses: number[]; connection: string }> => {
  const bytes = parts.map((part) => Buffer.from(part, 'latin1'))
  const { responses, connection } = await exchange(server.port, bytes, { timeout: 3000 })
  return { statuses: responses.map(({ status }) => status), connection }
}

describe('a request', () => {
  test('reaches the first function by name whose route and method match, with its parameters', async () => {
    await start([
      echo('a', { route: 'x/{id}', methods: ['get'] }),
      echo('b', { route: 'x/{name}', methods: ['PUT'] }),
    ])
    expect(json(await send('GET', '/api/x/1'))).toMatchObject({ name: 'a', params: { id: '1' } })
    expect(json(await send('PUT', '/api/x/2?q=1'))).toMatchObject({
      name: 'b',
      params: { name: '2' },
      url: `http://127.0.0.1:${server.port}/api/x/2?q=1`,
    })
    const missing = await send('POST', '/api/x/1')
    expect([missing.status, missing.framing]).toEqual([404, 'length 0'])
  })

  test('a longer path does not reach the function of a shorter route', async () => {
    await start([echo('short', { route: 'short/{a}' })])
    const paths = [
      '/api/short/a',
      '/api/short/a/',
      '/api/short/a/b',
      '/api/short/a//',
      '/api/short',
      '/short/a',
    ]
    const statuses = await Promise.all(paths.map(async (path) => (await send('GET', path)).status))
    expect(statuses).toEqual([200, 200, 404, 404, 404, 404])
  })

  test('a disabled function and one of another trigger have no address', async () => {
    const listener = { start: () => undefined, stop: () => Promise.resolve(), byHand: fakeByHand }
    await start([{ ...echo('off'), disabled: true }, { name: 'timer', listener }, echo('on')])
    expect((await send('GET', '/api/off')).status).toBe(404)
    expect((await send('GET', '/api/timer')).status).toBe(404)
    expect((await send('GET', '/api/on')).status).toBe(200)
  })

  test('names that cannot be a target or a header are 400 and close the connection', async () => {
    await start([echo('echo', { route: 'echo/{*rest}' })])
    for (const target of ['/api/echo/a%00', '/api/echo/a#b', '/api/echo/\xfc']) {
      expect(await raw(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)).toEqual({
        statuses: [400],
        connection: 'closed',
      })
    }
    expect(await raw('GET /api/echo/ HTTP/1.1\r\nHost: x\r\nX-Name: \xdc\r\n\r\n')).toEqual({
      statuses: [400],
      connection: 'closed',
    })
    expect(json(await send('GET', '/api/echo/a', { 'x-name': 'Ü' }))).toMatchObject({ agent: 'Ü' })
  })

  test('refused by the limits: the connection is closed, with the header that goes with it', async () => {
    await start([echo('echo', { route: 'echo/{*rest}' })])
    expect(await raw(`GET /${'a'.repeat(8192)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toEqual({
      statuses: [414],
      connection: 'closed',
    })
    const star = await exchange(server.port, [Buffer.from('GET * HTTP/1.1\r\nHost: x\r\n\r\n')])
    expect(star.responses[0]?.status).toBe(405)
    expect(star.responses[0]?.headers).toContainEqual(['allow', 'OPTIONS'])
  })

  test('a request of HTTP/1.0 without Host has no URL: 500 for a function, 404 elsewhere', async () => {
    await start([echo('echo')])
    expect((await raw('GET /api/echo HTTP/1.0\r\n\r\n')).statuses).toEqual([500])
    expect((await raw('GET /api/none HTTP/1.0\r\n\r\n')).statuses).toEqual([404])
  })

  test('a pattern that JavaScript has not is 500 and one line, another error shows its stack', async () => {
    const broken = {
      start: () => undefined,
      stop: () => Promise.resolve(),
      byHand: fakeByHand,
      endpoint: {
        methods: undefined,
        template: 'broken',
        route: 'broken',
        authLevel: 'anonymous' as const,
        match: (path: string) => (path === '/broken' ? new Map<string, string>() : undefined),
        handle: () => Promise.reject(new Error('handle is broken')),
      },
    }
    await start([{ name: 'broken', listener: broken }, echo('pattern', { route: 'pattern/{a:regex([)}' })])
    expect((await send('GET', '/api/pattern/a')).status).toBe(500)
    expect(server.log.lines).toEqual([
      "error The request could not be handled: Its route constraint ':regex([)' is not a regular expression of JavaScript.",
    ])
    expect((await send('GET', '/broken')).status).toBe(500)
    expect(server.log.lines[1]).toMatch(
      /^error The request could not be handled: Error: handle is broken\n +at /,
    )
  })

  test('what a client that waits for 100 Continue sends is received, and it is told to go on', async () => {
    await start([echo('echo', { methods: ['POST'] })])
    const head =
      'POST /api/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n'
    expect((await raw(head, 'body')).statuses).toEqual([100, 200])
    expect((await raw(`${head}body`)).statuses).toEqual([200])
  })
})

describe('CONNECT', () => {
  test('is 404, and the connection is closed', async () => {
    await start([echo('echo')])
    expect(await raw('CONNECT localhost:1 HTTP/1.1\r\nHost: x\r\n\r\n')).toEqual({
      statuses: [404],
      connection: 'closed',
    })
  })
})

describe('bytes that are no request', () => {
  test('are 400 after the requests before them, and the connection is closed', async () => {
    await start([echo('echo')])
    expect(await raw('GET /api/echo HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n')).toEqual({
      statuses: [200, 400],
      connection: 'closed',
    })
    const { responses } = await exchange(server.port, [Buffer.from('nonsense\r\n\r\n')])
    expect(responses[0]?.headers).toEqual([
      ['content-length', '0'],
      ['connection', 'close'],
      ['date', expect.stringMatching(/GMT$/)],
    ])
  })

  test('have the status that says what is wrong with them', async () => {
    await start([echo('echo')])
    expect((await raw('X-OWN /api/echo HTTP/1.1\r\nHost: x\r\n\r\n')).statuses).toEqual([404])
    expect((await raw('GET /api/echo HTTP/7.5\r\nHost: x\r\n\r\n')).statuses).toEqual([505])
    expect((await raw(`GET /api/echo HTTP/1.1\r\nX: ${'a'.repeat(60_000)}\r\n\r\n`)).statuses).toEqual([431])
  })

  test('a request that ends in the middle of its body has no response', async () => {
    await start([echo('echo', { methods: ['POST'] })])
    const bytes = Buffer.from('POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf')
    const { responses, connection } = await exchange(server.port, [bytes], { end: true })
    expect([responses, connection]).toEqual([[], 'closed'])
  })
})

describe('the body limit', () => {
  const settings = { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '10' }
  const chunked =
    'POST /api/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'

  test('holds for a body whose length is declared', async () => {
    await start([echo('echo')], { settings })
    expect(json(await send('POST', '/api/echo', {}, 'x'.repeat(10)))).toMatchObject({ body: 'x'.repeat(10) })
    expect((await send('POST', '/api/echo', {}, 'x'.repeat(11))).status).toBe(413)
  })

  test('holds for a chunked body, in one chunk or in several', async () => {
    await start([echo('echo')], { settings })
    expect((await raw(`${chunked}5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n`)).statuses).toEqual([200])
    expect((await raw(`${chunked}b\r\nabcdefghijk\r\n0\r\n\r\n`)).statuses).toEqual([413])
    expect((await raw(chunked, '5\r\nabcde\r\n', '6\r\nabcdef\r\n', '0\r\n\r\n')).statuses).toEqual([413])
    expect(server.log.lines).toEqual([
      expect.stringMatching(/^warning Function 'echo' received a body without Content-Length \(chunked\)/),
    ])
  })
})

describe('the limits of host.json', () => {
  const limits = (concurrent: string, outstanding: string): Record<string, string> => ({
    AzureFunctionsJobHost__extensions__http__maxConcurrentRequests: concurrent,
    AzureFunctionsJobHost__extensions__http__maxOutstandingRequests: outstanding,
    AzureFunctionsJobHost__extensions__http__customHeaders__XOwn: 'yes',
  })

  test('beyond maxOutstandingRequests a request is 429, until there is room again', async () => {
    let release = (): void => undefined
    let begun = (): void => undefined
    const hasBegun = new Promise<void>((resolve) => (begun = resolve))
    const wait: ServedFunction = {
      name: 'wait',
      run: async () => {
        begun()
        await new Promise<void>((resolve) => (release = resolve))
        return responding({ body: { string: 'done' } })
      },
    }
    await start([wait, echo('other')], { settings: limits('1', '1') })
    const first = send('GET', '/api/wait')
    await hasBegun
    const refused = await send('POST', '/api/other', {}, 'body')
    expect([refused.status, refused.framing]).toEqual([429, 'length 0'])
    release()
    expect((await first).status).toBe(200)
    const next = await send('GET', '/api/other')
    // The headers of host.json are on every response of a function.
    for (const response of [refused, await first, next])
      expect(response.headers).toContainEqual(['xown', 'yes'])
    expect(next.status).toBe(200)
  })

  test('limits that let nothing run are 500, and one line says why', async () => {
    await start([echo('echo')], { settings: limits('0', '-1') })
    expect((await send('GET', '/api/echo')).status).toBe(500)
    expect(server.log.lines).toEqual([
      'error The request could not be handled: The limits for HTTP requests in host.json let none run.',
    ])
  })
})

// https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
describe('keys', () => {
  const functions = [
    echo('open'),
    echo('guarded', { authLevel: 'function' }),
    echo('master', { authLevel: 'admin' }),
  ]

  test.each<[string, Record<string, string>, number]>([
    ['/api/open', {}, 200],
    ['/api/guarded', {}, 401],
    ['/api/guarded?code=k%2By', {}, 200],
    ['/api/guarded?x=1&code=k%2By', {}, 200],
    ['/api/guarded?code=other', {}, 401],
    ['/api/guarded?code=', {}, 401],
    ['/api/guarded', { 'x-functions-key': 'k+y' }, 200],
    ['/api/guarded?code=k%2By', { 'x-functions-key': 'other' }, 401],
    ['/api/master', {}, 401],
    ['/api/master?code=k%2By', {}, 200],
    ['/admin/functions', {}, 401],
    ['/admin/functions', { 'x-functions-key': 'k+y' }, 200],
  ])('%s with %j is %i', async (path, headers, status) => {
    await start(functions, { key: 'k+y' })
    const response = await send('GET', path, headers)
    expect(response.status).toBe(status)
    if (status === 401) expect(response.body).toHaveLength(0)
  })

  test('without --enableAuth nobody is asked for one', async () => {
    await start(functions)
    expect((await send('GET', '/api/master')).status).toBe(200)
  })
})

// https://fetch.spec.whatwg.org/#http-cors-protocol
describe('CORS', () => {
  const headersOf = (response: WireResponse): Record<string, string> =>
    Object.fromEntries(response.headers.filter(([name]) => /^(?:access-control|vary)/.test(name)))
  const preflight = { origin: 'http://one.test', 'access-control-request-method': 'PUT' }

  test('an allowed origin gets its headers on every response, another one only Vary', async () => {
    await start([echo('echo')], { cors: corsPolicy('http://one.test/, HTTP://Two.test', true) ?? never() })
    expect(headersOf(await send('GET', '/api/echo', { origin: 'http://two.test' }))).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': 'http://two.test',
      'access-control-allow-credentials': 'true',
    })
    expect(headersOf(await send('GET', '/api/none', { origin: 'http://ONE.test' }))).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': 'http://ONE.test',
      'access-control-allow-credentials': 'true',
    })
    expect(headersOf(await send('GET', '/api/echo', { origin: 'http://evil.test' }))).toEqual({
      vary: 'Origin',
    })
    expect(headersOf(await send('GET', '/api/echo'))).toEqual({})
  })

  test('credentials are never allowed together with *', async () => {
    await start([echo('echo')], { cors: corsPolicy('*', true) ?? never() })
    expect(headersOf(await send('GET', '/api/echo', { origin: 'http://any.test' }))).toEqual({
      'access-control-allow-origin': '*',
    })
    expect(headersOf(await send('OPTIONS', '/api/echo', preflight))).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'PUT',
    })
  })

  test('credentials are not allowed unless they are asked for', async () => {
    await start([echo('echo')], { cors: corsPolicy('http://one.test', false) ?? never() })
    expect(headersOf(await send('GET', '/api/echo', { origin: 'http://one.test' }))).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': 'http://one.test',
    })
  })

  test('a preflight is answered without the function, and allows what was asked for', async () => {
    await start([echo('echo')], { cors: corsPolicy('http://one.test', false) ?? never() })
    const response = await send('OPTIONS', '/api/echo', {
      ...preflight,
      'access-control-request-headers': 'x-a,x-b',
    })
    expect([response.status, response.body.length]).toEqual([204, 0])
    expect(headersOf(response)).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': 'http://one.test',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-a,x-b',
    })
  })

  test('a preflight of another origin is answered too, and allows nothing', async () => {
    await start([echo('echo')], { cors: corsPolicy('http://one.test', true) ?? never() })
    const response = await send('OPTIONS', '/api/echo', { ...preflight, origin: 'http://evil.test' })
    expect([response.status, headersOf(response)]).toEqual([204, { vary: 'Origin' }])
  })

  test('an OPTIONS request that is no preflight, and a GET that looks like one, reach the function', async () => {
    await start([echo('echo')], { cors: corsPolicy('http://one.test', false) ?? never() })
    expect((await send('OPTIONS', '/api/echo', { origin: 'http://one.test' })).status).toBe(200)
    expect((await send('GET', '/api/echo', preflight)).status).toBe(200)
  })

  test.each([undefined, '', ' , ;'])('%j names no origin', async (text) => {
    await start([])
    expect(corsPolicy(text, true)).toBeUndefined()
  })
})

describe('the Host header', () => {
  test('of another machine is refused whatever is asked for, and said once for each name', async () => {
    await start([echo('echo')])
    for (const path of ['/api/echo', '/admin/host/status', '/', '/api/echo'])
      expect((await send('GET', path, { host: 'evil.example' })).status).toBe(403)
    expect((await send('GET', '/', { host: 'other.example' })).status).toBe(403)
    expect(server.log.lines).toEqual([
      "warning A request for 'evil.example' was refused: the host takes requests for this machine's own names only (localhost, 127.0.0.1). Start it with --address 0.0.0.0 to let others in.",
      expect.stringContaining("A request for 'other.example' was refused"),
    ])
  })

  test('may be any where the host listens for other machines', async () => {
    await start([echo('echo')], { address: '0.0.0.0' })
    expect((await send('GET', '/api/echo', { host: 'my.example' })).status).toBe(200)
  })
})

describe('the address', () => {
  test('that is taken is refused with what to do', async () => {
    await start([])
    const parts = {
      generation: () => Promise.resolve({ functions: [] }),
      hostRoute: () => Promise.resolve(false),
    }
    const open = (host: string, port: number): Promise<unknown> =>
      openHttpServer(
        { host, port },
        { ...parts, cors: undefined, keys: undefined, tls: undefined, stopHint: '' },
        createFakeLog(),
      )
    await expect(open('127.0.0.1', server.port)).rejects.toThrow(PortError)
    await expect(open('127.0.0.1', server.port)).rejects.toThrow(
      `Port ${server.port} is unavailable. Close the process using that port, or specify another port using --port [-p].`,
    )
    await expect(open('203.0.113.1', 1)).rejects.toThrow(
      'The host cannot listen on 203.0.113.1:1 (EADDRNOTAVAIL). Choose another with --address and --port.',
    )
  })
})

/** The event of a function's invocation names what bindings can use. */
describe('binding data of a request', () => {
  test('are the body, the query and the route, the last one first, names without case', async () => {
    let event: TriggerEvent | undefined
    const run = (given: TriggerEvent): ReturnType<typeof responding> => {
      event = given
      return responding({})
    }
    await start([{ name: 'fn', trigger: { route: 'fn/{id}' }, run }])
    const body = '{"ID":"body","own":{"a":1},"same":"body"}'
    await send('POST', '/api/fn/7?SAME=query&code=secret&q=1&q=2', { 'content-type': 'text/plain' }, body)
    expect(event?.bindingData()).toMatchObject({
      ID: '7',
      own: { a: 1 },
      same: 'query',
      q: '2',
      query: { SAME: 'query', code: 'secret', q: '2' },
      headers: { 'content-type': 'text/plain' },
    })
    expect(event?.bindingData()).not.toHaveProperty('code')
  })
})

function never(): never {
  throw new Error('There is no policy.')
}
