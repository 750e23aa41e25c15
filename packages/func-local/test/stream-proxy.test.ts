import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { NamedBinding } from '../src/host/function.ts'
import type { InvocationOutcome, TriggerEvent } from '../src/registry.ts'
import { exchange, rawRequest, type WireResponse } from './harness/exchange.ts'
import { fakeTimeouts } from './harness/fake-timers.ts'
import { serve, type ServedFunction, type TestServer } from './harness/http-server.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-reference-node#http-streams
// The worker of these tests is an HTTP server, as the library's is; the test says what it responds.

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

describe('a call that is streamed through the worker', () => {
  let server: TestServer
  let worker: Server
  let events: TriggerEvent[]
  afterEach(async () => {
    jest.useRealTimers()
    worker.closeAllConnections()
    await new Promise((resolve) => worker.close(resolve))
    await server.close()
  })

  const responded: InvocationOutcome = { ok: true, response: { invocationId: '', httpResponded: true } }
  const failed: InvocationOutcome = { ok: false, error: { message: 'thrown' } }
  const queue = { name: 'out', type: 'queue', direction: 'out' as const }

  const start = async (
    handler: Handler,
    {
      outcome = () => Promise.resolve(responded),
      outputs = [],
      settings = {},
    }: {
      outcome?: (event: TriggerEvent) => Promise<InvocationOutcome>
      outputs?: readonly NamedBinding[]
      settings?: Record<string, string>
    } = {},
  ): Promise<void> => {
    events = []
    worker = createServer((request, response) => void handler(request, response))
    await new Promise<void>((resolve) => worker.listen(0, '127.0.0.1', resolve))
    const { port } = worker.address() as AddressInfo
    const run = (event: TriggerEvent): Promise<InvocationOutcome> => {
      events.push(event)
      return outcome(event)
    }
    const fn: ServedFunction = { name: 'fn', trigger: { route: 'fn/{*rest}' }, outputs, run }
    const capabilities = { HttpUri: `http://localhost:${port}` }
    server = await serve({ functions: [fn], capabilities, settings })
  }
  const send = (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
  ): Promise<WireResponse> => rawRequest(server.port, method, `/api/fn/${path}`, headers, body)
  /** Opens a request whose body the test sends; resolves with the head of its response. */
  const open = (head: string): Socket => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`${head}\r\nHost: x\r\n`)
    return socket
  }

  test('is forwarded with its method, target and headers, and those of the proxy', async () => {
    let seen: IncomingMessage | undefined
    await start((request, response) => {
      seen = request
      response.end()
    })
    const headers = {
      'X-Mine': 'm', 'X-Utf8': 'Ü', 'Keep-Alive': 'timeout=1', TE: 'trailers', Upgrade: 'x', 'x-forwarded-host': 'forged',
    } // prettier-ignore
    await send('PATCH', 'a%20b%2Fc?x=1&y=%', headers)
    expect([seen?.method, seen?.url]).toEqual(['PATCH', '/api/fn/a%20b%252Fc?x=1&y=%25'])
    const host = `127.0.0.1:${server.port}`
    expect(seen?.headers).toEqual({
      connection: 'keep-alive',
      'content-length': '0',
      host,
      'x-mine': 'm',
      'x-utf8': Buffer.from('Ü').toString('latin1'),
      'x-forwarded-host': host,
      'x-forwarded-proto': 'http',
      'x-ms-invocation-id': events[0]?.invocationId,
    })
    expect(events[0]?.invocationId).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('returns status, headers and body of the worker, but not what belongs to its connection', async () => {
    await start((_request, response) => {
      const id = ['X-Ms-Invocation-Id', 'own', 'Date', 'x', 'Keep-Alive', 'timeout=5']
      response.writeHead(201, [...id, 'Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'X-Own', 'yes', 'X-Latin1', '\xfc', 'Content-Length', '4'])
      response.end(Buffer.from('body'))
    })
    const response = await send('GET', '')
    expect([response.status, response.body.toString(), response.framing]).toEqual([201, 'body', 'length 4'])
    const names = response.headers.map(([name, value]) => (name === 'date' ? name : `${name}: ${value}`))
    expect(names).toEqual(['set-cookie: a=1', 'set-cookie: b=2', 'x-own: yes', 'x-latin1: \xfc', 'content-length: 4', 'date', 'connection: close'])
    expect(response.headers).not.toContainEqual(['date', 'x'])
  }) // prettier-ignore

  test.each(['GET', 'DELETE', 'POST'])('has a chunked body of %s as it comes', async (method) => {
    await start(async (request, response) => {
      response.end(`${request.headers['transfer-encoding'] ?? ''} ${await text(request)}`)
    })
    const head = `${method} /api/fn HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`
    const parts = [head, '3\r\none\r\n', '3\r\ntwo\r\n', '0\r\n\r\n'].map((part) => Buffer.from(part))
    const { responses } = await exchange(server.port, parts)
    expect(responses.map(({ body }) => body.toString())).toEqual(['chunked onetwo'])
  })

  test('begins with the head of the request, before its body', async () => {
    let begun = (): void => undefined
    const seen = new Promise<void>((resolve) => (begun = resolve))
    await start(async (request, response) => {
      begun()
      response.end(await text(request))
    })
    const client = open('POST /api/fn HTTP/1.1\r\nConnection: close\r\nContent-Length: 4')
    client.write('\r\n')
    await seen
    client.write('body')
    expect(await text(client)).toMatch(/\r\n\r\n.*body/s)
  })

  test('has a body that the host has read where a binding may need it', async () => {
    await start(async (request, response) => {
      response.end(`${request.headers['content-length'] ?? ''} ${await text(request)}`)
    })
    const response = await send(
      'POST',
      '',
      { 'content-type': 'application/json' },
      '{"id":"a","n":1,"ok":true,"o":{}}',
    )
    expect(response.body.toString()).toBe('33 {"id":"a","n":1,"ok":true,"o":{}}')
    expect(events[0]?.metadata).toMatchObject({
      id: { string: 'a' },
      n: { string: '1' },
      ok: { string: 'True' },
    })
    expect(events[0]?.metadata).not.toHaveProperty('o')
  })

  describe('the body limit', () => {
    const settings = { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '10' }
    const echo: Handler = async (request, response) => {
      response.end(await text(request).catch(() => ''))
    }
    const chunked = (...chunks: readonly string[]): Buffer[] =>
      [
        'POST /api/fn HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
        ...chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`),
        '0\r\n\r\n',
      ].map((part) => Buffer.from(part))

    test('holds for a body whose length is declared, before the function runs', async () => {
      await start(echo, { settings })
      expect((await send('POST', '', {}, 'x'.repeat(10))).body.toString()).toBe('x'.repeat(10))
      expect(events).toHaveLength(1)
      expect((await send('POST', '', {}, 'x'.repeat(11))).status).toBe(413)
      expect(events).toHaveLength(1)
    })

    test('holds for a body that is streamed in chunks', async () => {
      await start(echo, { settings })
      const within = await exchange(server.port, chunked('12345', '67890'))
      expect(within.responses[0]?.body.toString()).toBe('1234567890')
      for (const chunks of [['12345678901'], ['12345', '67890', '1']]) {
        const { responses } = await exchange(server.port, chunked(...chunks))
        expect(responses.map(({ status }) => status)).toEqual([413])
      }
    })
  })

  test('is 500 when the handler throws, and 204 when it returns nothing', async () => {
    let outcome: InvocationOutcome = failed
    await start(() => undefined, { outcome: () => Promise.resolve(outcome) })
    expect((await send('GET', '')).status).toBe(500)
    outcome = { ok: true, response: { invocationId: '' } }
    expect((await send('GET', '')).status).toBe(204)
    outcome = { ok: true, response: { invocationId: '', httpResponded: false } }
    expect((await send('GET', '')).status).toBe(204)
  })

  test('waits for a response that comes after the invocation has ended', async () => {
    await start((_request, response) => {
      setImmediate(() => setImmediate(() => response.end('late')))
    })
    expect((await send('GET', '')).body.toString()).toBe('late')
  })

  test('is answered when the worker cannot be reached', async () => {
    await start((request) => {
      request.socket.destroy()
    })
    expect((await send('GET', '')).status).toBe(204)
  })

  test('a response without outputs is passed on at once, whatever becomes of the invocation', async () => {
    let end: (outcome: InvocationOutcome) => void = () => undefined
    await start((_request, response) => void response.end('whole'), {
      outcome: () => new Promise((resolve) => (end = resolve)),
    })
    expect((await send('GET', '')).body.toString()).toBe('whole')
    end(failed)
  })

  describe('with outputs', () => {
    test('a small response waits until they are written', async () => {
      let end: (outcome: InvocationOutcome) => void = () => undefined
      let sent = (): void => undefined
      const wasSent = new Promise<void>((resolve) => (sent = resolve))
      await start(
        (_request, response) => {
          response.end('small', sent)
        },
        { outputs: [queue], outcome: () => new Promise((resolve) => (end = resolve)) },
      )
      let status: number | undefined
      const response = send('GET', '').then((answer) => {
        status = answer.status
        return answer
      })
      await wasSent
      for (let i = 0; i < 20; i++) await new Promise(setImmediate)
      expect(status).toBeUndefined()
      end(responded)
      expect((await response).body.toString()).toBe('small')
    })

    test('a small response is 500 when one could not be written', async () => {
      await start((_request, response) => void response.end('small'), {
        outputs: [queue],
        outcome: () => new Promise((resolve) => setImmediate(() => setTimeout(() => { resolve(failed) }, 5))),
      }) // prettier-ignore
      const response = await send('GET', '')
      expect([response.status, response.body.length]).toEqual([500, 0])
    })

    test.each([
      ['a response of a mebibyte', 'application/octet-stream', 1 << 20, [queue]],
      ['a stream of events', 'text/event-stream; charset=utf-8', 5, [queue]],
      ['any response of a function without them', '', 5, []],
    ])('%s is passed on before they are written', async (_what, type, size, outputs) => {
      // So that only its size or its type lets it pass, not the time that it takes.
      fakeTimeouts()
      let end: (outcome: InvocationOutcome) => void = () => undefined
      await start(
        (_request, response) => {
          if (type !== '') response.setHeader('content-type', type)
          response.write('x'.repeat(size))
        },
        { outputs, outcome: () => new Promise((resolve) => (end = resolve)) },
      )
      const client = open('GET /api/fn HTTP/1.1')
      client.write('\r\n')
      await once(client, 'data')
      client.destroy()
      end(responded)
    })

    test('a response that takes more than a second is passed on', async () => {
      fakeTimeouts()
      let end: (outcome: InvocationOutcome) => void = () => undefined
      await start(
        (_request, response) => {
          response.write('some')
        },
        { outputs: [queue], outcome: () => new Promise((resolve) => (end = resolve)) },
      )
      const client = open('GET /api/fn HTTP/1.1')
      client.write('\r\n')
      let received = ''
      client.on('data', (data: Buffer) => (received += data.toString()))
      while (jest.getTimerCount() === 0) await new Promise(setImmediate)
      jest.advanceTimersByTime(999)
      for (let i = 0; i < 20; i++) await new Promise(setImmediate)
      expect(received).toBe('')
      jest.advanceTimersByTime(1)
      while (!received.includes('some')) await new Promise(setImmediate)
      expect(jest.getTimerCount()).toBe(0)
      client.destroy()
      end(responded)
    })
  })

  test('a client that goes away ends the transfer, not the function', async () => {
    let gone = (): void => undefined
    const wasGone = new Promise<void>((resolve) => (gone = resolve))
    let end: (outcome: InvocationOutcome) => void = () => undefined
    let begun = (): void => undefined
    const hasBegun = new Promise<void>((resolve) => (begun = resolve))
    await start(
      (request) => {
        request.socket.once('close', gone)
        begun()
      },
      { outcome: () => new Promise((resolve) => (end = resolve)) },
    )
    const client = open('GET /api/fn HTTP/1.1')
    client.write('\r\n')
    await hasBegun
    client.destroy()
    await wasGone
    end(failed)
  })

  test('a client that goes away before the worker has the request still lets it arrive', async () => {
    let arrived = (): void => undefined
    const hasArrived = new Promise<void>((resolve) => (arrived = resolve))
    const clients: Socket[] = []
    await start(
      () => {
        arrived()
      },
      {
        outcome: () => {
          for (const client of clients) client.destroy()
          return hasArrived.then(() => failed)
        },
      },
    )
    const client = open('GET /api/fn HTTP/1.1')
    clients.push(client)
    client.write('\r\n')
    await hasArrived
  })

  test('what the worker did not read does not keep the client from reading its response', async () => {
    await start((_request, response) => {
      response.writeHead(422).end('unread')
    })
    const response = await send('POST', '', {}, 'x'.repeat(3 << 20))
    expect([response.status, response.body.toString()]).toEqual([422, 'unread'])
  })
})
