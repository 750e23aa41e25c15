import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Log } from '../host/log.ts'
import type { Generation } from '../host/generation.ts'
import type { HttpEndpoint } from '../registry.ts'
import { applyCors, type CorsPolicy } from './cors.ts'
import type { Keys } from './keys.ts'
import { pathOf } from './request.ts'
import { writeStatus } from './response.ts'

/** Where the host listens. */
export interface HttpServer {
  readonly port: number
  /** Frees the port at once; resolves when the requests under way have been answered. */
  readonly close: () => Promise<void>
}

/** The port is taken, or may not be used. */
export class PortError extends Error {}

const BAD_REQUEST = 400
const UNAUTHORIZED = 401
const NOT_FOUND = 404
const INTERNAL_ERROR = 500
const IDLE_SWEEP_MS = 50
// Request line and headers, as much as the real host's server takes of both:
// https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits
const HEADER_BYTES = 8192 + 32_768

/** What answers requests. */
export interface HttpServerParts {
  /** The functions; waits while the app loads. */
  readonly generation: () => Promise<Generation>
  readonly hostRoute: HostRoute
  readonly cors: CorsPolicy | undefined
  readonly keys: Keys | undefined
}

/** Handles a request that is not for a function; `false` when it is none of its. */
export type HostRoute = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<boolean>

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
  // A function may take any time to receive or to answer; the real host sets no such limits either.
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: 60_000,
    keepAliveTimeout: 130_000,
    maxHeaderSize: HEADER_BYTES,
  })
  server.on('request', (request, response) => {
    dispatch(request, response).catch((error: unknown) => {
      log.error(
        `The request could not be handled: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
      writeStatus(response, INTERNAL_ERROR)
    })
  })
  await listen(server, address)
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close: () => closeServer(server),
  }

  async function dispatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isHost(request.headers.host ?? '')) {
      request.resume()
      writeStatus(response, BAD_REQUEST)
      return
    }
    const target = pathOf(request.url ?? '/')
    const end = target.search(/[?#]/)
    const path = end < 0 ? target : target.slice(0, end)
    if (parts.cors !== undefined && applyCors(request, response, parts.cors)) return
    if (await parts.hostRoute(request, response, path)) return
    const { functions } = await parts.generation()
    for (const { listener, disabled } of functions) {
      const params = disabled ? undefined : matched(listener.endpoint, request.method ?? 'GET', path)
      if (params !== undefined) {
        if (parts.keys?.allows(request, listener.endpoint?.authLevel ?? 'admin') === false) {
          request.resume()
          writeStatus(response, UNAUTHORIZED)
          return
        }
        await listener.endpoint?.handle(request, response, params)
        return
      }
    }
    request.resume()
    writeStatus(response, NOT_FOUND)
  }
}

/** RFC 9112 §3.2: a server answers 400 to a Host header whose value is not a host, with a port or without. */
function isHost(value: string): boolean {
  return value === '' || (!/[\s/?#@\\]/.test(value) && URL.canParse(`http://${value}`))
}

function matched(
  endpoint: HttpEndpoint | undefined,
  method: string,
  path: string,
): Readonly<Record<string, string>> | undefined {
  if (endpoint === undefined) return undefined
  if (endpoint.methods.length > 0 && !endpoint.methods.includes(method)) return undefined
  return endpoint.match(path.slice(1))
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

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => {
      server.closeIdleConnections()
    }, IDLE_SWEEP_MS)
    server.close(() => {
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
  })
}
