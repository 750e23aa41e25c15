import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import {
  createServer,
  request as openRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { ReadableStream } from 'node:stream/web'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from './harness/fake-storage.ts'
import { watchStreamResponses, type StreamResponses } from '../src/worker/stream-responses.ts'

// As the library does it: https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/http/httpProxy.ts
describe('the responses that the library streams', () => {
  let watched: StreamResponses
  let server: Server
  const arrived: { request: IncomingMessage; response: ServerResponse }[] = []
  const values = Object.getOwnPropertyDescriptor(ReadableStream.prototype, 'values')

  beforeAll(async () => {
    watched = watchStreamResponses()
    server = createServer((request, response) => {
      arrived.push({ request, response })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(() => {
    if (values !== undefined) Object.defineProperty(ReadableStream.prototype, 'values', values)
    server.closeAllConnections()
    server.close()
  })

  let serial = 0
  /** A request of the host for an invocation; gives what the library sees of it, and what the host gets. */
  async function call(
    id: string | undefined = `i-${serial++}`,
  ): Promise<{ id: string; response: ServerResponse; reply: Promise<IncomingMessage>; end: () => void }> {
    const { port } = server.address() as AddressInfo
    const outgoing = openRequest({
      host: '127.0.0.1',
      port,
      agent: false,
      headers: id === '' ? {} : { 'x-ms-invocation-id': id },
    })
    outgoing.on('error', () => undefined)
    outgoing.end()
    const key = id === '' ? undefined : id
    const mine = (): (typeof arrived)[number] | undefined =>
      arrived.find(({ request }) => request.headers['x-ms-invocation-id'] === key)
    let last = mine()
    for (; last === undefined; last = mine()) await sleep(1)
    const reply = once(outgoing, 'response').then(([response]) => response as IncomingMessage)
    reply.catch(() => undefined)
    return { id, response: last.response, reply, end: () => outgoing.destroy() }
  }
  /** Writes a body as the library does, without waiting for the reader. */
  const write = async (response: ServerResponse, body: ReadableStream): Promise<void> => {
    for await (const chunk of body.values()) response.write(chunk)
    response.end()
  }

  test('may take any time', async () => {
    const { id } = await call()
    expect(server.requestTimeout).toBe(0)
    expect(server.keepAliveTimeout).toBe(0)
    watched.settle(id)
  })

  test('are known by the invocation, until it is settled', async () => {
    const { id, response } = await call()
    expect(watched.settle(id)).toBe(false)
    const { id: other, response: sent, reply } = await call()
    sent.end('x')
    await reply
    expect(watched.settle(other)).toBe(true)
    expect(watched.settle(other)).toBe(false)
    response.end()
  })

  test('another request than the host’s is not one', async () => {
    const { response } = await call('')
    expect(watched.settle('')).toBe(false)
    response.end()
  })

  test('begin one after the other, each in a turn of its own; any other invocation begins at once', async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await call()).id))
    const steps: string[] = []
    for (const [index, id] of ids.entries()) void watched.turn(id).then(() => steps.push(`turn ${index}`))
    void watched.turn('unknown').then(() => steps.push('unknown'))
    await Promise.resolve()
    await Promise.resolve()
    expect(steps).toEqual(['unknown'])
    for (const count of [1, 2, 3]) {
      await new Promise((resolve) => setImmediate(resolve))
      expect(steps.slice(1)).toEqual([0, 1, 2].slice(0, count).map((index) => `turn ${index}`))
    }
    // A turn after all are through begins anew.
    await watched.turn(ids[0] ?? '')
    for (const id of ids) watched.settle(id)
  })

  test('arrive whole, and give what was sent', async () => {
    const { id, response, reply } = await call()
    const body = new ReadableStream({
      start: (controller) => {
        for (const text of ['a', 'b', 'c']) controller.enqueue(Buffer.from(text))
        controller.close()
      },
    })
    const sending = watched.sending(id, async () => {
      await write(response, body)
      return 'sent'
    })
    let text = ''
    for await (const chunk of await reply) text += String(chunk)
    expect(text).toBe('abc')
    expect(await sending).toBe('sent')
    watched.settle(id)
  })

  test('of an unknown invocation are sent as they are', async () => {
    expect(await watched.sending('unknown', () => Promise.resolve(1))).toBe(1)
  })

  test('a stream outside of a response is left as it is', async () => {
    const body = new ReadableStream({ start: (controller) => { controller.enqueue(1); controller.close() } }) // prettier-ignore
    const found: unknown[] = []
    for await (const chunk of body) found.push(chunk)
    expect(found).toEqual([1])
  })

  test('hold their source back while the reader is behind', async () => {
    const { id, response, reply, end } = await call()
    let pulled = 0
    const body = new ReadableStream({
      pull: (controller) => {
        pulled += 1
        controller.enqueue(Buffer.alloc(1 << 16))
      },
    })
    const sending = watched.sending(id, () => write(response, body))
    const incoming = await reply
    // Nobody reads: what was pulled comes to an end.
    let before = -1
    while (before !== pulled && pulled < 1000) {
      before = pulled
      await sleep(150)
    }
    expect(pulled).toBeLessThan(1000)
    incoming.on('data', () => undefined)
    await until(() => pulled > before)
    end()
    await sending
    watched.settle(id)
  })

  test('tell their source when nobody reads any more, and do not wait for it', async () => {
    const { id, response, reply, end } = await call()
    let cancelled = false
    let goOn: () => void = () => undefined
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from('a'))
      },
      // Nothing comes for a long time.
      pull: (controller) =>
        new Promise((resolve) => {
          goOn = () => {
            controller.enqueue(Buffer.from('b'))
            resolve()
          }
        }),
      cancel: () => {
        cancelled = true
      },
    })
    const sending = watched.sending(id, () => write(response, body))
    await reply
    end()
    await sending
    goOn()
    await until(() => cancelled)
    watched.settle(id)
    expect(response.listenerCount('close')).toBeLessThan(3)
  })

  test('an error of the source is thrown', async () => {
    const { id, response } = await call()
    const body = new ReadableStream({ pull: () => Promise.reject(new Error('no')) })
    await expect(watched.sending(id, () => write(response, body))).rejects.toThrow('no')
    response.end()
    watched.settle(id)
  })

  test('a request from another machine is cut off', async () => {
    const sockets: string[] = []
    const { channel } = await import('node:diagnostics_channel')
    for (const remoteAddress of [
      '10.0.0.1',
      '::ffff:10.0.0.1',
      undefined,
      '127.0.0.1',
      '127.8.8.8',
      '::1',
      '::ffff:127.0.0.1',
    ])
      channel('http.server.request.start').publish({
        request: {
          headers: { 'x-ms-invocation-id': `far ${String(remoteAddress)}` },
          socket: { remoteAddress, destroy: () => sockets.push(String(remoteAddress)) },
        },
        response: { headersSent: true },
        server: {},
      })
    expect(sockets).toEqual(['10.0.0.1', '::ffff:10.0.0.1', 'undefined'])
    expect(watched.settle('far 10.0.0.1')).toBe(false)
    expect(watched.settle('far 127.8.8.8')).toBe(true)
  })
})
