import { METHODS, type IncomingMessage } from 'node:http'

/** A request that is refused before anything looks at it. */
export interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

const STATUS = {
  badRequest: 400,
  notFound: 404,
  methodNotAllowed: 405,
  uriTooLong: 414,
  headersTooLarge: 431,
  badVersion: 505,
}
// https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits
const LINE_BYTES = 8192
const HEADER_BYTES = 32_768
const HEADER_COUNT = 100
/**
 * How much of a request's line and headers Node.js takes before it refuses the request itself. What it then hands
 * over is one packet, which may begin inside the line or a header: so far above both limits that a client that
 * exceeds one of them is refused here, where both are known.
 */
export const NODE_HEADER_BYTES = 1024 * 1024

/** Applies the limits and checks of the real host's server to a request's line and headers. */
export function refusalOf(request: IncomingMessage): Refusal | undefined {
  const { method = '', url = '', httpVersion, rawHeaders } = request
  if (`${method} ${url} HTTP/1.1\r\n`.length > LINE_BYTES) return { status: STATUS.uriTooLong }
  if (httpVersion === '0.9') return { status: STATUS.badRequest }
  if (httpVersion !== '1.0' && httpVersion !== '1.1') return { status: STATUS.badVersion }
  if (url === '*' && method !== 'OPTIONS')
    return { status: STATUS.methodNotAllowed, headers: { Allow: 'OPTIONS' } }
  const count = rawHeaders.length / 2
  // Each line has a colon, a space and a line break besides name and value; a line break ends them all.
  const bytes = rawHeaders.reduce((sum, text) => sum + text.length, 4 * count + 2)
  if (count > HEADER_COUNT || bytes > HEADER_BYTES) return { status: STATUS.headersTooLarge }
  const hosts = rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === 'host').length
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1') || !isHost(request.headers.host ?? ''))
    return { status: STATUS.badRequest }
  return undefined
}

/** RFC 9112 §3.2: a server responds with 400 to a Host header whose value is not a host, with a port or without. */
function isHost(value: string): boolean {
  return (
    value === '' || (/^[!-~]+$/.test(value) && !/[/?#@\\]/.test(value) && URL.canParse(`http://${value}`))
  )
}

/** The status for bytes that Node.js cannot parse as a request. */
export function statusOfParseError(error: Error & { code?: string; rawPacket?: unknown }): number {
  const packet = Buffer.isBuffer(error.rawPacket) ? error.rawPacket.toString('latin1') : ''
  const line = packet.slice(0, packet.indexOf('\n') + 1)
  const [, method = '', version = ''] = REQUEST_LINE.exec(line) ?? []
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return isLongLine(packet) ? STATUS.uriTooLong : STATUS.headersTooLarge
    case 'HPE_INVALID_VERSION':
    case 'HPE_INVALID_CONSTANT':
      return version === '' || isKnown(version) ? STATUS.badRequest : STATUS.badVersion
    case 'HPE_INVALID_METHOD':
      // Node.js knows a fixed list of methods; the real host knows any, and has no function for it.
      return isKnown(version) && !METHODS.includes(method) ? STATUS.notFound : STATUS.badRequest
    default:
      return STATUS.badRequest
  }
}

// RFC 9110 §5.6.2: a method is a token.
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~\dA-Za-z]+) \/\S* (http\/\d\.\d)\r\n$/i

function isLongLine(packet: string): boolean {
  const end = packet.indexOf('\n')
  return /^[A-Z]+ /.test(packet) && (end < 0 || end >= LINE_BYTES)
}

function isKnown(version: string): boolean {
  return version === 'HTTP/1.0' || version === 'HTTP/1.1'
}
