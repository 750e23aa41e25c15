import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web'
import type { HttpRequest } from '@azure/functions'
import {
  BodyTooLargeError,
  InvalidOrderError,
  MalformedJsonError,
  MAX_BODY_BYTES,
  UnsupportedEncodingError,
  type OrderFault,
} from '../orders/errors.ts'
import { parseJson } from '../orders/json.ts'
import { ORDER_ID, checkOrder, type OrderDraft } from '../orders/order.ts'

/**
 * The last segment of a request's path, decoded. Only the path says it: with HTTP streaming, `request.params` also holds the
 * query and the body's fields, under their own spelling where a name differs in case alone.
 */
export function lastPathSegment(request: HttpRequest): string {
  const { segment } = endOfPath(request)
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function endOfPath(request: HttpRequest): { readonly segment: string; readonly trailingSlashes: number } {
  const segments = new URL(request.url).pathname.split('/')
  const last = segments.findLastIndex((segment) => segment !== '')
  return { segment: segments[last] ?? '', trailingSlashes: segments.length - 1 - last }
}

/**
 * A reference to what is below a request's path. It is relative to the last segment of the path (RFC 9110 §10.2.2, RFC 3986
 * §5.2), so that it stays true behind a gateway with another host and another path before that segment.
 */
export function relativeTo(request: HttpRequest, name: string): string {
  const { segment, trailingSlashes } = endOfPath(request)
  // After a trailing slash the reference is relative to the segment itself, and not to what is before it.
  return trailingSlashes === 0 ? `${segment}/${name}` : '../'.repeat(trailingSlashes - 1) + name
}

/**
 * Reads an order from a request: the JSON body, whatever its content type says, under the id that the body or the
 * `Idempotency-Key` header gives.
 *
 * @throws UnsupportedEncodingError | BodyTooLargeError | MalformedJsonError | InvalidOrderError
 */
export async function readOrder(request: HttpRequest): Promise<OrderDraft> {
  if (!isIdentity(request.headers.get('content-encoding'))) throw new UnsupportedEncodingError()
  const input = parseJson(await readBody(request))

  const key = readIdempotencyKey(request.headers.get('idempotency-key'))
  const { draft, faults = [] } = { draft: undefined, ...checkOrder(input) }
  const headerFaults = key.fault === undefined ? disagreement(key.id, input) : [key.fault]
  if (draft === undefined || headerFaults.length > 0)
    throw new InvalidOrderError([...faults, ...headerFaults])
  const id = draft.id ?? key.id
  return id === undefined ? draft : { ...draft, id }
}

/** RFC 9110 §8.4: a list of content codings, case-insensitive. `identity` changes nothing, however often it is named. */
function isIdentity(encoding: string | null): boolean {
  return (encoding ?? '').split(',').every((coding) => ['', 'identity'].includes(coding.trim().toLowerCase()))
}

/**
 * Reads the body, and no more of it than the limit.
 *
 * @throws BodyTooLargeError as soon as it is known to be longer; MalformedJsonError when it breaks off
 */
async function readBody(request: HttpRequest): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length')) > MAX_BODY_BYTES) throw new BodyTooLargeError()
  if (request.body === null) return new Uint8Array()
  const reader = (request.body as ReadableStream<Uint8Array>).getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new MalformedJsonError('The body ended before it was complete.', { cause })
    })
    if (done) return Buffer.concat(chunks, length)
    length += value.byteLength
    if (length > MAX_BODY_BYTES) {
      void discard(reader)
      throw new BodyTooLargeError()
    }
    chunks.push(value)
  }
}

/**
 * Reads what is left of a body and keeps nothing of it, while the response is on its way: a client that sends all of its
 * body first would never read the response, and cancelling the stream closes the connection before it is sent. How long the
 * body can be is limited by the host.
 */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client has gone; it has been told.
  }
}

function disagreement(key: string | undefined, input: unknown): readonly OrderFault[] {
  const { id } = Object(input) as { readonly id?: unknown }
  if (key === undefined || id === undefined || key === id) return []
  return [{ pointer: '/id', detail: 'must be the same as the Idempotency-Key header' }]
}

/**
 * The order id in an `Idempotency-Key` header, as it is or quoted: the header's draft makes it a structured string.
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.1
 */
function readIdempotencyKey(value: string | null): { readonly id?: string; readonly fault?: OrderFault } {
  if (value === null) return {}
  const id = value.replace(/^"(.*)"$/, '$1')
  if (ORDER_ID.test(id)) return { id }
  const detail = 'Idempotency-Key header: must be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -'
  return { fault: { pointer: '/id', detail } }
}

/**
 * Whether a `Prefer` header asks for `respond-async`, among whatever else it prefers.
 * RFC 7240 §2: a list of tokens, case-insensitive, each with an optional value and parameters; §4.1: respond-async.
 */
export function prefersAsync(prefer: string | null): boolean {
  if (prefer === null) return false
  // RFC 7240 §2: an empty value is the same as none.
  const withoutQuoted = prefer.replaceAll(/"((?:[^"\\]|\\.)*)"/g, (_, text) => (text === '' ? '' : 'quoted'))
  return withoutQuoted
    .split(',')
    .some((preference) => /^\s*respond-async\s*(?:=\s*)?(?:;|$)/i.test(preference))
}
