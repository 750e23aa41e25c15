import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { quantile } from './pairs.ts'

/** One request as bytes on the wire: the same for all calls, or made for each. */
export type RequestBytes = Buffer | (() => Buffer)

/** The result of a number of calls. */
export interface LoadResult {
  readonly callsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** The calls of one run, or of several. */
export interface Calls {
  readonly seconds: number
  /** Milliseconds of each call. */
  readonly latencies: readonly number[]
}

/** Merges several runs. */
export function loadResult(runs: readonly Calls[]): LoadResult {
  const latencies = runs.flatMap((run) => run.latencies).sort((a, b) => a - b)
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0)
  return {
    callsPerSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  }
}

/** A response is not the expected one. */
export class UnexpectedResponseError extends Error {
  override readonly name = 'UnexpectedResponseError'
}

/** The bytes of a request to 127.0.0.1. */
export function requestBytes(method: 'GET' | 'POST', path: string, body = ''): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    ...(method === 'POST'
      ? ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]
      : []),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Keep-alive connections, each of which makes one call after the other. */
export interface HttpLoad {
  /**
   * Makes this number of calls, as many at a time as there are connections.
   *
   * A client of our own and not a load generator: on a machine of two cores whatever the client takes is taken from what
   * is measured, and two targets have to take turns within one run.
   *
   * @throws UnexpectedResponseError when a response is not 2xx
   */
  run(calls: number, request: RequestBytes): Promise<Calls>
  close(): void
}

/** Opens `concurrency` connections. */
export async function openHttpLoad(port: number, concurrency: number): Promise<HttpLoad> {
  const connections = await Promise.all(Array.from({ length: concurrency }, () => openConnection(port)))
  return {
    async run(calls, request) {
      const latencies: number[] = []
      let left = calls
      const begun = performance.now()
      await Promise.all(
        connections.map(async (connection) => {
          while (left > 0) {
            left--
            const sent = performance.now()
            await connection.call(typeof request === 'function' ? request() : request)
            latencies.push(performance.now() - sent)
          }
        }),
      )
      return { seconds: (performance.now() - begun) / 1000, latencies }
    },
    close() {
      for (const connection of connections) connection.close()
    },
  }
}

interface Connection {
  call(request: Buffer): Promise<void>
  close(): void
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** Where a response ends, whose body begins at `begin`; undefined when there is more to come. */
function responseEnd(received: Buffer, begin: number, head: string): number | undefined {
  if (/^transfer-encoding: *chunked/im.test(head)) return chunkedEnd(received, begin)
  // func-local sends every other response with its length; 204 has no body.
  const end = begin + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  return received.length < end ? undefined : end
}

/** RFC 9112 §7.1: each chunk behind its length in hexadecimal digits, an empty one last. No trailers: func-local sends none. */
function chunkedEnd(received: Buffer, begin: number): number | undefined {
  for (let at = begin; ;) {
    const line = received.indexOf('\r\n', at)
    if (line < 0) return undefined
    const length = Number.parseInt(received.toString('latin1', at, line), 16)
    at = line + 2 + length + 2
    if (received.length < at) return undefined
    if (length === 0) return at
  }
}

async function openConnection(port: number): Promise<Connection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  let pending: { resolve: () => void; reject: (error: Error) => void } | undefined
  let received: Buffer = Buffer.alloc(0)

  const settle = (error?: Error) => {
    const waiting = pending
    pending = undefined
    if (error === undefined) waiting?.resolve()
    else waiting?.reject(error)
  }
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const end = received.indexOf(HEAD_END)
    if (end < 0) return
    const head = received.toString('latin1', 0, end)
    const total = responseEnd(received, end + HEAD_END.length, head)
    if (total === undefined) return
    received = received.subarray(total)
    settle(head.startsWith('HTTP/1.1 2') ? undefined : new UnexpectedResponseError(head))
  })
  socket.on('error', settle)
  socket.on('close', () => {
    settle(new UnexpectedResponseError('The connection was closed.'))
  })
  return {
    call: (request) =>
      new Promise((resolve, reject) => {
        pending = { resolve, reject }
        socket.write(request)
      }),
    close() {
      socket.destroy()
    },
  }
}
