import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { writeApp, type TestApp } from './harness/app.ts'
import { exchange, rawRequest, requestBytes, type WireResponse } from './harness/exchange.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

const APP = `
const { app } = require('@azure/functions')
const headers = {
  nonAscii: { 'x-name': 'Ü' },
  disposition: { 'content-disposition': 'attachment; filename="Ü.pdf"' },
  control: { 'x-name': 'a\\x7fb' },
  tooLong: { 'content-length': '9' },
  tooShort: { 'content-length': '0' },
  exact: { 'content-length': '1' },
  noNumber: { 'content-length': 'x' },
  chunked: { 'transfer-encoding': 'chunked' },
  closing: { connection: 'close' },
}
app.http('responds', { authLevel: 'anonymous', route: 'responds/{how}', methods: ['GET', 'HEAD'], handler: (r) => ({ body: 'b', headers: headers[r.params.how] }) })
app.http('cookie', { authLevel: 'anonymous', handler: () => ({ body: 'b', cookies: [{ name: 'a b', value: '1' }] }) })
app.http('echo', { authLevel: 'anonymous', route: 'echo/{*rest}', methods: ['GET', 'POST'], handler: async (r) => ({ jsonBody: { url: r.url, params: r.params, name: r.headers.get('x-name'), proto: [...r.headers.keys()].filter((k) => ['constructor', 'tostring'].includes(k)), text: await r.text() } }) })
app.http('short', { authLevel: 'anonymous', route: 'short/{a}', handler: () => ({ body: 'short' }) })
app.http('pattern', { authLevel: 'anonymous', route: 'pattern/{a:regex([)}', handler: () => ({ body: 'never' }) })
app.http('proto', { authLevel: 'anonymous', route: 'proto/{constructor}/{valueOf?}', handler: (r) => ({ jsonBody: Object.entries(r.params) }) })
`

;(onCoreTools ? describe.skip : describe)('HTTP on the wire', () => {
  let app: TestApp
  let host: TestHost

  beforeAll(async () => {
    app = await writeApp({ 'src/index.js': APP })
    host = await startHost(app.directory, { env: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1000' } })
  })
  afterAll(async () => {
    await host.stop()
    await app.remove()
  })

  const get = (path: string, headers: Record<string, string> = {}): Promise<WireResponse> =>
    rawRequest(host.port, 'GET', path, headers)
  const json = async (path: string, headers: Record<string, string> = {}): Promise<unknown> =>
    JSON.parse((await get(path, headers)).body.toString('utf8'))

  describe('the target', () => {
    test.each([
      ['/api/echo/a%2Fb/c%2fd', 'a%2Fb/c%2fd'],
      ['/api/echo/a%20%C3%BC%25', 'a ü%'],
      ['/api/echo/%zz%FF%C3', '%zz%FF%C3'],
      ['/api/echo/x/../y/./z', 'y/z'],
      ['/api/echo/%2e%2E/echo/%2e/y', 'y'],
      ['/api/other/../echo/y/..', ''],
      ['/api/echo/..%2Fy', '..%2Fy'],
      ['/api/echo/a/b/', 'a/b/'],
      ['http://localhost/api/echo/absolute', 'absolute'],
    ])('%s has the rest %j', async (target, rest) => {
      expect(await json(target)).toMatchObject({ params: rest === '' ? {} : { rest } })
    })

    test.each([['/api/echo/a%00b'], ['/api/echo/a#b'], ['/api/echo/a?b=#'], ['/api/echo/ü']])(
      '%s is 400',
      async (target) => {
        expect((await get(target)).status).toBe(400)
      },
    )

    test('a longer path does not match a shorter route', async () => {
      expect((await get('/api/short/a')).status).toBe(200)
      expect((await get('/api/short/a/')).status).toBe(200)
      expect((await get('/api/short/a/b')).status).toBe(404)
      expect((await get('/api/short/a//')).status).toBe(404)
      expect((await get('/api/short')).status).toBe(404)
    })

    test('a request to a route whose pattern JavaScript has not is 500, and the log says why', async () => {
      expect((await get('/api/pattern/a')).status).toBe(500)
      await host.printed("':regex([)' is not a regular expression of JavaScript")
    })
  })

  describe('limits', () => {
    const line = 'GET /api/echo/ HTTP/1.1\r\n'.length

    test.each([
      ['a request line of 8192 bytes', `/api/echo/${'a'.repeat(8192 - line)}`, {}, 200],
      ['a request line of 8193 bytes', `/api/echo/${'a'.repeat(8193 - line)}`, {}, 414],
      ['a request line of 100,000 bytes', `/api/echo/${'a'.repeat(100_000)}`, {}, 414],
      ['a long query', `/api/echo/?q=${'a'.repeat(8192)}`, {}, 414],
      ['32,000 bytes of headers', '/api/echo/', { 'x-h': 'a'.repeat(32_000) }, 200],
      ['33,000 bytes of headers', '/api/echo/', { 'x-h': 'a'.repeat(33_000) }, 431],
      ['200,000 bytes of headers', '/api/echo/', { 'x-h': 'a'.repeat(200_000) }, 431],
      ['100 headers', '/api/echo/', many(97), 200],
      ['101 headers', '/api/echo/', many(98), 431],
      ['3000 headers', '/api/echo/', many(3000), 431],
    ])('%s', async (_what, target, headers, status) => {
      const response = await get(target, headers)
      expect([response.status, response.body.length > 0]).toEqual([status, status === 200])
    })

    test.each([
      ['line', `/api/echo/${'a'.repeat(100_000)}`, {}, 414],
      ['header', '/api/echo/', { 'x-h': 'a'.repeat(200_000) }, 431],
    ])(
      'a %s that is too long is refused alike when it comes in pieces',
      async (_what, target, headers, status) => {
        const bytes = requestBytes(host.port, 'GET', target, headers)
        const parts = [0, 5000, 60_000, 90_000].map((from, index, all) =>
          bytes.subarray(from, all[index + 1]),
        )
        const { responses } = await exchange(host.port, parts)
        expect(responses.map((response) => response.status)).toEqual([status])
      },
    )

    test.each([
      [
        'declared',
        'POST /api/echo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1001\r\n\r\n',
        1001,
      ],
      [
        'chunked',
        'POST /api/echo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n',
        1001,
      ],
    ])('a %s body beyond the limit is 413, also when it is chunked', async (_how, head, length) => {
      const { responses } = await exchange(host.port, [
        Buffer.from(`${head}${'a'.repeat(length)}\r\n0\r\n\r\n`),
      ])
      expect(responses[0]?.status).toBe(413)
    })

    test('a chunked body within the limit arrives, and a warning says that it would not in Azure', async () => {
      const bytes =
        'POST /api/echo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
      const { responses } = await exchange(host.port, [Buffer.from(bytes)])
      expect(JSON.parse(responses[0]?.body.toString() ?? '')).toMatchObject({ text: 'abc' })
      await host.printed("Function 'echo' received a body without Content-Length (chunked)")
    })
  })

  describe('headers', () => {
    test('values that come in are UTF-8', async () => {
      expect(await json('/api/echo/', { 'x-name': 'Ü' })).toMatchObject({ name: 'Ü' })
    })

    test('a value that is not UTF-8 is 400', async () => {
      const bytes = Buffer.from(
        'GET /api/echo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Name: \xdc\r\n\r\n',
        'latin1',
      )
      expect((await exchange(host.port, [bytes])).responses[0]?.status).toBe(400)
    })

    test('names that every object has are names like others', async () => {
      const response = await json('/api/echo/?constructor=q', { constructor: 'h', tostring: 't' })
      expect(response).toMatchObject({ proto: ['constructor', 'tostring'] })
      expect(await json('/api/proto/1/2')).toEqual([['constructor', '1'], ['valueOf', '2']]) // prettier-ignore
    })

    test.each([
      ['nonAscii', "header 'x-name'"],
      ['disposition', "header 'content-disposition'"],
      ['control', "header 'x-name'"],
      ['noNumber', "Its Content-Length 'x' is not a number"],
      ['tooShort', 'Its Content-Length is 0, but its body has 1 bytes'],
    ])('a response with %s is 500, and the log says why', async (how, reason) => {
      const from = host.output().length
      const response = await get(`/api/responds/${how}`)
      expect([response.status, response.body.length]).toEqual([500, 0])
      expect(await host.printed("The response of function 'Functions.responds':", from)).toContain(reason)
    })

    test('a cookie whose name is none is 500, and the log says why', async () => {
      expect((await get('/api/cookie')).status).toBe(500)
      await host.printed("The name of its cookie 'a b'")
    })

    test.each([
      ['tooLong', 'length 9, cut off'],
      ['chunked', 'chunked, cut off'],
    ])('a response with %s is broken off, as in Azure, and the log says why', async (how, framing) => {
      const from = host.output().length
      expect((await get(`/api/responds/${how}`)).framing).toBe(framing)
      await host.printed('Leave the header out.', from)
    })

    test('a Content-Length that is right stays; so does that of HEAD', async () => {
      expect((await get('/api/responds/exact')).framing).toBe('length 1')
      const head = await rawRequest(host.port, 'HEAD', '/api/responds/none')
      expect([head.status, new Map(head.headers).get('content-length'), head.body.length]).toEqual([
        200,
        '1',
        0,
      ])
    })

    test('Connection: close of the function closes', async () => {
      const bytes = Buffer.from('GET /api/responds/closing HTTP/1.1\r\nHost: x\r\n\r\n')
      expect((await exchange(host.port, [bytes])).connection).toBe('closed')
    })
  })

  describe('the Host header', () => {
    test.each([
      'localhost',
      'LOCALHOST:7071',
      '127.0.0.1',
      '127.1.2.3:80',
      '[::1]:7071',
      'app.localhost',
      'my-machine',
    ])('%s is a name of this machine', async (name) => {
      expect((await get('/api/echo/', { host: name })).status).toBe(200)
    })

    test.each([
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'evil.example:7071',
      '10.0.0.1',
      '[2001:db8::1]',
    ])('%s is refused, whatever is asked for', async (name) => {
      for (const path of ['/api/echo/', '/admin/host/status', '/'])
        expect((await get(path, { host: name })).status).toBe(403)
    })

    test('a refusal is said once for each name', () => {
      const said = host.output().match(/A request for 'evil\.example' was refused: .*--address/g)
      expect(said).toHaveLength(1)
    })

    test.each([['a b'], ['a/b'], ['x:y'], ['ü.example']])('%s is 400', async (name) => {
      expect((await get('/api/echo/', { host: name })).status).toBe(400)
    })

    test('two are 400', async () => {
      const bytes = Buffer.from(
        'GET /api/echo/ HTTP/1.1\r\nHost: localhost\r\nHost: x\r\nConnection: close\r\n\r\n',
      )
      expect((await exchange(host.port, [bytes])).responses[0]?.status).toBe(400)
    })
  })

  test('a request that is none is answered after the ones before it', async () => {
    const bytes = Buffer.from('GET /api/echo/ HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n')
    const { responses, connection } = await exchange(host.port, [bytes])
    expect([responses.map(({ status }) => status), connection]).toEqual([[200, 400], 'closed'])
  })
})

;(onCoreTools ? describe.skip : describe)('--address', () => {
  test('0.0.0.0 lets other names in', async () => {
    const app = await writeApp({ 'src/index.js': APP })
    // Only this test's own client asks, and it asks 127.0.0.1.
    const host = await startHost(app.directory, { args: ['--address', '0.0.0.0'] })
    const response = await rawRequest(host.port, 'GET', '/api/echo/', { host: 'my.example' })
    expect(response.status).toBe(200)
    await host.stop()
    await app.remove()
  })
})

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, '1']))
}
