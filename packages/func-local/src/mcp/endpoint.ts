import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isObject } from '../config/json-file.ts'
import { readWholeBody } from '../http/json-request.ts'
import type { RequestTarget } from '../http/request-target.ts'
import { writeJson, writeStatus } from '../http/response.ts'
import { jsonIn } from '../json-text.ts'
import { callerOf, headerText } from './caller.ts'
import type { McpPrimitive } from './primitive.ts'
import { createMcpServer } from './server.ts'
import { clientOf, newClientId, sessionIdOf } from './session-id.ts'
import { createSseEndpoint } from './sse.ts'
import type { McpEndpoint, McpHost } from './webhook.ts'

const STATUS = { badRequest: 400, methodNotAllowed: 405, notAcceptable: 406 } as const
const SERVER_ERROR = -32_000
const PARSE_ERROR = -32_700
const JSON_TYPE = 'application/json'
const STREAM_TYPE = 'text/event-stream'
const SESSION_HEADER = 'Mcp-Session-Id'

/**
 * The MCP server of the app: streamable HTTP, where each request has a server of its own, and the SSE transport that came before it.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http and
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Http/StreamableHttpRequestHandler.cs
 */
export function createMcpEndpoint(host: McpHost): McpEndpoint {
  const sse = createSseEndpoint(host)
  return async (request, response, target, primitive) => {
    const last = lastSegment(target)
    if (last === 'sse') await sse.open(request, response, target, primitive)
    else if (last === 'message') await sse.receive(request, response, target, primitive)
    else if (request.method === 'POST') await post(request, response, primitive)
    else {
      request.resume()
      writeStatus(response, STATUS.methodNotAllowed)
    }
  }

  async function post(
    request: IncomingMessage,
    response: ServerResponse,
    primitive: McpPrimitive,
  ): Promise<void> {
    const refuse = (status: number, code: number, message: string): void => {
      request.resume()
      writeJson(response, status, { jsonrpc: '2.0', error: { code, message }, id: null })
    }
    if (![JSON_TYPE, STREAM_TYPE].every((type) => accepts(request.headers.accept, type))) {
      refuse(
        STATUS.notAcceptable,
        SERVER_ERROR,
        'Not Acceptable: Client must accept both application/json and text/event-stream',
      )
      return
    }
    const sessionId = headerText(request.headers['mcp-session-id'])
    if (sessionId !== undefined && clientOf(sessionId) === undefined) {
      refuse(STATUS.badRequest, SERVER_ERROR, 'Invalid client state.')
      return
    }
    const body = await readWholeBody(request, response)
    if (body === undefined) return
    const message = jsonIn(body)
    if (message === undefined) {
      refuse(STATUS.badRequest, PARSE_ERROR, 'Parse error: Invalid JSON')
      return
    }
    if (isObject(message) && message['method'] === 'initialize')
      response.setHeader(SESSION_HEADER, sessionIdOf(newClientId(), primitive.instanceId))
    const caller = callerOf(request, 'http-streamable', sessionId)
    const server = createMcpServer(host, primitive, () => caller)
    const transport = new WebStandardStreamableHTTPServerTransport()
    response.once('close', () => {
      void server.close()
    })
    await server.connect(transport)
    await sendOn(await transport.handleRequest(webRequest(request), { parsedBody: message }), response)
  }
}

/** The last part of the path, in lower case. */
function lastSegment({ path }: RequestTarget): string {
  return path.toLowerCase().replace(/\/$/, '').split('/').at(-1) ?? ''
}

/** Whether an `Accept` header takes a type, as ASP.NET Core reads it: wildcards do. */
function accepts(header: string | undefined, type: string): boolean {
  const [main = ''] = type.split('/')
  const given = (header ?? '').split(',').map((one) => (one.split(';')[0] ?? '').trim().toLowerCase())
  return [type, `${main}/*`, '*/*'].some((range) => given.includes(range))
}

/** What the SDK's transport reads of a request, besides its body. */
function webRequest({ headers }: IncomingMessage): Request {
  const version = headerText(headers['mcp-protocol-version'])
  return new Request('http://localhost/', {
    method: 'POST',
    headers: {
      accept: `${JSON_TYPE}, ${STREAM_TYPE}`,
      'content-type': headers['content-type'] ?? '',
      ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
    },
  })
}

async function sendOn(answer: Response, response: ServerResponse): Promise<void> {
  const headers = Object.fromEntries(answer.headers)
  if (answer.body === null) {
    writeStatus(response, answer.status, headers)
    return
  }
  response.writeHead(answer.status, headers)
  response.flushHeaders()
  for await (const chunk of answer.body) response.write(chunk)
  response.end()
}
