import {
  Agent,
  request as openRequest,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingMessage,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { InvocationOutcome } from '../registry.ts'
import type { FunctionRequest } from './request.ts'
import { schemeOf } from './request-origin.ts'
import { forwardedTarget } from './request-target.ts'
import { isHopByHop, writeStatus } from './response.ts'

/** The header by which the library matches a forwarded request with its invocation. */
const INVOCATION_ID = 'x-ms-invocation-id'
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

// A response is held back until the outputs are written only while it is small and quick; a stream is passed on as it comes.
const HOLD_BYTES = 1 << 20
const HOLD_MS = 1000
const NO_CONTENT = 204
const TOO_LARGE = 413
const INTERNAL_ERROR = 500
const NO_BYTES = Buffer.alloc(0)

/** One HTTP call that is streamed through the worker's own server. */
export interface StreamedCall {
  readonly request: FunctionRequest
  readonly response: ServerResponse
  /** The worker's server, from its capability `HttpUri`. */
  readonly httpUri: string
  readonly invocationId: string
  readonly bodyLimit: number
  /** The body, where the host has had to read it; else it goes through as it comes. */
  readonly body: Buffer | undefined
  /** Whether the function writes outputs besides its response; the response should then wait for them. */
  readonly hasOutputs: boolean
  /** Starts the invocation. */
  readonly invoke: () => Promise<InvocationOutcome>
}

/**
 * Forwards a request to the worker while its invocation runs, and the worker's response to the client, in flat memory:
 * https://github.com/Azure/azure-functions-host/issues/9840 and
 * https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/http/httpProxy.ts
 *
 * The real host sends the response before outputs are written and never responds when the handler throws. Here a small
 * response waits for the outputs, and a handler that throws is 500.
 */
export async function streamCall(call: StreamedCall): Promise<void> {
  const { response } = call
  const request = call.request.message
  if (Number(request.headers['content-length'] ?? 0) > call.bodyLimit) {
    request.resume()
    writeStatus(response, TOO_LARGE)
    return
  }
  const upstream = forward(call)
  const workerResponded = new Promise<IncomingMessage | undefined>((resolve) => {
    upstream.once('response', resolve)
    upstream.once('error', () => {
      resolve(undefined)
    })
  })
  // A client that goes away ends the transfer; the function itself goes on.
  response.once('close', () => {
    breakOff(upstream)
  })

  const outcome = call.invoke()
  const finished = outcome.then((result) => {
    // No response will come: the handler threw, or returned nothing.
    if (!result.ok || result.response.httpResponded !== true) return undefined
    return workerResponded
  })
  const reply = await Promise.race([workerResponded.then((a) => a ?? finished), finished])
  if (reply === undefined) {
    const result = await outcome
    upstream.destroy()
    writeStatus(response, result.ok ? NO_CONTENT : INTERNAL_ERROR)
    return
  }
  await send(call, reply, outcome)
  // Nobody reads the rest of the body any more.
  if (!request.complete) upstream.destroy()
}

function forward(call: StreamedCall): ClientRequest {
  const { response, invocationId, bodyLimit, body } = call
  const request = call.request.message
  const worker = new URL(call.httpUri)
  const headers: Record<string, string> = Object.fromEntries(
    [...call.request.headers]
      .filter(([name]) => !isHopByHop(name) && name !== 'expect')
      .map(([name, value]) => [name, asLatin1(value)]),
  )
  // Node.js would not chunk the body of a GET or a DELETE: its bytes would look like another request.
  if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  const host = request.headers.host ?? worker.host
  const upstream = openRequest({
    agent,
    // The library listens on every address; the host needs only this one.
    host: '127.0.0.1',
    port: worker.port,
    method: request.method,
    path: forwardedTarget(call.request.target),
    setHost: false,
    headers: {
      ...headers,
      host,
      'x-forwarded-host': host,
      'x-forwarded-proto': schemeOf(request),
      [INVOCATION_ID]: invocationId,
    },
  })
  if (body !== undefined) {
    upstream.end(body)
    return upstream
  }
  // The invocation begins with the request's head, and not with the first byte of its body.
  sendHead(upstream)
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > bodyLimit) {
      upstream.destroy()
      writeStatus(response, TOO_LARGE)
    }
  })
  request.pipe(upstream)
  // What the worker did not read must not keep the client from reading its response.
  upstream.once('close', () => {
    request.unpipe(upstream)
    request.resume()
  })
  return upstream
}

/**
 * Ends a forwarded request whose client has gone, once the worker has its head: the library waits for the request of each
 * invocation without limit, so an invocation whose request never came would never end.
 */
function breakOff(upstream: ClientRequest): void {
  const destroySoon = (): void => {
    setImmediate(() => upstream.destroy())
  }
  const whenConnected = (socket: Socket): void => {
    if (socket.connecting) socket.once('connect', destroySoon)
    else destroySoon()
  }
  if (upstream.socket) whenConnected(upstream.socket)
  else upstream.once('socket', whenConnected)
}

/** Node.js writes one byte for each character of a header. */
function asLatin1(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1')
}

async function send(
  call: StreamedCall,
  reply: IncomingMessage,
  outcome: Promise<InvocationOutcome>,
): Promise<void> {
  const { response } = call
  const held = call.hasOutputs && !isEventStream(reply) ? await hold(reply) : []
  if (call.hasOutputs && reply.readableEnded) {
    const result = await outcome
    if (!result.ok) {
      writeStatus(response, INTERNAL_ERROR)
      return
    }
  }
  if (response.headersSent || response.destroyed) return
  writeHead(response, reply)
  try {
    for (const chunk of held) response.write(chunk)
    if (reply.readableEnded) response.end()
    else await pipeline(reply, response)
  } catch {
    // The client, or the worker, went away in the middle; there is nobody to tell.
    response.destroy()
  }
  await outcome
}

/** Reads the response's body until it ends, grows large or takes long; returns what came. */
async function hold(reply: IncomingMessage): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  let size = 0
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve) => {
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= HOLD_BYTES) release()
    }
    const release = (): void => {
      reply.off('data', onData)
      reply.pause()
      resolve()
    }
    reply.on('data', onData)
    reply.once('end', resolve)
    reply.once('close', resolve)
    timer = setTimeout(release, HOLD_MS)
  })
  clearTimeout(timer)
  return chunks
}

function isEventStream(reply: IncomingMessage): boolean {
  return /^text\/event-stream/i.test(reply.headers['content-type'] ?? '')
}

function writeHead(response: ServerResponse, reply: IncomingMessage): void {
  const headers = new Map<string, string[]>()
  const raw = reply.rawHeaders
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const lower = name.toLowerCase()
    if (isHopByHop(lower) || lower === INVOCATION_ID || lower === 'date') continue
    headers.set(lower, [...(headers.get(lower) ?? []), raw[i + 1] ?? ''])
  }
  response.statusCode = reply.statusCode ?? 200
  for (const [name, values] of headers)
    response.setHeader(name, values.length === 1 ? (values[0] ?? '') : values)
  sendHead(response)
}

/** Node's own `flushHeaders()` would write the head as UTF-8, each byte of a value that is not ASCII twice encoded. */
function sendHead(message: OutgoingMessage): void {
  message.write(NO_BYTES)
}
