import { createServer, STATUS_CODES, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '../host/log.ts'
import type { Generation } from '../host/generation.ts'
import type { HttpEndpoint } from '../registry.ts'
import type { ServerIdentity } from './certificate.ts'
import { trackConnections } from './connections.ts'
import { applyCors, type CorsPolicy } from './cors.ts'
import type { Keys } from './keys.ts'
import { isLocalName, isLoopback } from './request-origin.ts'
import { connectedPair } from './loopback.ts'
import { BadHeaderError, headersOf, type ExtraOfEvent } from './request.ts'
import { logRequest, type ServedBy } from './request-line.ts'
import { NODE_HEADER_BYTES, refusalOf, statusOfParseError } from './request-limits.ts'
import { BadTargetError, parseTarget, type RequestTarget } from './request-target.ts'
import { writeStatus } from './response.ts'
import { RoutePatternError } from './route-constraint.ts'
import { UnusableLimitsError } from './throttle.ts'

/** Where the host listens. */
export interface HttpServer {
  readonly port: number
  /** The address that it listens on, `0.0.0.0` or `::` for all. */
  readonly address: string
  /**
   * Frees the port at once; resolves when the requests under way have their responses, after ten seconds at the latest. What
   * is open then is cut off.
   */
  readonly close: () => Promise<void>
  /** Opens a connection in memory; its requests need no key, and are calls by hand. */
  readonly connect: (byHand: ExtraOfEvent) => Duplex
}

/** The port is taken, or may not be used. */
export class PortError extends Error {}

const STATUS = { badRequest: 400, unauthorized: 401, forbidden: 403, notFound: 404, internalError: 500 }
const KEEP_ALIVE_MS = 130_000
const HEADERS_TIMEOUT_MS = 60_000

/** What handles requests. */
export interface HttpServerParts {
  /** The functions; waits while the app loads. */
  readonly generation: () => Promise<Pick<Generation, 'functions'>>
  readonly hostRoute: HostRoute
  readonly cors: CorsPolicy | undefined
  readonly keys: Keys | undefined
  /** Serves HTTPS with this; HTTP without. */
  readonly tls: ServerIdentity | undefined
  /** Ends the line that says what a stop waits for. */
  readonly stopHint: string
}

/** Handles a request that is not for a function; `false` when it is not for this route. */
export type HostRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  target: RequestTarget,
) => Promise<boolean>

/**
 * Opens the host's HTTP server. Requests wait until the app has loaded.
 *
 * @throws {PortError} when the address cannot be listened on.
 */
export async function openHttpServer(
  address: { readonly host: string; readonly port: number },
  parts: HttpServerParts,
  log: Log,
): Promise<HttpServer> {
  // A function may take any time to receive or to respond; the real host sets no such limits either.
  const options = {
    requestTimeout: 0,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: NODE_HEADER_BYTES,
    // Node.js would refuse such a request before the limits are applied.
    requireHostHeader: false,
  }
  const server: Server =
    parts.tls === undefined
      ? createServer(options)
      : (await import('node:https')).createServer({ ...options, ...parts.tls })
  server.maxHeadersCount = 0
  const connections = trackConnections(server, log, parts.stopHint)
  const onlyLocal = isLoopback(address.host)
  const refusedNames = new Set<string>()
  const inMemory = new WeakMap<Duplex, ExtraOfEvent>()
  let hasWarnedOfHttp = false

  server.on('request', receive)
  // A client that has sent its body already does not wait for `100 Continue`.
  server.on('checkContinue', (request, response) => {
    setImmediate(() => {
      if (request.readableLength === 0 && !request.complete) response.writeContinue()
      receive(request, response)
    })
  })
  // The real host handles CONNECT like any other method; Node.js hands over the bare connection.
  server.on('connect', (request, socket) => {
    if (!(socket instanceof Socket)) return
    const response = new ServerResponse(request)
    response.assignSocket(socket)
    response.shouldKeepAlive = false
    response.once('finish', () => socket.end())
    connections.begin(request, response)
    receive(request, response)
  })
  server.on('clientError', (error, socket) => {
    void refuseBytes(error, socket)
  })

  await listen(server, address)
  const bound = server.address()
  return {
    ...(typeof bound === 'object' && bound !== null
      ? { port: bound.port, address: bound.address }
      : { port: address.port, address: address.host }),
    close: connections.close,
    connect: (byHand) => {
      const [client, serverEnd] = connectedPair()
      inMemory.set(serverEnd, byHand)
      if (parts.tls === undefined) server.emit('connection', serverEnd)
      // As the connections of clients are, so that functions see the same scheme.
      else server.emit('secureConnection', Object.assign(serverEnd, { encrypted: true }))
      return client
    },
  }

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const servedBy: ServedBy = {}
    logRequest(log, request, response, servedBy)
    dispatch(request, response, servedBy).catch((error: unknown) => {
      const isExpected = error instanceof RoutePatternError || error instanceof UnusableLimitsError
      const reason =
        error instanceof Error ? ((isExpected ? undefined : error.stack) ?? error.message) : String(error)
      log.error(`The request could not be handled: ${reason}`)
      request.resume()
      writeStatus(response, STATUS.internalError)
    })
  }

  async function dispatch(
    request: IncomingMessage,
    response: ServerResponse,
    servedBy: ServedBy,
  ): Promise<void> {
    const refusal = refusalOf(request)
    if (refusal !== undefined) {
      refuse(request, response, refusal.status, { Connection: 'close', ...refusal.headers })
      return
    }
    let target: RequestTarget
    let headers: ReadonlyMap<string, string>
    try {
      target = parseTarget(request.url ?? '/')
      headers = headersOf(request)
    } catch (error) {
      if (!(error instanceof BadTargetError || error instanceof BadHeaderError)) throw error
      refuse(request, response, STATUS.badRequest, { Connection: 'close' })
      return
    }
    const host = request.headers.host ?? ''
    if (onlyLocal && !isLocalName(host)) {
      refuseName(request, response, host)
      return
    }
    if (parts.cors !== undefined && applyCors(request, response, parts.cors)) return
    if (await parts.hostRoute(request, response, target)) return
    const { functions } = await parts.generation()
    for (const { definition, listener, disabled } of functions) {
      const { endpoint } = listener
      if (disabled || endpoint === undefined) continue
      const params = matched(endpoint, request.method ?? 'GET', target.path)
      if (params === undefined) continue
      const byHand = inMemory.get(request.socket)
      if (byHand === undefined && parts.keys?.allows(request, endpoint.authLevel) === false) {
        refuse(request, response, STATUS.unauthorized)
        return
      }
      servedBy.functionName = definition.name
      // HTTP/1.0 needs no Host header, but a function needs a URL.
      if (host === '') {
        refuse(request, response, STATUS.internalError)
        return
      }
      const onAttempt = (invocationId: string): void => {
        servedBy.invocationId = invocationId
        byHand?.onAttempt?.(invocationId)
      }
      const extra = { ...byHand, onAttempt }
      await endpoint.handle({ message: request, target, headers, params, extra }, response)
      return
    }
    refuse(request, response, STATUS.notFound)
  }

  function refuseName(request: IncomingMessage, response: ServerResponse, host: string): void {
    if (!refusedNames.has(host)) {
      refusedNames.add(host)
      log.warn(
        `A request for '${host}' was refused: the host takes requests for this machine's own names only (localhost, 127.0.0.1). Start it with --address 0.0.0.0 to let others in.`,
      )
    }
    refuse(request, response, STATUS.forbidden)
  }

  function warnOfHttp(): void {
    if (hasWarnedOfHttp) return
    hasWarnedOfHttp = true
    log.warn('A client sent a request over HTTP, and the host serves HTTPS (--useHttps): call https://.')
  }

  /** Responds to bytes that are not a request, after the requests before them on the same connection. */
  async function refuseBytes(
    error: Error & { code?: string; rawPacket?: unknown },
    socket: Duplex,
  ): Promise<void> {
    if (isOfTls(error)) {
      if (error.code === 'ERR_SSL_HTTP_REQUEST') warnOfHttp()
      socket.destroy()
      return
    }
    const waiting = connections.current(socket)
    const isCutOff = error.code === 'HPE_INVALID_EOF_STATE' || error.code === 'ECONNRESET'
    if (isCutOff || (waiting !== undefined && !waiting.request.complete && waiting.response.headersSent)) {
      socket.destroy()
      return
    }
    if (waiting?.request.complete === true) await connections.answered(socket)
    if (!socket.writable) return
    const status = statusOfParseError(error)
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Length: 0\r\nConnection: close\r\nDate: ${new Date().toUTCString()}\r\n\r\n`,
      () => socket.destroy(),
    )
  }
}

/** Whether a connection failed before its first request: the handshake did, or what came was no TLS at all. */
function isOfTls({ code = '' }: { readonly code?: string }): boolean {
  return /^(?:ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code)
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers?: Readonly<Record<string, string>>,
): void {
  request.resume()
  writeStatus(response, status, headers)
}

function matched(
  endpoint: HttpEndpoint,
  method: string,
  path: string,
): ReadonlyMap<string, string> | undefined {
  return endpoint.methods?.includes(method) === false ? undefined : endpoint.match(path)
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE'
          ? `Port ${port} is unavailable. Close the process using that port, or specify another port using --port [-p].`
          : `The host cannot listen on ${host}:${port} (${error.code ?? error.message}). Choose another with --address and --port.`
      reject(new PortError(reason))
    })
    server.listen({ host, port, backlog: 2048 }, resolve)
  })
}
