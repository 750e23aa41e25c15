import type { IncomingMessage } from 'node:http'
import type { NullableString, RpcHttp } from '../protocol.ts'

/** The request's body is larger than the limit. */
export class BodyTooLargeError extends Error {}

/** The client went away before the whole body had come. */
export class RequestAbortedError extends Error {}

/** Reads a body whole. @throws {BodyTooLargeError} {@link RequestAbortedError} */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limit) {
    // Read on and forget: a client that is cut off while it sends would not see the answer.
    request.resume()
    return Promise.reject(new BodyTooLargeError())
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) {
        request.removeAllListeners('data')
        request.resume()
        reject(new BodyTooLargeError())
        return
      }
      chunks.push(chunk)
    })
    request.on('end', () => {
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size))
    })
    request.on('error', () => {
      reject(new RequestAbortedError())
    })
    request.on('close', () => {
      reject(new RequestAbortedError())
    })
  })
}

/**
 * The request as the worker protocol carries it. The function sees exactly the client's headers, in lower case:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
 */
export function toRpcHttp(
  request: IncomingMessage,
  params: Readonly<Record<string, string>>,
  body: Buffer,
): RpcHttp {
  return {
    method: request.method ?? 'GET',
    url: requestUrl(request),
    nullableHeaders: wrap(headersOf(request)),
    nullableParams: wrap(params),
    nullableQuery: wrap(queryOf(request.url ?? '/')),
    body: body.length > 0 ? { bytes: body } : null,
  }
}

/** The absolute URL the client asked for. */
export function requestUrl(request: IncomingMessage): string {
  const host =
    request.headers.host ?? `${request.socket.localAddress ?? 'localhost'}:${request.socket.localPort ?? 80}`
  return `http://${host}${pathOf(request.url ?? '/')}`
}

/** Path and query; an absolute-form target (RFC 9112 §3.2.2) is reduced to it. */
export function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  return path.startsWith('/') ? path : `/${path}`
}

/** Header values by lower-case name; repeated ones joined by commas. */
export function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  const raw = request.rawHeaders
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined
    // RFC 9110 §5.3; cookies are the exception: RFC 9113 §8.2.3 joins them with semicolons.
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`
  }
  return headers
}

/** Query values by name, decoded; repeated ones joined by commas as the real host joins them. */
export function queryOf(target: string): Record<string, string> {
  const start = target.indexOf('?')
  if (start < 0) return {}
  const query = new Map<string, string>()
  const names = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(target.slice(start + 1))) {
    // Query names are equal in any case in ASP.NET Core; the first spelling stays.
    const key = names.get(name.toLowerCase()) ?? name
    names.set(name.toLowerCase(), key)
    const before = query.get(key)
    query.set(key, before === undefined ? value : `${before},${value}`)
  }
  return Object.fromEntries(query)
}

function wrap(values: Readonly<Record<string, string>>): Record<string, NullableString> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]))
}
