import type { ServerResponse } from 'node:http'
import type { RpcHttp, TypedData } from '../protocol.ts'
import { setCookieHeader } from './cookie.ts'

// Belong to the connection, not to the answer: RFC 9110 §7.6.1
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** Whether a header (in lower case) belongs to the connection rather than to the message. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name)
}

const NO_CONTENT = 204
const NOT_MODIFIED = 304

/**
 * Writes a function's answer. A handler that returns nothing is answered 204:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#output
 */
export function writeAnswer(response: ServerResponse, value: TypedData | undefined): void {
  if (response.headersSent || response.destroyed) return
  const answer = value?.http
  if (answer === undefined) {
    response.writeHead(NO_CONTENT).end()
    return
  }
  const status = Number(answer.statusCode ?? 200)
  response.statusCode = status
  for (const [name, text] of Object.entries(answer.headers ?? {})) {
    if (!isHopByHop(name.toLowerCase()) && name.toLowerCase() !== 'content-length')
      response.setHeader(name, text)
  }
  setCookies(response, answer)
  const body = bytesOf(answer.body)
  if (status === NO_CONTENT || status === NOT_MODIFIED) {
    response.end()
    return
  }
  response.setHeader('Content-Length', body.length)
  response.end(body)
}

function setCookies(response: ServerResponse, answer: RpcHttp): void {
  const cookies = (answer.cookies ?? []).map(setCookieHeader)
  if (cookies.length === 0) return
  const own = response.getHeader('set-cookie')
  const before = own === undefined ? [] : Array.isArray(own) ? own : [String(own)]
  response.setHeader('Set-Cookie', [...before, ...cookies])
}

function bytesOf(body: TypedData | null | undefined): Buffer {
  if (body?.bytes !== undefined)
    return Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength)
  const text = body?.string ?? body?.json
  return text === undefined ? Buffer.alloc(0) : Buffer.from(text)
}

/** An answer of the host itself: a status and, mostly, no body. */
export function writeStatus(response: ServerResponse, status: number): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'Content-Length': 0 }).end()
}
