import { describe, expect, test } from '@jest/globals'
import { createServer, type RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { connectedPair, createLoopback } from '../src/http/loopback.ts'

describe('a connection in memory', () => {
  test('what is written to one end is read from the other, to the end, at the pace of the reader', async () => {
    const [left, right] = connectedPair()
    const large = Buffer.alloc(1_000_000, 'x')
    let written = false
    left.write(large, () => (written = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(written).toBe(false)
    const read = buffer(right)
    left.end('end')
    expect((await read).toString()).toBe(`${large.toString()}end`)
    expect(written).toBe(true)
  })

  test('an end that is destroyed ends the other, and takes what is written to it', async () => {
    const [left, right] = connectedPair()
    left.destroy()
    expect(await buffer(right)).toHaveLength(0)
    await new Promise<void>((resolve) =>
      right.write('x', () => {
        resolve()
      }),
    )
  })
})

describe('a request in memory', () => {
  async function send(listener: RequestListener, body = ''): ReturnType<ReturnType<typeof createLoopback>> {
    const server = createServer(listener)
    const sender = createLoopback('localhost:7071', () => {
      const [client, end] = connectedPair()
      server.emit('connection', end)
      return client
    })
    return await sender(
      { method: 'POST', path: '/x?a=1', headers: { 'x-own': '1' }, body: Buffer.from(body) },
      {},
    )
  }

  test('arrives as from any client, and the response comes back whole', async () => {
    const response = await send((request, answer) => {
      void buffer(request).then((body) => {
        answer.setHeader('vary', ['x', 'y'])
        answer.writeHead(201, { 'set-cookie': ['a=1', 'b=2'] })
        answer.end(
          `${request.method ?? ''} ${request.url ?? ''} ${request.headers.host ?? ''} ${String(request.headers['x-own'])} ${body.toString()}`,
        )
      })
    }, 'hello')
    expect(response).toMatchObject({ status: 201, headers: { 'set-cookie': 'a=1\nb=2', vary: 'x,y' } })
    expect(response.headers).not.toHaveProperty('connection')
    expect(response.body.toString()).toBe('POST /x?a=1 localhost:7071 1 hello')
  })

  test('fails when the server ends the connection', async () => {
    await expect(
      send((request) => {
        request.socket.destroy()
      }),
    ).rejects.toThrow(/socket hang up/)
  })
})
