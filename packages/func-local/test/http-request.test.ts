import { describe, expect, test } from '@jest/globals'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { isForeign, isLocalName, isLoopback } from '../src/http/request-origin.ts'
import { refusalOf, statusOfParseError } from '../src/http/request-limits.ts'
import {
  BadTargetError,
  forwardedTarget,
  parseTarget,
  queryOf,
  shownPath,
} from '../src/http/request-target.ts'
import {
  BadHeaderError,
  BodyTooLargeError,
  headersOf,
  joined,
  readBody,
  RequestAbortedError,
  toRpcHttp,
} from '../src/http/request.ts'

/** A request as Node.js has parsed it. */
function requestOf({
  method = 'GET',
  url = '/',
  version = '1.1',
  headers = { Host: 'localhost' },
}: {
  readonly method?: string
  readonly url?: string
  readonly version?: string
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[]
}): IncomingMessage {
  const message = new IncomingMessage(new Socket())
  message.method = method
  message.url = url
  message.httpVersion = version
  message.rawHeaders = (Array.isArray(headers) ? headers : Object.entries(headers)).flat() as string[]
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const name = (message.rawHeaders[i] ?? '').toLowerCase()
    message.headers[name] ??= message.rawHeaders[i + 1]
  }
  return message
}

describe('the target of a request', () => {
  test.each([
    ['/a/b', '/a/b', ''],
    ['/a?b=c?d', '/a', '?b=c?d'],
    ['/a?', '/a', '?'],
    ['', '/', ''],
    ['*', '/*', ''],
    ['http://host:80/a?b', '/a', '?b'],
    ['HTTPS://host/a', '/a', ''],
    ['http://host', '/', ''],
    ['http://host?b', '/', '?b'],
    ['/http://host/a', '/http://host/a', ''],
    ['/a%20b%C3%BC', '/a bü', ''],
    ['/a%2Fb%2f%41', '/a%2Fb%2fA', ''],
    ['/%25%zz%', '/%%zz%', ''],
    ['/%E2%82%AC%F0%9F%98%80', '/€😀', ''],
    ['/%E2%82', '/%E2%82', ''],
    ['/%C3%41', '/%C3A', ''],
    ['/%F0%9F%98', '/%F0%9F%98', ''],
    ['/%FF%ED%A0%80', '/%FF%ED%A0%80', ''],
    ['/%DF%BF%E0%A0%80%EF%BF%BD%F4%8F%BF%BF', '/\u07ff\u0800\ufffd\u{10ffff}', ''],
    ['/a?%20%C3', '/a', '?%20%C3'],
    ['/a/./b/../c', '/a/c', ''],
    ['/a/..', '/', ''],
    ['/a/.', '/a/', ''],
    ['/a/b/..', '/a/', ''],
    ['/../../a', '/a', ''],
    ['/.a/..b/c..', '/.a/..b/c..', ''],
    ['/a/%2e%2E/b', '/b', ''],
    ['/a/.../b', '/a/.../b', ''],
    ['/a//../b', '/a/b', ''],
  ])('%s is the path %s and the query %s', (target, path, search) => {
    expect(parseTarget(target)).toEqual({ path, search })
  })

  test.each(['/a#b', '/a?b#', '/ü', '/?ü', '/%00', '/a%00b', 'http://host/#'])('%s is refused', (target) => {
    expect(() => parseTarget(target)).toThrow(BadTargetError)
  })

  test.each<[string, [string, string[]][]]>([
    ['', []],
    ['?', []],
    ['?a=1&b=2', [['a', ['1']], ['b', ['2']]]],
    ['?a=1&b=2&A=3', [['A', ['1', '3']], ['b', ['2']]]],
    ['?a&b=&&=c', [['a', ['']], ['b', ['']], ['', ['c']]]],
    ['?a+b=c+d%2B%2F', [['a b', ['c d+/']]]],
    ['?a=b=c', [['a', ['b=c']]]],
    ['?a=%C3&b=%zz', [['a', ['%C3']], ['b', ['%zz']]]],
    ['?a=??', [['a', ['??']]]],
  ])('the query %s is %j', (search, values) => {
    expect([...queryOf(search)]).toEqual(values)
  }) // prettier-ignore

  test.each([
    ['/a b', '/a%20b'],
    ["/-._~!$&'()*+,;=:@/az09AZ", "/-._~!$&'()*+,;=:@/az09AZ"],
    ['/ü€😀', '/%C3%BC%E2%82%AC%F0%9F%98%80'],
    ['/%2F%2f%zz%', '/%2F%2f%25zz%25'],
    ['/"<>^`{|}[]\\?#', '/%22%3C%3E%5E%60%7B%7C%7D%5B%5D%5C%3F%23'],
    ['/\ud800', '/%EF%BF%BD'],
  ])('the path %j is shown as %s', (path, shown) => {
    expect(shownPath(path)).toBe(shown)
  })

  test.each([
    [{ path: '/a b%2F', search: '?x=%20&y=100%&z=%zz' }, '/a%20b%252F?x=%20&y=100%25&z=%25zz'],
    [{ path: '/ü/ö', search: '' }, '/%C3%BC/%C3%B6'],
    [{ path: '/\udfff', search: '?%e4' }, '/%EF%BF%BD?%e4'],
  ])('%j is forwarded as %s', (target, forwarded) => {
    expect(forwardedTarget(target)).toBe(forwarded)
  })
})

describe('headers', () => {
  test('repeated ones are joined by commas, empty ones left out, names in lower case', () => {
    const headers = headersOf(requestOf({ headers: [['X-A', '1'], ['x-a', ''], ['X-a', '2'], ['Cookie', 'a=1'], ['cookie', 'b=2'], ['Empty', '']] })) // prettier-ignore
    expect([...headers]).toEqual([['x-a', '1,2'], ['cookie', 'a=1,b=2'], ['empty', '']]) // prettier-ignore
  })

  test('values are UTF-8, a byte order mark stays', () => {
    const text = Buffer.from('\ufeffÜ€', 'utf8').toString('latin1')
    expect(headersOf(requestOf({ headers: { a: text } })).get('a')).toBe('\ufeffÜ€')
    expect(() => headersOf(requestOf({ headers: { a: 'a\xdc' } }))).toThrow(BadHeaderError)
  })

  test.each([
    [[], ''],
    [['', ''], ''],
    [[''], ''],
    [['a', '', 'b'], 'a,b'],
  ])('%j is joined to %j', (values, text) => {
    expect(joined(values)).toBe(text)
  })
})

describe('a body', () => {
  const message = (headers: Readonly<Record<string, string>> = {}): IncomingMessage => requestOf({ headers })
  const failure = (read: Promise<Buffer>): Promise<unknown> => read.then(String, (error: unknown) => error)

  test.each([
    [[], ''],
    [['one'], 'one'],
    [['one', 'two'], 'onetwo'],
    [['1234', '56'], '123456'],
  ])('in the chunks %j is %j', async (chunks, expected) => {
    const request = message()
    const read = readBody(request, 6)
    for (const chunk of chunks) request.push(Buffer.from(chunk))
    request.push(null)
    expect((await read).toString()).toBe(expected)
  })

  test('beyond the limit is refused by its Content-Length, and read on', async () => {
    const request = message({ 'content-length': '7' })
    expect(await failure(readBody(request, 6))).toBeInstanceOf(BodyTooLargeError)
    expect(request.readableFlowing).toBe(true)
    request.push(null)
    const exact = message({ 'content-length': '6' })
    const read = readBody(exact, 6)
    exact.push(null)
    expect(await read).toHaveLength(0)
  })

  test('beyond the limit is refused by its chunks, and what follows is not kept', async () => {
    const request = message()
    const read = failure(readBody(request, 6))
    for (const chunk of ['1234', '567', '8']) request.push(Buffer.from(chunk))
    expect(await read).toBeInstanceOf(BodyTooLargeError)
    expect([request.listenerCount('data'), request.readableFlowing]).toEqual([0, true])
    request.push(null)
  })

  test('that breaks off is an error of its own, whether the connection fails or just ends', async () => {
    const failing = message()
    const first = failure(readBody(failing, 6))
    failing.destroy(new Error('reset'))
    expect(await first).toBeInstanceOf(RequestAbortedError)
    const ending = message()
    const second = failure(readBody(ending, 6))
    ending.destroy()
    expect(await second).toBeInstanceOf(RequestAbortedError)
  })
})

describe('the request as the worker gets it', () => {
  test('has method, URL, headers, parameters, query and body', () => {
    const message = requestOf({ method: 'PUT', headers: { Host: 'h:1' } })
    const target = parseTarget('/a%20b?q=1&q=&Q=2')
    const headers = new Map([['x', '1']])
    expect(toRpcHttp({ message, target, headers, params: new Map([['id', '7']]) }, Buffer.from('b'))).toEqual(
      {
        method: 'PUT',
        url: 'http://h:1/a%20b?q=1&q=&Q=2',
        nullableHeaders: { x: { value: '1' } },
        nullableParams: { id: { value: '7' } },
        nullableQuery: { Q: { value: '1,2' } },
        body: { bytes: Buffer.from('b') },
      },
    )
  })

  test('has no body where none came', () => {
    const message = requestOf({ headers: {} })
    const rpc = toRpcHttp(
      { message, target: parseTarget('/'), headers: new Map(), params: new Map() },
      Buffer.alloc(0),
    )
    expect([rpc.body, rpc.url]).toEqual([null, 'http:///'])
  })
})

// https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits
describe('the limits of the request line and the headers', () => {
  const lineOf = (bytes: number): string => `/${'a'.repeat(bytes - 'GET / HTTP/1.1\r\n'.length)}`
  const many = (count: number): [string, string][] => Array.from({ length: count }, (_, i) => [`x-${i}`, '1'])
  // "Host: h\r\n", "X: …\r\n" and "\r\n".
  const headersOfBytes = (bytes: number): Record<string, string> => ({
    Host: 'h',
    X: 'a'.repeat(bytes - 9 - 5 - 2),
  })

  test.each<[string, Parameters<typeof requestOf>[0], number | undefined]>([
    ['nothing special', {}, undefined],
    ['a line of 8192 bytes', { url: lineOf(8192) }, undefined],
    ['a line of 8193 bytes', { url: lineOf(8193) }, 414],
    ['HTTP/0.9', { version: '0.9' }, 400],
    ['HTTP/1.0', { version: '1.0', headers: {} }, undefined],
    ['HTTP/1.2', { version: '1.2' }, 505],
    ['HTTP/2.0', { version: '2.0' }, 505],
    ['OPTIONS *', { method: 'OPTIONS', url: '*' }, undefined],
    ['GET *', { url: '*' }, 405],
    ['GET /*', { url: '/*' }, undefined],
    ['100 headers', { headers: [['Host', 'h'], ...many(99)] }, undefined],
    ['101 headers', { headers: [['Host', 'h'], ...many(100)] }, 431],
    ['32,768 bytes of headers', { headers: headersOfBytes(32_768) }, undefined],
    ['32,769 bytes of headers', { headers: headersOfBytes(32_769) }, 431],
    ['no host', { headers: {} }, 400],
    ['two hosts', { headers: [['Host', 'a'], ['HOST', 'a']] }, 400],
    ['a value that is host', { headers: [['Host', 'a'], ['x', 'host']] }, undefined],
    ['an empty host', { headers: { Host: '' } }, undefined],
    ['a host with a port', { headers: { Host: 'a:80' } }, undefined],
    ['an IPv6 host', { headers: { Host: '[::1]:80' } }, undefined],
    ['a host with a path', { headers: { Host: 'a/b' } }, 400],
    ['a host with a query', { headers: { Host: 'a?b' } }, 400],
    ['a host with a fragment', { headers: { Host: 'a#b' } }, 400],
    ['a host with a user', { headers: { Host: 'u@a' } }, 400],
    ['a host with a backslash', { headers: { Host: 'a\\b' } }, 400],
    ['a host with a space', { headers: { Host: 'a b' } }, 400],
    ['a host that is not ASCII', { headers: { Host: 'ü' } }, 400],
    ['a host with a port that is none', { headers: { Host: 'a:b' } }, 400],
  ])('%s: %3$p', (_what, request, status) => {
    expect(refusalOf(requestOf(request))?.status).toBe(status)
  }) // prettier-ignore

  test('405 says what is allowed', () => {
    expect(refusalOf(requestOf({ url: '*' }))?.headers).toEqual({ Allow: 'OPTIONS' })
  })

  test.each<[string, string | undefined, string | undefined, number]>([
    ['a line beyond 8192 bytes', 'HPE_HEADER_OVERFLOW', `GET /${'a'.repeat(9000)} HTTP/1.1\r\n`, 414],
    ['a line without an end', 'HPE_HEADER_OVERFLOW', `GET /${'a'.repeat(100)}`, 414],
    ['a line of 8193 bytes', 'HPE_HEADER_OVERFLOW', `GET /${'a'.repeat(8187)}\n`, 414],
    ['a line of 8192 bytes', 'HPE_HEADER_OVERFLOW', `GET /${'a'.repeat(8186)}\n`, 431],
    ['long headers', 'HPE_HEADER_OVERFLOW', `GET / HTTP/1.1\r\nX: ${'a'.repeat(99_999)}`, 431],
    ['long headers in a later packet', 'HPE_HEADER_OVERFLOW', 'aaaa', 431],
    ['a later packet with a method in it', 'HPE_HEADER_OVERFLOW', 'a GET ', 431],
    ['no packet', 'HPE_HEADER_OVERFLOW', undefined, 431],
    ['a version that there is not', 'HPE_INVALID_VERSION', 'GET / HTTP/3.1\r\n', 505],
    ['a version in lower case', 'HPE_INVALID_CONSTANT', 'GET / http/1.1\r\n', 505],
    ['something after the version', 'HPE_INVALID_VERSION', 'GET / HTTP/3.1 x\r\n', 400],
    ['something before the method', 'HPE_INVALID_VERSION', ' GET / HTTP/3.1\r\n', 400],
    ['HTTP/1.1 with something else wrong', 'HPE_INVALID_CONSTANT', 'GET / HTTP/1.1\r\n', 400],
    ['HTTP/1.0 with something else wrong', 'HPE_INVALID_CONSTANT', 'GET / HTTP/1.0\r\n', 400],
    ['no version', 'HPE_INVALID_VERSION', 'GET /\r\n', 400],
    ['an unknown method', 'HPE_INVALID_METHOD', 'X-OWN /a HTTP/1.1\r\nHost: x\r\n', 404],
    ['an unknown method of one letter', 'HPE_INVALID_METHOD', 'X / HTTP/1.0\r\n', 404],
    ['a known method', 'HPE_INVALID_METHOD', 'GET / HTTP/1.1\r\n', 400],
    ['an unknown method of a version that there is not', 'HPE_INVALID_METHOD', 'X / HTTP/2.0\r\n', 400],
    ['a method that is no token', 'HPE_INVALID_METHOD', 'X(Y /a HTTP/1.1\r\n', 400],
    ['a target that is no path', 'HPE_INVALID_METHOD', 'X a HTTP/1.1\r\n', 400],
    ['anything else', 'HPE_INVALID_URL', 'GET / HTTP/3.1\r\n', 400],
    ['an error without a code', undefined, 'GET / HTTP/1.1\r\n', 400],
  ])('%s: %s is %4$i', (_what, code, packet, status) => {
    const error = Object.assign(new Error('parse error'), {
      ...(code === undefined ? {} : { code }),
      ...(packet === undefined ? {} : { rawPacket: Buffer.from(packet) }),
    })
    expect(statusOfParseError(error)).toBe(status)
  })
})

describe('who may ask', () => {
  test.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.255.1.20', '::1', '[::1]'])(
    '%s is this machine',
    (name) => {
      expect(isLoopback(name)).toBe(true)
    },
  )

  test.each(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'a127.0.0.1', 'localhost.', 'xlocalhost', '127.0.0.x', '127x0.0.1', '127.0x0.1', '127.0.0x1', '127..0.1'])(
    '%s is not this machine alone',
    (name) => {
      expect(isLoopback(name)).toBe(false)
    },
  ) // prettier-ignore

  test.each(['localhost', 'LOCALHOST:7071', 'localhost.:7071', 'localhost:', '127.0.0.1:80', '[::1]:7071', 'app.localhost', 'App.LocalHost:1', 'my-machine', 'my-machine:80', 'my-machine.', ''])(
    'a request for %j is for this machine',
    (name) => {
      expect(isLocalName(name)).toBe(true)
    },
  ) // prettier-ignore

  test.each(['evil.example', 'evil.example:7071', 'evil.example.', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1', '[2001:db8::1]', 'applocalhost.x', 'a:b:c', 'a]', '80:a'])(
    'a request for %j is not',
    (name) => {
      expect(isLocalName(name)).toBe(false)
    },
  ) // prettier-ignore

  test.each<[Record<string, string>, boolean]>([
    [{}, false],
    [{ 'sec-fetch-site': 'same-origin' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ 'sec-fetch-site': 'same-site' }, true],
    [{ 'sec-fetch-site': 'cross-site' }, true],
    [{ origin: 'http://h:1', host: 'h:1' }, false],
    [{ origin: 'HTTP://H:1', host: 'h:1' }, false],
    [{ origin: 'https://h:1', host: 'h:1' }, true],
    [{ origin: 'http://h:2', host: 'h:1' }, true],
    [{ origin: 'null', host: 'h:1' }, true],
    [{ origin: 'http://h' }, true],
    [{ origin: 'http://' }, false],
    [{ origin: 'http://h:1', host: 'h:1', 'sec-fetch-site': 'cross-site' }, true],
  ])('a request with %j is of a foreign page: %p', (headers, foreign) => {
    expect(isForeign(requestOf({ headers }))).toBe(foreign)
  })
})
