import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A response as it came over the wire. */
export interface WireResponse {
  readonly status: number
  /** In the order in which they came, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** How the end of the body was marked, and whether it came: `chunked`, `length 5`, `length 5, cut off`. */
  readonly framing: string
}

/** What came back on a connection of its own. */
export interface Exchange {
  readonly responses: readonly WireResponse[]
  /** Whether the other end closed the connection before the time was up. */
  readonly connection: 'closed' | 'open'
}

/** How bytes are sent. */
export interface ExchangeOptions {
  /** Half-closes the connection behind the last byte. */
  readonly end?: boolean
  /** How long to wait for the other end to close. */
  readonly timeout?: number
  /** The methods of the requests, where a response to HEAD has no body. */
  readonly methods?: readonly string[]
}

const PATIENCE_MS = 10_000
const BETWEEN_PARTS_MS = 60

/** Sends bytes, one part after the other, and reads what comes until the other end closes. */
export async function exchange(
  port: number,
  parts: readonly Buffer[],
  { end = false, timeout = PATIENCE_MS, methods = [] }: ExchangeOptions = {},
): Promise<Exchange> {
  const received: Buffer[] = []
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  const closed = new Promise<'closed'>((resolve) =>
    socket.once('close', () => {
      resolve('closed')
    }),
  )
  for (const [index, part] of parts.entries()) {
    if (index > 0) await sleep(BETWEEN_PARTS_MS)
    socket.write(part)
  }
  if (end) socket.end()
  const abort = new AbortController()
  const expired = sleep(timeout, 'open' as const, { signal: abort.signal }).catch(() => 'open' as const)
  const connection = await Promise.race([closed, expired])
  abort.abort()
  socket.destroy()
  return { responses: readResponses(Buffer.concat(received), methods), connection }
}

/** Sends one request with exactly these headers, besides Host, Content-Length and `Connection: close`. */
export async function rawRequest(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<WireResponse> {
  const bytes = requestBytes(port, method, path, headers, body)
  const [response] = (await exchange(port, [bytes], { methods: [method] })).responses
  if (response === undefined) throw new Error(`No response to ${method} ${path}.`)
  return response
}

/** The bytes of the request that {@link rawRequest} sends. */
export function requestBytes(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Buffer {
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
  const own = Object.entries({
    Host: `127.0.0.1:${port}`,
    Connection: 'close',
    'Content-Length': String(Buffer.byteLength(body)),
  }).filter(([name]) => !names.has(name.toLowerCase()))
  const lines = [...own, ...Object.entries(headers)].map(([name, value]) => `${name}: ${value}`)
  lines.unshift(`${method} ${path} HTTP/1.1`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

function readResponses(data: Buffer, methods: readonly string[]): WireResponse[] {
  const responses: WireResponse[] = []
  let at = 0
  while (at < data.length) {
    const end = data.indexOf('\r\n\r\n', at)
    if (end < 0) throw new Error(`No response: ${data.subarray(at).toString('latin1')}`)
    const [line = '', ...lines] = data.subarray(at, end).toString('latin1').split('\r\n')
    const status = Number(line.split(' ')[1])
    const headers = lines.map((text): [string, string] => {
      const colon = text.indexOf(':')
      return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()]
    })
    const finals = responses.filter((response) => response.status >= 200).length
    const rest = data.subarray(end + 4)
    const isInterim = status < 200 && status !== 101
    const isBare = isInterim || methods[finals] === 'HEAD' || status === 204 || status === 304
    const { body, framing, length } = readBody(rest, new Map(headers), isBare)
    responses.push({ status, headers, body, framing })
    at = end + 4 + length
  }
  return responses
}

interface WireBody {
  readonly body: Buffer
  readonly framing: string
  /** How many bytes it took. */
  readonly length: number
}

function readBody(data: Buffer, headers: ReadonlyMap<string, string>, isBare: boolean): WireBody {
  const declared = headers.get('content-length')
  const isChunked = headers.get('transfer-encoding')?.includes('chunked') === true
  if (isBare) {
    const framing = isChunked ? 'chunked' : declared === undefined ? 'none' : `length ${declared}`
    return { body: Buffer.alloc(0), framing, length: 0 }
  }
  if (isChunked) return readChunks(data)
  if (declared === undefined)
    return { body: data, framing: data.length > 0 ? 'close' : 'none', length: data.length }
  const body = data.subarray(0, Number(declared))
  const cutOff = body.length < Number(declared) ? ', cut off' : ''
  return { body, framing: `length ${declared}${cutOff}`, length: body.length }
}

function readChunks(data: Buffer): WireBody {
  const chunks: Buffer[] = []
  const ended = (framing: string, length: number): WireBody => ({
    body: Buffer.concat(chunks),
    framing,
    length,
  })
  for (let at = 0; ;) {
    const lineEnd = data.indexOf('\r\n', at)
    if (lineEnd < 0) return ended('chunked, cut off', data.length)
    const size = Number.parseInt(data.subarray(at, lineEnd).toString('latin1'), 16)
    if (Number.isNaN(size)) return ended('chunked, broken', data.length)
    const start = lineEnd + 2
    chunks.push(data.subarray(start, start + size))
    at = start + size + 2
    if (at > data.length) return ended('chunked, cut off', data.length)
    if (size === 0) return ended('chunked', at)
  }
}
