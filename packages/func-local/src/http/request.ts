import type { IncomingMessage } from 'node:http'
import type { NullableString, RpcHttp } from '../protocol.ts'
import type { TriggerEvent } from '../registry.ts'
import { schemeOf } from './request-origin.ts'
import { queryOf, shownPath, type RequestTarget } from './request-target.ts'

/** Most bytes of a body where no setting says another limit. */
export const DEFAULT_BODY_LIMIT = 104_857_600

/** The request's body is larger than the limit. */
export class BodyTooLargeError extends Error {}

/** The client went away before the whole body had come. */
export class RequestAbortedError extends Error {}

/** A header value that is not UTF-8. */
export class BadHeaderError extends Error {}

/** A request on its way to a function. */
export interface FunctionRequest {
  readonly message: IncomingMessage
  readonly target: RequestTarget
  /** By lower-case name; repeated ones joined by commas. */
  readonly headers: ReadonlyMap<string, string>
  /** The values of the route's parameters. */
  readonly params: ReadonlyMap<string, string>
  /** What is added to the event. */
  readonly extra?: ExtraOfEvent | undefined
}

/** What an event has besides what the request says: inputs of a call by hand, and who wants to know its invocation's id. */
export type ExtraOfEvent = Pick<TriggerEvent, 'inputs' | 'onAttempt'>

/** Reads a body whole. @throws {BodyTooLargeError} {@link RequestAbortedError} */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limit) {
    // Read on and forget: a client that is cut off while it sends would not see the response.
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
      // It comes after the end, too, and an error with its stack is not cheap.
      if (!request.readableEnded) reject(new RequestAbortedError())
    })
  })
}

/**
 * The request as the worker protocol carries it. The function sees exactly the client's headers, in lower case:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
 */
export function toRpcHttp(request: FunctionRequest, body: Buffer): RpcHttp {
  const { message, target } = request
  const query = queryOf(target.search)
  return {
    method: message.method ?? 'GET',
    url: `${schemeOf(message)}://${message.headers.host ?? ''}${shownPath(target.path)}${target.search}`,
    nullableHeaders: wrap(request.headers),
    nullableParams: wrap(request.params),
    nullableQuery: wrap(new Map([...query].map(([name, values]) => [name, joined(values)]))),
    body: body.length > 0 ? { bytes: body } : null,
  }
}

/**
 * Header values by lower-case name, as UTF-8; repeated ones joined by commas, cookies too, as the real host joins them.
 *
 * @throws {BadHeaderError} when a value is not UTF-8.
 */
export function headersOf(request: IncomingMessage): ReadonlyMap<string, string> {
  const headers = new Map<string, string[]>()
  const raw = request.rawHeaders
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = utf8(raw[i + 1] ?? '')
    const before = headers.get(name)
    if (before === undefined) headers.set(name, [value])
    else before.push(value)
  }
  return new Map([...headers].map(([name, values]) => [name, joined(values)]))
}

/** Several values as one: empty ones are left out, as .NET's `StringValues` leaves them out. */
export function joined(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : values.filter((value) => value !== '').join(',')
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Node.js gives one character for each byte of a header. */
function utf8(latin1: string): string {
  if (/^[\0-\x7f]*$/.test(latin1)) return latin1
  try {
    return decoder.decode(Buffer.from(latin1, 'latin1'))
  } catch {
    throw new BadHeaderError()
  }
}

function wrap(values: ReadonlyMap<string, string>): Record<string, NullableString> {
  return Object.fromEntries([...values].map(([name, value]) => [name, { value }]))
}
