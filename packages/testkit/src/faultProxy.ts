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
  /** The connection is reset; the server never hears of the request. */
  | { readonly kind: 'refuse' }
  /** The request waits, unless its client gives up, and is forwarded then. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request waits and is forwarded all the same, also when its client has given up long since. */
  | { readonly kind: 'late'; readonly ms: number }
  /** The proxy answers itself; the server never hears of the request. */
  | { readonly kind: 'answer'; readonly status: 500 | 503 }
  /** The server hears of it and answers; the answer is lost and the connection reset. */
  | { readonly kind: 'drop' }
  /** The server hears of it and answers; the answer breaks off in the middle. */
  | { readonly kind: 'cut' }
  /** Nobody answers, for this long. */
  | { readonly kind: 'hang'; readonly ms: number }

export type FaultKind = Fault['kind']

/** One request of a client, whole. */
export interface ProxiedRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly body: Buffer
}

/** What became of one request. */
export interface Exchange {
  readonly request: ProxiedRequest
  readonly fault: FaultKind
  /** The server's answer; undefined when the request did not reach it, or it did not answer. */
  readonly answer: { readonly status: number; readonly body: Buffer } | undefined
  /** `performance.now()` when the request had arrived. */
  readonly begun: number
}

/** A proxy before one HTTP server. */
export interface FaultProxy {
  readonly port: number
  /** Nobody listens at the port any more, and open connections are reset. */
  goOffline(): Promise<void>
  /** Listens again, at the same port. */
  goOnline(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a proxy on 127.0.0.1 that passes requests on as they are, headers included, or does to them what `choose` says.
 *
 * @param options.onExchange hears of every request once the server has answered it, or would have
 */
export async function startFaultProxy(options: {
  readonly upstreamPort: number
  readonly port?: number
  readonly choose: (request: ProxiedRequest) => Fault
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
    let answer: Answer | undefined
    try {
      answer = await answerTo(fault, request, incoming, response)
    } finally {
      const seen = answer === undefined ? undefined : { status: answer.status, body: answer.body }
      options.onExchange?.({ request, fault: fault.kind, answer: seen, begun })
    }
    if (response.destroyed || response.writableEnded) return
    const { socket } = incoming
    if (answer === undefined || fault.kind === 'drop') {
      reset(socket)
    } else if (fault.kind === 'cut') {
      await cutOff(answer, socket)
    } else {
      response.writeHead(answer.status, answer.headers)
      response.end(answer.body)
    }
  }

  /** The server's answer; undefined where it was not asked. Throws when it can't be reached. */
  async function answerTo(
    fault: Fault,
    request: ProxiedRequest,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<Answer | undefined> {
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
        case 'answer':
          answerItself(response, fault.status)
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
  ): Promise<Answer> {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port: options.upstreamPort,
      method,
      path,
      headers,
      agent,
    })
    outgoing.end(body)
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    return { status: answer.statusCode ?? 502, headers: answer.rawHeaders, body: await wholeBody(answer) }
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

/** A socket that is ending already can't be reset: Node would lose its handle, and never exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

interface Answer {
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

/** https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes */
function answerItself(response: ServerResponse, status: 500 | 503): void {
  const code = status === 503 ? 'ServerBusy' : 'InternalError'
  response.writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code })
  response.end(
    `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>Injected.</Message></Error>`,
  )
}

/** Sends the first half of an answer, of its head when it has no body, and resets the connection. */
async function cutOff({ status, headers, body }: Answer, socket: Socket): Promise<void> {
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
  // A reset overtakes what is still on its way.
  await delay(20)
  reset(socket)
}
