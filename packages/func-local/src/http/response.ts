import type { ServerResponse } from 'node:http'
import type { RpcHttp, TypedData } from '../protocol.ts'
import { InvalidCookieError, setCookieHeader } from './cookie.ts'

// Belong to the connection, not to the message: RFC 9110 §7.6.1
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

const OK = 200
const NO_CONTENT = 204
const NOT_MODIFIED = 304
const NOT_ACCEPTABLE = 406
const INTERNAL_ERROR = 500
const HIGHEST_STATUS = 999
const LOWEST_STATUS = 100

/** The response cannot be sent as the function made it; the real host responds with 500 as well. */
class ResponseError extends Error {
  readonly status: number

  constructor(message: string, status = INTERNAL_ERROR) {
    super(message)
    this.status = status
  }
}

/**
 * Writes a function's response; returns what is wrong with it, in words, when it could not be sent as it is. A handler that
 * returns nothing is a 204:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#output
 */
export function writeResponse(response: ServerResponse, value: TypedData | undefined): string | undefined {
  if (response.headersSent || response.destroyed) return undefined
  const rpc = value?.http
  if (rpc === undefined) {
    response.writeHead(NO_CONTENT).end()
    return undefined
  }
  try {
    return write(response, rpc)
  } catch (error) {
    if (!(error instanceof ResponseError || error instanceof InvalidCookieError)) throw error
    // What was set before stays, as it does there.
    writeStatus(response, error instanceof ResponseError ? error.status : INTERNAL_ERROR)
    return error.message
  }
}

function write(response: ServerResponse, rpc: RpcHttp): string | undefined {
  const status = Number(rpc.statusCode ?? OK)
  if (!Number.isInteger(status) || status < LOWEST_STATUS || status > HIGHEST_STATUS)
    throw new ResponseError(`${rpc.statusCode ?? ''} is not an HTTP status.`)
  let encoding: string | undefined
  let declared: number | undefined
  for (const [name, text] of Object.entries(rpc.headers ?? {})) {
    checkHeader(name, text)
    const lower = name.toLowerCase()
    if (lower === 'transfer-encoding') encoding = text
    else if (lower === 'content-length') declared = contentLength(text)
    else if (lower === 'connection') response.shouldKeepAlive &&= !/\bclose\b/i.test(text)
    else response.setHeader(name, text)
  }
  setCookies(response, rpc)
  const body = rpc.enableContentNegotiation === true ? negotiated(response, rpc) : bytesOf(rpc.body)
  response.statusCode = status
  if (status === NO_CONTENT || status === NOT_MODIFIED) {
    response.end()
    return undefined
  }
  if (encoding !== undefined) return writeRaw(response, encoding, body)
  if (declared !== undefined && response.req.method !== 'HEAD') {
    if (declared < body.length)
      throw new ResponseError(`Its Content-Length is ${declared}, but its body has ${body.length} bytes.`)
    if (declared > body.length) return writeCutOff(response, declared, body)
  }
  if (response.hasHeader('trailer')) {
    // Only a chunked body can have trailers: RFC 9110 §6.6.2
    response.write(body)
    response.end()
    return undefined
  }
  response.setHeader('Content-Length', declared ?? body.length)
  response.end(body)
  return undefined
}

/** RFC 9110 §5.5; other characters than ASCII are refused by Kestrel. */
function checkHeader(name: string, text: string): void {
  const at = text.search(/[^\t\x20-\x7e]/)
  if (at < 0) return
  const code = text.codePointAt(at)?.toString(16).toUpperCase().padStart(4, '0') ?? ''
  throw new ResponseError(
    `The value of its header '${name}' has a character that is not allowed, U+${code}. Encode it: percent-encoded in a URL, filename*=UTF-8''… in Content-Disposition.`,
  )
}

function contentLength(text: string): number {
  if (!/^\d+$/.test(text)) throw new ResponseError(`Its Content-Length '${text}' is not a number.`)
  return Number(text)
}

/** The real host's server sends what it has, and ends the connection: the client sees a broken response. */
function writeCutOff(response: ServerResponse, declared: number, body: Buffer): string {
  response.setHeader('Content-Length', declared)
  response.write(body, () => response.destroy())
  return `Its Content-Length is ${declared}, but its body has only ${body.length} bytes: the client sees a response that is cut off. Leave the header out.`
}

/** Who sets Transfer-Encoding has encoded the body already, as the real host's server takes it. */
function writeRaw(response: ServerResponse, encoding: string, body: Buffer): string {
  response.setHeader('Transfer-Encoding', encoding)
  response.setHeader('Connection', 'close')
  response.flushHeaders()
  response.socket?.end(response.req.method === 'HEAD' ? '' : body)
  return `It sets Transfer-Encoding: ${encoding}, and its body is then sent as it is, not ${encoding}. Leave the header out.`
}

/**
 * With `enableContentNegotiation` the real host formats the body, and bytes are all it has: as JSON they are Base64 text,
 * and there is no other format for them.
 */
function negotiated(response: ServerResponse, rpc: RpcHttp): Buffer {
  const body = bytesOf(rpc.body)
  if (body.length === 0) return body
  const type = response.getHeader('content-type')
  if (typeof type === 'string' && !/^(?:application|text)\/(?:[^;]*\+)?json\b/i.test(type)) {
    throw new ResponseError(
      `With enableContentNegotiation its body can only be JSON, not ${type}. Leave enableContentNegotiation out.`,
      NOT_ACCEPTABLE,
    )
  }
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  return Buffer.from(JSON.stringify(body.toString('base64')))
}

function setCookies(response: ServerResponse, rpc: RpcHttp): void {
  const cookies = (rpc.cookies ?? []).map(setCookieHeader)
  if (cookies.length === 0) return
  for (const cookie of cookies) checkHeader('set-cookie', cookie)
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

/** A response of the host itself: a status and, mostly, no body. */
export function writeStatus(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'Content-Length': 0, ...headers }).end()
}

/** Responds with a value as JSON. */
export function writeJson(response: ServerResponse, status: number, value: unknown): void {
  if (response.headersSent || response.destroyed) return
  const text = JSON.stringify(value)
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}
