import { describe, expect, test } from '@jest/globals'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InvalidCookieError, setCookieHeader } from '../src/http/cookie.ts'
import { isHopByHop, writeResponse, writeStatus } from '../src/http/response.ts'
import type { RpcHttp, RpcHttpCookie, TypedData } from '../src/protocol.ts'
import { exchange, type WireResponse } from './harness/exchange.ts'

/** What a client sees of a function's response, and what the log says about it. */
async function respond(
  value: TypedData | undefined,
  { method = 'GET', before }: { method?: string; before?: Readonly<Record<string, string>> } = {},
): Promise<WireResponse & { problem: string | undefined; connection: string }> {
  let problem: string | undefined
  const server = createServer((request, response) => {
    if (request.url === '/next') {
      response.end('next')
      return
    }
    for (const [name, text] of Object.entries(before ?? {})) response.setHeader(name, text)
    problem = writeResponse(response, value)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  // Where the connection stays open, the next request on it is answered, too.
  const next = 'GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  const bytes = Buffer.from(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n${next}`)
  const { responses } = await exchange(port, [bytes], { methods: [method] })
  await new Promise((resolve) => server.close(resolve))
  const [response] = responses
  if (response === undefined) throw new Error('There is no response.')
  return { ...response, problem, connection: responses.length === 2 ? 'open' : 'closed' }
}

const header = ({ headers }: WireResponse, name: string): string[] =>
  headers.filter(([other]) => other === name).map(([, value]) => value)
const ok = (http: RpcHttp, options?: Parameters<typeof respond>[1]): ReturnType<typeof respond> =>
  respond({ http: { statusCode: '200', ...http } }, options)

describe('the response of a function', () => {
  test('has status, headers and body', async () => {
    const response = await ok({ statusCode: '201', headers: { 'X-Own': 'a\tb' }, body: { string: 'ü' } })
    expect([response.status, response.framing, response.body.toString()]).toEqual([201, 'length 2', 'ü'])
    expect(header(response, 'x-own')).toEqual(['a\tb'])
    expect([response.problem, response.connection]).toEqual([undefined, 'open'])
  })

  test('is 204 where the function returned nothing, and 200 where it named no status', async () => {
    const nothing = await respond(undefined)
    expect([nothing.status, nothing.framing, nothing.problem]).toEqual([204, 'none', undefined])
    expect((await respond({})).status).toBe(204)
    const plain = await respond({ http: {} })
    expect([plain.status, plain.framing]).toEqual([200, 'length 0'])
  })

  test.each<[string, TypedData | null, string]>([
    ['text', { string: 'text' }, 'text'],
    ['JSON', { json: '{"a":1}' }, '{"a":1}'],
    ['empty text', { string: '' }, ''],
    ['null', null, ''],
    ['a part of bytes', { bytes: new Uint8Array(Buffer.from('abcdef')).subarray(1, 4) }, 'bcd'],
  ])('may have a body of %s', async (_what, body, expected) => {
    const response = await ok({ body })
    expect([response.body.toString(), response.framing]).toEqual([expected, `length ${expected.length}`])
  })

  test.each([204, 304])('of status %i has no body and no length', async (status) => {
    const response = await ok({ statusCode: String(status), body: { string: 'x' } })
    expect([response.status, response.framing, header(response, 'content-length')]).toEqual([
      status,
      'none',
      [],
    ])
  })

  test.each([['99'], ['1000'], ['2.5'], ['x'], ['-1']])('of status %s is 500', async (statusCode) => {
    const response = await ok({ statusCode, body: { string: 'x' } })
    expect([response.status, response.framing]).toEqual([500, 'length 0'])
    expect(response.problem).toBe(`${statusCode} is not an HTTP status.`)
  })

  test('may have the status 999', async () => {
    expect((await ok({ statusCode: '999' })).status).toBe(999)
  })

  test.each([
    ['Ü', 'U+00DC'],
    ['a\x7f', 'U+007F'],
    ['a\nb', 'U+000A'],
    ['\u{1F600}', 'U+1F600'],
    ['a\x1f', 'U+001F'],
  ])('with the header value %j is 500 and says which character it is', async (text, code) => {
    const response = await ok({ headers: { before: '1', 'x-name': text }, body: { string: 'x' } })
    expect([response.status, response.body.length, header(response, 'before')]).toEqual([500, 0, ['1']])
    expect(response.problem).toBe(
      `The value of its header 'x-name' has a character that is not allowed, ${code}. Encode it: percent-encoded in a URL, filename*=UTF-8''… in Content-Disposition.`,
    )
  })

  test('may have every printable ASCII character in a header', async () => {
    const all = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join('')
    expect(header(await ok({ headers: { x: `a${all}b` } }), 'x')).toEqual([`a${all}b`])
  })

  test('with a Content-Length that is right keeps it', async () => {
    const response = await ok({ headers: { 'Content-Length': '1' }, body: { string: 'b' } })
    expect([response.framing, header(response, 'content-length'), response.problem]).toEqual([
      'length 1', ['1'], undefined,
    ]) // prettier-ignore
  })

  test.each([
    ['0', 'Its Content-Length is 0, but its body has 1 bytes.'],
    ['x', "Its Content-Length 'x' is not a number."],
    ['1x', "Its Content-Length '1x' is not a number."],
    ['x1', "Its Content-Length 'x1' is not a number."],
    ['', "Its Content-Length '' is not a number."],
  ])('with the Content-Length %j is 500', async (length, problem) => {
    const response = await ok({ headers: { 'content-length': length }, body: { string: 'b' } })
    expect([response.status, response.problem]).toEqual([500, problem])
  })

  test('with a Content-Length that is too large is cut off', async () => {
    const response = await ok({ headers: { 'content-length': '12' }, body: { string: 'b' } })
    expect([response.framing, response.body.toString(), response.connection]).toEqual([
      'length 12, cut off', 'b', 'closed',
    ]) // prettier-ignore
    expect(response.problem).toBe(
      'Its Content-Length is 12, but its body has only 1 bytes: the client sees a response that is cut off. Leave the header out.',
    )
  })

  test('to HEAD has the length of the body, or the one that the function names', async () => {
    const own = await ok({ body: { string: 'body' } }, { method: 'HEAD' })
    expect([header(own, 'content-length'), own.body.length]).toEqual([['4'], 0])
    const named = await ok({ headers: { 'content-length': '99' } }, { method: 'HEAD' })
    expect([header(named, 'content-length'), named.problem]).toEqual([['99'], undefined])
  })

  test('with Transfer-Encoding is sent as it is, then the connection is closed', async () => {
    const response = await ok({ headers: { 'Transfer-Encoding': 'gzip' }, body: { string: 'abc' } })
    expect([header(response, 'transfer-encoding'), header(response, 'connection')]).toEqual([
      ['gzip'],
      ['close'],
    ])
    expect([response.body.toString(), response.connection]).toEqual(['abc', 'closed'])
    expect(response.problem).toBe(
      'It sets Transfer-Encoding: gzip, and its body is then sent as it is, not gzip. Leave the header out.',
    )
    const head = await ok(
      { headers: { 'transfer-encoding': 'gzip' }, body: { string: 'abc' } },
      { method: 'HEAD' },
    )
    expect([header(head, 'transfer-encoding'), head.connection]).toEqual([['gzip'], 'closed'])
  })

  test.each([
    ['close', 'closed'],
    ['keep-alive, Close', 'closed'],
    ['closer', 'open'],
    ['foreclose', 'open'],
    ['keep-alive', 'open'],
  ])('with Connection: %s leaves the connection %s', async (connection, expected) => {
    expect((await ok({ headers: { Connection: connection } })).connection).toBe(expected)
  })

  test('with trailers is chunked', async () => {
    const response = await ok({ headers: { Trailer: 'x' }, body: { string: 'abc' } })
    expect([response.framing, response.body.toString(), response.problem]).toEqual([
      'chunked',
      'abc',
      undefined,
    ])
  })
})

describe('content negotiation', () => {
  const negotiated = (http: RpcHttp): ReturnType<typeof respond> =>
    ok({ enableContentNegotiation: true, ...http })

  test.each([undefined, 'application/json', 'text/json; x=1', 'application/vnd.own+json', 'TEXT/JSON'])(
    'makes Base64 text in JSON of a body, content type %s',
    async (type) => {
      const response = await negotiated({
        body: { string: 'body' },
        headers: type === undefined ? {} : { 'content-type': type },
      })
      expect([response.status, response.body.toString()]).toEqual([200, '"Ym9keQ=="'])
      expect(header(response, 'content-type')).toEqual(['application/json; charset=utf-8'])
    },
  )

  test.each([
    'text/plain',
    'application/jsonx',
    'x/json',
    'application/xml; a=text/json',
    'an application/json',
  ])('has no format for %s: 406', async (type) => {
    const response = await negotiated({ body: { string: 'body' }, headers: { 'content-type': type } })
    expect([response.status, response.body.length]).toEqual([406, 0])
    expect(response.problem).toBe(
      `With enableContentNegotiation its body can only be JSON, not ${type}. Leave enableContentNegotiation out.`,
    )
  })

  test('leaves an empty body alone', async () => {
    const response = await negotiated({ headers: { 'content-type': 'text/plain' } })
    expect([response.status, response.body.length, header(response, 'content-type')]).toEqual([
      200,
      0,
      ['text/plain'],
    ])
  })
})

describe('cookies', () => {
  test('are added to those that the function set as a header', async () => {
    const response = await ok({
      headers: { 'Set-Cookie': 'own=1' },
      cookies: [{ name: 'a', value: '1' }, { name: 'b' }],
    })
    expect(header(response, 'set-cookie')).toEqual(['own=1', 'a=1; path=/', 'b=; path=/'])
    expect(header(await ok({ cookies: [{ name: 'a', value: '1' }] }), 'set-cookie')).toEqual(['a=1; path=/'])
    expect(header(await ok({ headers: { 'Set-Cookie': 'own=1' }, cookies: [] }), 'set-cookie')).toEqual([
      'own=1',
    ])
  })

  test('that cannot be written are 500', async () => {
    const named = await ok({ cookies: [{ name: 'a b', value: '1' }] })
    expect([named.status, named.problem]).toEqual([
      500,
      "The name of its cookie 'a b' has a character that is not allowed in one.",
    ])
    const domain = await ok({ cookies: [{ name: 'a', domain: { value: 'ü' } }] })
    expect([domain.status, domain.problem]).toEqual([500, expect.stringContaining("its header 'set-cookie'")])
  })

  test.each<[RpcHttpCookie, string]>([
    [{ name: 'a', value: 'b c;ü' }, 'a=b%20c%3B%C3%BC; path=/'],
    [{ name: "!#$%&'*+-.^_`|~09AZaz" }, "!#$%&'*+-.^_`|~09AZaz=; path=/"],
    [{ value: 'v' }, '=v; path=/'],
    [{ name: 'a', expires: { value: { seconds: 1 } } }, 'a=; expires=Thu, 01 Jan 1970 00:00:01 GMT; path=/'],
    [{ name: 'a', expires: {} }, 'a=; path=/'],
    [{ name: 'a', expires: { value: {} } }, 'a=; path=/'],
    [{ name: 'a', maxAge: { value: 5.9 } }, 'a=; max-age=5; path=/'],
    [{ name: 'a', maxAge: { value: 0 } }, 'a=; max-age=0; path=/'],
    [{ name: 'a', maxAge: {} }, 'a=; path=/'],
    [{ name: 'a', domain: { value: 'd' }, path: { value: '/p' } }, 'a=; domain=d; path=/p'],
    [{ name: 'a', domain: { value: '' }, path: {} }, 'a=; path=/'],
    [{ name: 'a', domain: {} }, 'a=; path=/'],
    [{ name: 'a', secure: { value: true }, sameSite: 'lax', httpOnly: { value: true } }, 'a=; path=/; secure; samesite=lax; httponly'],
    [{ name: 'a', secure: { value: false }, sameSite: 'strict', httpOnly: { value: false } }, 'a=; path=/; samesite=strict'],
    [{ name: 'a', secure: {}, sameSite: 'explicitNone', httpOnly: {} }, 'a=; path=/; samesite=none'],
    [{ name: 'a', sameSite: 'none' }, 'a=; path=/'],
  ])('%j is written as %s', (cookie, expected) => {
    expect(setCookieHeader(cookie)).toBe(expected)
  }) // prettier-ignore

  test.each([' a', 'a=', 'a;b', 'ü', 'a\n'])('%j is no name for one', (name) => {
    expect(() => setCookieHeader({ name })).toThrow(InvalidCookieError)
  })
})

test.each(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'])(
  '%s belongs to the connection',
  (name) => {
    expect([isHopByHop(name), isHopByHop(`x-${name}`)]).toEqual([true, false])
  },
)

test('a response that has been sent, or whose client is gone, is left alone', async () => {
  const problems: unknown[] = []
  const server = createServer((_request, response) => {
    writeStatus(response, 202, { 'X-Own': '1' })
    writeStatus(response, 500)
    problems.push(writeResponse(response, { http: { statusCode: 'x' } }))
    response.destroy()
    problems.push(writeResponse(response, { http: { statusCode: 'x' } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const gone = createServer((_request, response) => {
    response.destroy()
    problems.push(writeResponse(response, { http: { statusCode: 'x' } }))
    writeStatus(response, 500)
    problems.push(response.headersSent)
  })
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
  const bytes = [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')]
  const none = await exchange((gone.address() as AddressInfo).port, bytes)
  await exchange(port, bytes)
  expect([none.responses, problems]).toEqual([[], [undefined, false, undefined, undefined]])
  await Promise.all([server, gone].map((one) => new Promise((resolve) => one.close(resolve))))
})
