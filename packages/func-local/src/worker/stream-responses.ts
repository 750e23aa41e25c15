import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { ReadableStream } from 'node:stream/web'

interface RequestStart {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly server: Server
}

type Values = typeof ReadableStream.prototype.values

const INVOCATION_ID = 'x-ms-invocation-id'
const LOOPBACK = /^(?:::1|(?:::ffff:)?127\.)/

/** Watches over the responses that the library streams through its own HTTP server. */
export interface StreamResponses {
  /** Waits until the handler of a streamed request may begin; resolves at once for any other. */
  readonly turn: (invocationId: string) => Promise<void>
  /** Sends the library's response to an invocation, at the speed at which the host reads it. */
  readonly sending: <T>(invocationId: string, send: () => Promise<T>) => Promise<T>
  /** Whether the invocation's request has a response; forgets the invocation. */
  readonly settle: (invocationId: string) => boolean
}

/**
 * The library opens a server for streaming with Node's defaults, and writes a body without waiting for the reader:
 * https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/http/httpProxy.ts
 *
 * This lets its requests take any time, keeps it to this machine, and holds a body's source back while the reader is
 * behind, so that memory stays flat. And it lets handlers begin one after the other, each in a turn of the event loop of
 * its own: a turn accepts only one connection (https://github.com/libuv/libuv/pull/3696), and when the handlers of all
 * connections that are open ran in it, requests on new ones would wait until there are no others.
 */
export function watchStreamResponses(): StreamResponses {
  const responses = new Map<string, ServerResponse>()
  const current = new AsyncLocalStorage<ServerResponse>()
  const nextTurn = createTurns()

  // https://nodejs.org/api/diagnostics_channel.html#http
  subscribe('http.server.request.start', (message) => {
    const { request, response, server } = message as RequestStart
    const id = request.headers[INVOCATION_ID]
    if (typeof id !== 'string') return
    if (!LOOPBACK.test(request.socket.remoteAddress ?? '')) {
      request.socket.destroy()
      return
    }
    server.requestTimeout = 0
    server.keepAliveTimeout = 0
    responses.set(id, response)
  })

  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its stream below
  const values: Values = ReadableStream.prototype.values
  ReadableStream.prototype.values = function (this: ReadableStream, ...args: Parameters<Values>) {
    const iterator = values.apply(this, args)
    const response = current.getStore()
    return response === undefined ? iterator : (atReadersPace(iterator, response) as ReturnType<Values>)
  }

  return {
    turn: (invocationId) => (responses.has(invocationId) ? nextTurn() : Promise.resolve()),
    sending: (invocationId, send) => {
      const response = responses.get(invocationId)
      return response === undefined ? send() : current.run(response, send)
    },
    settle: (invocationId) => {
      const hasResponse = responses.get(invocationId)?.headersSent ?? false
      responses.delete(invocationId)
      return hasResponse
    },
  }
}

/** Makes a queue that lets one waiter go on in each turn of the event loop, in the order in which they came. */
function createTurns(): () => Promise<void> {
  const waiting: (() => void)[] = []
  const next = (): void => {
    waiting.shift()?.()
    if (waiting.length > 0) setImmediate(next)
  }
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(next)
    })
}

/** What the response does next, whichever comes first. */
const CLOSED = Symbol('closed')

async function* atReadersPace(source: AsyncIterator<unknown>, response: ServerResponse): AsyncGenerator {
  while (!response.destroyed) {
    const step = await orClosed(response, source.next())
    // Nobody reads any more: the source is told, and not waited for.
    if (step === CLOSED) break
    if (step.done === true) return
    yield step.value
    if (response.writableNeedDrain) await orClosed(response, once(response, 'drain'))
  }
  void source.return?.()
}

/** Not `Promise.race` with one long-lived promise: that would keep every chunk until the end. */
function orClosed<T>(response: ServerResponse, work: Promise<T>): Promise<T | typeof CLOSED> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => {
      resolve(CLOSED)
    }
    response.once('close', onClose)
    work.then(resolve, reject).finally(() => response.off('close', onClose))
  })
}
