import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { JSONRPCMessageSchema, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { STOPPING } from '../http/connections.ts'
import { readWholeBody } from '../http/json-request.ts'
import { schemeOf } from '../http/request-origin.ts'
import { queryOf, type RequestTarget } from '../http/request-target.ts'
import { writeJson, writeStatus } from '../http/response.ts'
import { jsonIn } from '../json-text.ts'
import { callerOf, headerText } from './caller.ts'
import type { McpPrimitive } from './primitive.ts'
import { createMcpServer } from './server.ts'
import { clientOf, newClientId, sessionIdOf } from './session-id.ts'
import type { McpEndpoint, McpHost } from './webhook.ts'

/** The two addresses of the SSE transport. */
export interface SseEndpoint {
  /** `GET …/sse`: opens a session; the response is its stream of messages. */
  readonly open: McpEndpoint
  /** `POST …/message?azmcpcs=<session>`: what the client sends. */
  readonly receive: McpEndpoint
}

const STATUS = { ok: 200, accepted: 202, badRequest: 400, methodNotAllowed: 405 } as const
const SESSION_QUERY = 'azmcpcs'

/**
 * The transport of MCP before streamable HTTP:
 * https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse and
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Http/SseRequestHandler.cs
 */
export function createSseEndpoint(host: McpHost): SseEndpoint {
  const sessions = new Map<string, SseTransport>()
  return {
    open: async (request, response, target, primitive) => {
      request.resume()
      if (request.method !== 'GET') {
        writeStatus(response, STATUS.methodNotAllowed)
        return
      }
      const clientId = newClientId()
      const state = sessionIdOf(clientId, primitive.instanceId)
      const caller = callerOf(request, 'http-sse', undefined)
      const server = createMcpServer(host, primitive, (self) => ({
        ...caller,
        sessionId: clientId,
        clientInfo: self.getClientVersion(),
      }))
      const transport = createTransport(response, messageAddress(request, target, primitive, state))
      sessions.set(clientId, transport)
      // A stream without an end must not hold up the host's stop.
      response.once(STOPPING, () => response.end())
      response.once('close', () => {
        sessions.delete(clientId)
        void server.close()
      })
      await server.connect(transport)
    },
    receive: async (request, response, { search }, primitive) => {
      const refuse = (reason: string): void => {
        request.resume()
        const text = `${reason} Please connect to the /sse endpoint to initiate your session.`
        writeJson(response, STATUS.badRequest, text)
      }
      const state = queryOf(search).get(SESSION_QUERY)?.at(0)
      if (state === undefined) {
        refuse('Missing service context.')
        return
      }
      const client = clientOf(state)
      if (client === undefined) {
        refuse('Invalid client state.')
        return
      }
      const transport = sessions.get(client.clientId)
      if (transport === undefined || client.instanceId !== primitive.instanceId) {
        refuse(`No active session for client '${client.clientId}' and instance '${client.instanceId}'.`)
        return
      }
      const body = await readWholeBody(request, response)
      if (body === undefined) return
      const message = JSONRPCMessageSchema.safeParse(jsonIn(body))
      if (!message.success) {
        writeJson(response, STATUS.badRequest, 'No message in request body.')
        return
      }
      transport.onmessage?.(message.data)
      response.writeHead(STATUS.accepted, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Accepted')
    },
  }
}

type SseTransport = Transport & { onmessage?: (message: JSONRPCMessage) => void }

function createTransport(response: ServerResponse, address: string): SseTransport {
  const event = (name: string, data: string): void => {
    if (response.writable) response.write(`event: ${name}\ndata: ${data}\n\n`)
  }
  const transport: SseTransport = {
    start: () => {
      response.writeHead(STATUS.ok, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache,no-store',
        'Content-Encoding': 'identity',
      })
      event('endpoint', address)
      return Promise.resolve()
    },
    send: (message) => {
      event('message', JSON.stringify(message))
      return Promise.resolve()
    },
    close: () => {
      response.end()
      transport.onclose?.()
      return Promise.resolve()
    },
  }
  return transport
}

/** Where the client sends its messages: relative to the stream's own address, with the key that it gave. */
function messageAddress(
  request: IncomingMessage,
  { path, search }: RequestTarget,
  { options }: McpPrimitive,
  state: string,
): string {
  const key = queryOf(search).get('code')?.at(0) ?? headerText(request.headers['x-functions-key'])
  const query = new URLSearchParams({ [SESSION_QUERY]: state, ...(key === undefined ? {} : { code: key }) })
  const address = `message?${query.toString()}`
  if (!options.usesAbsoluteUri) return address
  const folder = path.replace(/\/?[^/]*\/?$/, '')
  return `${schemeOf(request)}://${request.headers.host ?? ''}${folder}/${address}`
}
