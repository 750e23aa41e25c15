import * as v from 'valibot'
import { InvalidOrderError, type OrderFault } from './errors.ts'

/** Text of an order id: 1 to 64 letters, digits, `_` and `-`; safe in a URL, a table key and a log line. */
export const ORDER_ID = /^[A-Za-z0-9_-]{1,64}$/

/** Longest item, in Unicode code points, after trimming. */
export const MAX_ITEM_LENGTH = 200

/** Largest quantity of one order. */
export const MAX_QUANTITY = 1000

// What these schemas say of themselves, rules and words, is the API's description too: `npm run openapi`. Rules are
// regular expressions where a JSON Schema could not say them otherwise.

/** An order id. */
export const orderIdSchema = v.pipe(
  v.string('must be a string'),
  v.regex(ORDER_ID, 'must be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -'),
  v.description("The order's id, and its idempotency key: 1 to 64 letters, digits, `_` and `-`."),
  v.examples(['order-1']),
)

/** What is ordered: trimmed, 1 to 200 characters (code points), well-formed Unicode, no control characters. */
export const itemSchema = v.pipe(
  v.string('must be a string'),
  v.trim(),
  v.minLength(1, 'must not be empty'),
  // maxLength of valibot counts UTF-16 units.
  v.regex(
    new RegExp(`^[\\s\\S]{0,${MAX_ITEM_LENGTH}}$`, 'u'),
    `must be at most ${MAX_ITEM_LENGTH} characters long`,
  ),
  // Storage keeps what it is sent, a half of a surrogate pair too, and no JSON reader agrees with another on it. The
  // second alternative is for readers of the API's description whose regular expressions know UTF-16 units only.
  v.regex(/^(?:[^\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff])*$/u, 'must be well-formed Unicode'),
  // \P{Cc} in words that every regular expression engine knows.
  // eslint-disable-next-line no-control-regex
  v.regex(/^[^\u0000-\u001f\u007f-\u009f]*$/u, 'must not contain control characters'),
  v.description(
    `What is ordered. White space around it is dropped; then it has 1 to ${MAX_ITEM_LENGTH} characters (Unicode code ` +
      'points), none of them a control character.',
  ),
  v.examples(['widget']),
)

/** How many of the item: an integer from 1 to 1000. */
export const quantitySchema = v.pipe(
  v.number('must be a number'),
  v.integer('must be an integer'),
  v.minValue(1, 'must be at least 1'),
  v.maxValue(MAX_QUANTITY, `must be at most ${MAX_QUANTITY}`),
  v.description('How many of the item.'),
)

/** An order as a client or a message gives it. Unknown fields are refused: a typo must not be dropped in silence. */
export const orderSchema = v.pipe(
  v.strictObject(
    {
      id: v.optional(orderIdSchema),
      item: itemSchema,
      quantity: v.optional(quantitySchema, 1),
    },
    'must be an object',
  ),
  v.description('An order. Fields that are not listed are refused.'),
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

const acceptedAtSchema = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.description('When it was accepted: ISO 8601, in UTC.'),
)

// A record keeps what was once valid, so it is not held to limits that may be others now.
const contentEntries = {
  id: orderIdSchema,
  item: v.pipe(v.string(), v.description('What is ordered, trimmed.')),
  quantity: v.pipe(v.number(), v.integer(), v.description('How many of the item.')),
}

/** The record of an order whose message waits on the queue. */
export const acceptedOrderSchema = v.pipe(
  v.object({
    ...contentEntries,
    status: v.literal('accepted'),
    acceptedAt: acceptedAtSchema,
  }),
  v.description('An order that waits to be processed.'),
)

/** The record of an order that is done. */
export const processedOrderSchema = v.pipe(
  v.object({
    ...contentEntries,
    status: v.literal('processed'),
    message: v.pipe(v.string(), v.description('What became of it, in words.')),
    acceptedAt: v.exactOptional(acceptedAtSchema),
    processedAt: v.pipe(
      v.string(),
      v.isoTimestamp(),
      v.description('When it was processed: ISO 8601, in UTC.'),
    ),
  }),
  v.description(
    'An order that is done, and never changes. `acceptedAt` is there only if it was accepted first, and is never after ' +
      '`processedAt`.',
  ),
)

/** What storage holds under an order's id. Whatever is parsed by it has its fields in this order. */
export const orderRecordSchema = v.variant('status', [acceptedOrderSchema, processedOrderSchema])

/** An order whose message waits on the queue. Times are ISO 8601 UTC. */
export type AcceptedOrder = Readonly<v.InferOutput<typeof acceptedOrderSchema>>

/** An order that is done, for ever. `acceptedAt` is there only if it was accepted first, and never after `processedAt`. */
export type ProcessedOrder = Readonly<v.InferOutput<typeof processedOrderSchema>>

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
