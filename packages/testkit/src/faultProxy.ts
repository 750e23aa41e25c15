import { once } from 'node:events'
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What the proxy does with one request. */
export type Fault =
  | { readonly kind: 'pass' }
  /** The connection is reset; the request does not reach the server. */
  | { readonly kind: 'refuse' }
  /** The request is forwarded after a delay, unless the client closes the connection first. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request is forwarded after a delay, even if the client has closed the connection. */
  | { readonly kind: 'late'; readonly ms: number }
  /** The proxy sends an error response; the request does not reach the server. A 429 says when to ask again: in 25 ms. */
  | { readonly kind: 'error'; readonly status: 429 | 500 | 503 }
  /** The server processes the request; its response is discarded and the connection reset. */
  | { readonly kind: 'drop' }
  /** The server processes the request; its response is truncated. */
  | { readonly kind: 'cut' }
  /** There is no response for this long, then the connection is reset. */
  | { readonly kind: 'hang'; readonly ms: number }

export type FaultKind = Fault['kind']

/** Whose error responses a proxy sends: those of Azure Storage, or of Cosmos DB. */
export type ErrorFormat = 'storage' | 'cosmos'

/** A complete request. */
export interface ProxiedRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly body: Buffer
}

/** A request and its outcome. */
export interface Exchange {
  readonly request: ProxiedRequest
  readonly fault: FaultKind
  /** The server's response; undefined if the request did not reach the server, or it did not respond. */
  readonly response: { readonly status: number; readonly body: Buffer } | undefined
  /** `performance.now()` when the whole request had arrived. */
  readonly begun: number
}

/** A proxy in front of one HTTP server. */
export interface FaultProxy {
  readonly port: number
  /** Stops listening and resets open connections. */
  goOffline(): Promise<void>
  /** Listens again on the same port. */
  goOnline(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a proxy on 127.0.0.1 that forwards requests unchanged, headers included, or applies the fault that `choose` returns.
 *
 * @param options.errors whose error responses it sends; Azure Storage's by default
 * @param options.onExchange called for every request when its outcome is known
 */
export async function startFaultProxy(options: {
  readonly upstreamPort: number
  readonly port?: number
  readonly choose: (request: ProxiedRequest) => Fault
  readonly errors?: ErrorFormat
  readonly onExchange?: (exchange: Exchange) => void
}): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true })
  const sockets = new Set<Socket>()
  const closing = new AbortController()

  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    handle(request, response).catch(() => {
      reset(request.socket)
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  })

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      body: await wholeBody(incoming),
    }
    const begun = performance.now()
    const fault = options.choose(request)
    let upstream: UpstreamResponse | undefined
    try {
      upstream = await respondTo(fault, request, incoming, response)
    } finally {
      const seen = upstream === undefined ? undefined : { status: upstream.status, body: upstream.body }
      options.onExchange?.({ request, fault: fault.kind, response: seen, begun })
    }
    if (response.destroyed || response.writableEnded) return
    const { socket } = incoming
    if (upstream === undefined || fault.kind === 'drop') {
      reset(socket)
    } else if (fault.kind === 'cut') {
      await truncate(upstream, socket)
    } else {
      response.writeHead(upstream.status, upstream.headers)
      response.end(upstream.body)
    }
  }

  /** The server's response; undefined if the request was not forwarded. Throws if the server cannot be reached. */
  async function respondTo(
    fault: Fault,
    request: ProxiedRequest,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<UpstreamResponse | undefined> {
    const waiting = new AbortController()
    const stopWaiting = () => {
      waiting.abort()
    }
    closing.signal.addEventListener('abort', stopWaiting)
    if (fault.kind !== 'late') incoming.socket.on('close', stopWaiting)
    const wait = (ms: number) => delay(ms, undefined, { signal: waiting.signal, ref: false })
    try {
      switch (fault.kind) {
        case 'refuse':
          return undefined
        case 'error':
          sendError(response, fault.status, options.errors ?? 'storage')
          return undefined
        case 'hang':
          await wait(fault.ms).catch(() => undefined)
          return undefined
        case 'delay':
        case 'late':
          await wait(fault.ms)
          break
        default:
      }
      return await forward(request, incoming.rawHeaders)
    } finally {
      closing.signal.removeEventListener('abort', stopWaiting)
      incoming.socket.off('close', stopWaiting)
    }
  }

  async function forward(
    { method, path, body }: ProxiedRequest,
    headers: readonly string[],
  ): Promise<UpstreamResponse> {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port: options.upstreamPort,
      method,
      path,
      headers,
      agent,
    })
    outgoing.end(body)
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    return {
      status: incoming.statusCode ?? 502,
      headers: incoming.rawHeaders,
      body: await wholeBody(incoming),
    }
  }

  async function listen(port: number): Promise<void> {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  async function goOffline(): Promise<void> {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) reset(socket)
    await closed
  }

  await listen(options.port ?? 0)
  const { port } = server.address() as AddressInfo
  return {
    port,
    goOffline,
    goOnline: () => listen(port),
    async close() {
      closing.abort()
      if (server.listening) await goOffline()
      agent.destroy()
    },
  }
}

/** Resets a connection. A socket that is already ending cannot be reset: Node would leak its handle and never exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

interface UpstreamResponse {
  readonly status: number
  /** Name, value, name, value … */
  readonly headers: string[]
  readonly body: Buffer
}

async function wholeBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/**
 * https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes and
 * https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb
 */
function sendError(response: ServerResponse, status: 429 | 500 | 503, format: ErrorFormat): void {
  const throttled = status === 429 && { 'x-ms-retry-after-ms': '25' }
  if (format === 'cosmos') {
    const code = { 429: 'TooManyRequests', 500: 'InternalServerError', 503: 'ServiceUnavailable' }[status]
    response.writeHead(status, { 'content-type': 'application/json', ...throttled })
    response.end(JSON.stringify({ code, message: 'Injected.' }))
    return
  }
  const code = status === 500 ? 'InternalError' : 'ServerBusy'
  response.writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code, ...throttled })
  response.end(
    `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>Injected.</Message></Error>`,
  )
}

/** Sends the first half of a response (of its head, if it has no body) and resets the connection. */
async function truncate({ status, headers, body }: UpstreamResponse, socket: Socket): Promise<void> {
  const lines = [`HTTP/1.1 ${status} Cut`]
  let chunked = false
  for (let index = 0; index < headers.length; index += 2) {
    const [name = '', value = ''] = headers.slice(index, index + 2)
    lines.push(`${name}: ${value}`)
    chunked ||= name.toLowerCase() === 'transfer-encoding' && value.toLowerCase() === 'chunked'
  }
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${chunked ? `${body.length.toString(16)}\r\n` : ''}`)
  const part =
    body.length === 0
      ? head.subarray(0, head.length / 2)
      : Buffer.concat([head, body.subarray(0, body.length / 2)])
  socket.write(part)
  // A reset discards data that has not been sent yet.
  await delay(20)
  reset(socket)
}
