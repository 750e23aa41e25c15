import type { HttpRequest } from '@azure/functions'
import { BodyTooLargeError, InvalidOrderError, MAX_BODY_BYTES, type OrderFault } from '../orders/errors.ts'
import { parseJson } from '../orders/json.ts'
import { ORDER_ID, checkOrder, type OrderDraft } from '../orders/order.ts'

/**
 * Reads an order from a request: the JSON body, whatever its content type says, under the id that the body or the
 * `Idempotency-Key` header gives.
 *
 * @throws BodyTooLargeError | MalformedJsonError | InvalidOrderError
 */
export async function readOrder(request: HttpRequest): Promise<OrderDraft> {
  if (Number(request.headers.get('content-length')) > MAX_BODY_BYTES) throw new BodyTooLargeError()
  const body = new Uint8Array(await request.arrayBuffer())
  if (body.byteLength > MAX_BODY_BYTES) throw new BodyTooLargeError()
  const input = parseJson(body)

  const key = readIdempotencyKey(request.headers.get('idempotency-key'))
  const { draft, faults = [] } = { draft: undefined, ...checkOrder(input) }
  const headerFaults = key.fault === undefined ? disagreement(key.id, input) : [key.fault]
  if (draft === undefined || headerFaults.length > 0)
    throw new InvalidOrderError([...faults, ...headerFaults])
  const id = draft.id ?? key.id
  return id === undefined ? draft : { ...draft, id }
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
  const withoutQuoted = prefer.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
  return withoutQuoted.split(',').some((preference) => {
    const [name = '', value = ''] = (preference.split(';')[0] ?? '').split('=')
    // RFC 7240 §2: an empty value is the same as none.
    return name.trim().toLowerCase() === 'respond-async' && ['', '""'].includes(value.trim())
  })
}
