import * as v from 'valibot'
import { InvalidOrderError, type OrderFault } from './errors.ts'

/** Text of an order id: 1 to 64 letters, digits, `_` and `-`; safe in a URL, a table key and a log line. */
export const ORDER_ID = /^[A-Za-z0-9_-]{1,64}$/

/** Longest item, in Unicode code points, after trimming. */
export const MAX_ITEM_LENGTH = 200

/** Largest quantity of one order. */
export const MAX_QUANTITY = 1000

/** How many code points a text has: what people and JSON Schema's `maxLength` call characters. */
function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

/** An order id. */
export const orderIdSchema = v.pipe(
  v.string('must be a string'),
  v.regex(ORDER_ID, 'must be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -'),
)

/** What is ordered: trimmed, 1 to 200 characters (code points), well-formed Unicode, no control characters. */
export const itemSchema = v.pipe(
  v.string('must be a string'),
  v.trim(),
  v.minLength(1, 'must not be empty'),
  v.check(
    (text) => text.length <= MAX_ITEM_LENGTH || codePoints(text) <= MAX_ITEM_LENGTH,
    `must be at most ${MAX_ITEM_LENGTH} characters long`,
  ),
  // Storage keeps what it is sent, a half of a surrogate pair too, and no JSON reader agrees with another on it.
  v.check((text) => text.isWellFormed(), 'must be well-formed Unicode'),
  v.check((text) => !/\p{Cc}/u.test(text), 'must not contain control characters'),
)

/** How many of the item: an integer from 1 to 1000. */
export const quantitySchema = v.pipe(
  v.number('must be a number'),
  v.integer('must be an integer'),
  v.minValue(1, 'must be at least 1'),
  v.maxValue(MAX_QUANTITY, `must be at most ${MAX_QUANTITY}`),
)

/** An order as a client or a message gives it. Unknown fields are refused: a typo must not be dropped in silence. */
export const orderSchema = v.strictObject(
  {
    id: v.optional(orderIdSchema),
    item: itemSchema,
    quantity: v.optional(quantitySchema, 1),
  },
  'must be an object',
)

/** A valid order that may not have an id yet. */
export interface OrderDraft {
  readonly id?: string
  readonly item: string
  readonly quantity: number
}

/** A valid order under its id, the idempotency key. */
export interface Order extends OrderDraft {
  readonly id: string
}

/** An order whose message waits on the queue. Times are ISO 8601 UTC. */
export interface AcceptedOrder extends Order {
  readonly status: 'accepted'
  readonly acceptedAt: string
}

/** An order that is done, for ever. `acceptedAt` is there only if it was accepted first, and never after `processedAt`. */
export interface ProcessedOrder extends Order {
  readonly status: 'processed'
  readonly message: string
  readonly acceptedAt?: string
  readonly processedAt: string
}

/** What storage holds under an order's id, and what every answer shows. */
export type OrderRecord = AcceptedOrder | ProcessedOrder

/**
 * Checks a parsed JSON value against the order schema.
 *
 * @returns the draft, its item trimmed and its quantity defaulted, or every fault at once
 */
export function checkOrder(
  input: unknown,
): { readonly draft: OrderDraft; readonly faults?: undefined } | { readonly faults: readonly OrderFault[] } {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return { faults: [{ pointer: '', detail: 'must be an object' }] }
  }
  const result = v.safeParse(orderSchema, input)
  if (result.success) {
    const { id, item, quantity } = result.output
    return { draft: id === undefined ? { item, quantity } : { id, item, quantity } }
  }
  // valibot's strictObject stops at the first unknown field; a client wants to hear of all of them.
  const known = result.issues.filter((issue) => issue.expected !== 'never').map(fault)
  const unknown = Object.keys(input)
    .filter((key) => !Object.hasOwn(orderSchema.entries, key))
    .map((key) => ({ pointer: pointer([key]), detail: 'is not a field of an order' }))
  return { faults: [...known, ...unknown] }
}

/**
 * Takes a parsed JSON value for an order.
 *
 * @throws InvalidOrderError with every fault at once
 */
export function parseOrder(input: unknown): OrderDraft {
  const result = checkOrder(input)
  if (result.faults !== undefined) throw new InvalidOrderError(result.faults)
  return result.draft
}

function fault(issue: v.BaseIssue<unknown>): OrderFault {
  const detail = issue.type === 'strict_object' ? 'is required' : issue.message
  return { pointer: pointer((issue.path ?? []).map((part) => String(part.key))), detail }
}

/** RFC 6901 §3 and §4: `~` is written `~0`, `/` is written `~1`. */
function pointer(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** Whether two orders under one id ask for the same thing; times and status play no part. */
export function sameContent(a: OrderDraft, b: OrderDraft): boolean {
  return a.item === b.item && a.quantity === b.quantity
}
