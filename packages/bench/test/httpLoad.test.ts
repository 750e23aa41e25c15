import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { openHttpLoad, requestBytes, UnexpectedResponseError } from '../src/httpLoad.ts'

/** A server that responds to each request with these bytes, one part after the other, each in a turn of its own. */
async function serverOf(responses: readonly (readonly string[])[]) {
  let served = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', () => {
      const parts = [...(responses[served++ % responses.length] ?? [])]
      const send = () => {
        const part = parts.shift()
        if (part === undefined) return
        socket.write(part)
        setImmediate(send)
      }
      send()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    served: () => served,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

async function callsOf(responses: readonly (readonly string[])[], calls: number): Promise<number> {
  const server = await serverOf(responses)
  const load = await openHttpLoad(server.port, 1)
  try {
    const { latencies } = await load.run(calls, requestBytes('GET', '/'))
    expect(server.served()).toBe(calls)
    return latencies.length
  } finally {
    load.close()
    server.close()
  }
}

const LENGTH = ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n', '\r\nhe', 'llo']
const CHUNKED = [
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb',
  '\r\nhello\r\n0\r\n\r',
  '\n',
  '\r\n0',
  '\r\n\r\n',
]
const EMPTY = ['HTTP/1.1 204 No Content\r\n\r\n']

test.each([
  ['with its length', LENGTH],
  ['in chunks, wherever the packets are cut', CHUNKED],
  ['without a body', EMPTY],
])('a response %s is read to its end', async (_, parts) => {
  expect(await callsOf([parts, LENGTH], 6)).toBe(6)
})

test('a response that is not 2xx ends the run', async () => {
  const failing = callsOf([['HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n']], 1)
  await expect(failing).rejects.toThrow(UnexpectedResponseError)
})
