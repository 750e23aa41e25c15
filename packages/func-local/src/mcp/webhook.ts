import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Generation } from '../host/generation.ts'
import type { Log } from '../host/log.ts'
import type { Keys } from '../http/keys.ts'
import { isForeign } from '../http/request-origin.ts'
import type { RequestTarget } from '../http/request-target.ts'
import { writeStatus } from '../http/response.ts'
import { firstPrimitive } from './catalog.ts'
import type { McpPrimitive } from './primitive.ts'

/** What the MCP server needs of the host. */
export interface McpHost {
  readonly generation: () => Promise<Pick<Generation, 'functions'>>
  readonly keys: Keys | undefined
  readonly log: Log
}

/** Handles a request for the MCP server; the primitive is any of the app's, which has the server's options. */
export type McpEndpoint = (
  request: IncomingMessage,
  response: ServerResponse,
  target: RequestTarget,
  primitive: McpPrimitive,
) => Promise<void>

/** Where the MCP server is. */
export const MCP_PATH = '/runtime/webhooks/mcp'

const STATUS = { unauthorized: 401, forbidden: 403, notFound: 404 } as const
const METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS']

/** Whether a path, without a slash at its end and in lower case, belongs to the MCP server. */
export function isMcpPath(path: string): boolean {
  return path === MCP_PATH || path.startsWith(`${MCP_PATH}/`)
}

/**
 * The webhook of the MCP extension, guarded as the other ones: its key is the system key `mcp_extension` in Azure. The server itself,
 * with the SDK for MCP, is loaded by the first request.
 */
export function createMcpWebhook(
  host: McpHost,
): (request: IncomingMessage, response: ServerResponse, target: RequestTarget) => Promise<void> {
  let endpoint: Promise<McpEndpoint> | undefined
  return async (request, response, target) => {
    const primitive = firstPrimitive((await host.generation()).functions)
    const refusal = refusalOf(request, primitive)
    if (primitive === undefined || refusal !== undefined) {
      request.resume()
      writeStatus(response, refusal ?? STATUS.notFound)
      return
    }
    endpoint ??= import('./endpoint.ts').then(({ createMcpEndpoint }) => createMcpEndpoint(host))
    await (
      await endpoint
    )(request, response, target, primitive)
  }

  function refusalOf(request: IncomingMessage, primitive: McpPrimitive | undefined): number | undefined {
    if (primitive === undefined || !METHODS.includes(request.method ?? '')) return STATUS.notFound
    // A page in the browser could run functions otherwise.
    if (isForeign(request)) return STATUS.forbidden
    return primitive.options.needsKey && host.keys?.allows(request, 'admin') === false
      ? STATUS.unauthorized
      : undefined
  }
}
