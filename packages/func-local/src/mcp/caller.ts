import type { IncomingMessage } from 'node:http'
import { traceContext } from '../host/trace-context.ts'
import { shownHeaders } from './headers.ts'
import type { McpCaller, McpTransport } from './primitive.ts'

/** Who calls, as the function sees it. */
export function callerOf(
  { headers, rawHeaders }: IncomingMessage,
  name: McpTransport['name'],
  sessionId: string | undefined,
): McpCaller {
  return {
    sessionId,
    clientInfo: undefined,
    transport: { name, sessionId, properties: { headers: shownHeaders(rawHeaders) } },
    trace: traceContext(headerText(headers['traceparent']), headerText(headers['tracestate'])),
  }
}

/** A header's text; `undefined` when it is absent or empty. */
export function headerText(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header
  return text === '' ? undefined : text
}
