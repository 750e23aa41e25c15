import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { check, type Checked } from './check.ts'
import { InvalidOrderError, UnreadableRecordError } from './errors.ts'
import { requireFieldName, storedField } from './schema.ts'

/** Text of an order id: 1 to 64 letters, digits, `_` and `-`; safe in a URL, a table key and a log line. */
export const ORDER_ID = /^[A-Za-z0-9_-]{1,64}$/

/** Longest item, in Unicode code points, after trimming. */
export const MAX_ITEM_LENGTH = 200

/** Largest quantity of one order. */
export const MAX_QUANTITY = 1000

// The rules and the words of these schemas are the API's description too (`npm run openapi`). A rule is a regular
// expression where JSON Schema has no other way to state it.

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
  // Default_Ignorable_Code_Point: zero-width characters, variation selectors and others that show nothing by themselves.
  v.regex(
    /^(?:[\s\S]*[^\p{Default_Ignorable_Code_Point}\s\u2800][\s\S]*)?$/u,
    'must have a visible character',
  ),
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
    `What is ordered: 1 to ${MAX_ITEM_LENGTH} characters (Unicode code points) after trimming, at least one of them visible, ` +
      'without control characters.',
  ),
  v.examples(['blue widget']),
)

/** How many of the item: an integer from 1 to 1000. */
export const quantitySchema = v.pipe(
  v.number('must be a number'),
  v.integer('must be an integer'),
  v.minValue(1, 'must be at least 1'),
  v.maxValue(MAX_QUANTITY, `must be at most ${MAX_QUANTITY}`),
  v.description('How many of the item.'),
  v.examples([3]),
)

/**
 * The fields of an order's content: what is ordered. This is the one place that names them. Everything that must know them
 * derives from this list: the types, what a client and a message may send, the record, the queue message, when two orders
 * are the same, the table's columns, the API's description, the poison tool, the fault harness and the benchmarks.
 *
 * A new field is optional or has a default: orders that wait on the queue were sent without it. It gets a description and, for
 * the API's page, an example. Run `npm run openapi` after a change.
 */
export const contentFields = {
  item: itemSchema,
  quantity: v.optional(quantitySchema, 1),
}

/** The fields that every record has. A field that was added later is not one of them: records stored before lack it. */
const ALWAYS_STORED = ['item', 'quantity'] as const satisfies readonly (keyof OrderContent)[]
const isAlwaysStored = (name: string) => (ALWAYS_STORED as readonly string[]).includes(name)

/** What is ordered, as the service understands it: valid, item trimmed, defaults filled in. */
export type OrderContent = Readonly<v.InferOutput<v.StrictObjectSchema<typeof contentFields, string>>>

/** A valid order that may not have an id yet. */
export type OrderDraft = OrderContent & { readonly id?: string }

/** A valid order under its id, the idempotency key. */
export type Order = OrderContent & { readonly id: string }

/** A valid order's content as it was stored, maybe before the newest fields existed. */
export type StoredContent = Pick<OrderContent, (typeof ALWAYS_STORED)[number]> & Partial<OrderContent>

/** A field of an order's content. */
export type ContentField = keyof typeof contentFields
const fieldNames = Object.keys(contentFields) as readonly ContentField[]

for (const name of fieldNames) requireFieldName(name)

/** An order as a client or a message gives it. Unknown fields are refused: a typo must not be dropped in silence. */
export const orderSchema = v.pipe(
  v.strictObject({ id: v.exactOptional(orderIdSchema), ...contentFields }, 'must be an object'),
  v.description('An order. Fields that are not listed are refused.'),
)

const timeSchema = v.pipe(v.string(), v.isoTimestamp())

const acceptedAtSchema = v.pipe(timeSchema, v.description('When it was accepted: ISO 8601, in UTC.'))

/** The content of a record: the same fields, without limits that may be others by now. */
const storedFields = Object.fromEntries(
  fieldNames.map((name) => [name, storedField(contentFields[name], name, isAlwaysStored(name))]),
) as unknown as { readonly [Name in ContentField]: v.GenericSchema<OrderContent[Name]> }

const contentEntries = { id: orderIdSchema, ...storedFields }

/** The record of an order whose message waits on the queue. */
export const acceptedOrderSchema = v.pipe(
  v.object({ ...contentEntries, status: v.literal('accepted'), acceptedAt: acceptedAtSchema }),
  v.description('An accepted order that is not processed yet.'),
)

/** The record of an order that is processed. */
export const processedOrderSchema = v.pipe(
  v.object({
    ...contentEntries,
    status: v.literal('processed'),
    message: v.pipe(v.string(), v.description('A message about the result.')),
    acceptedAt: v.exactOptional(acceptedAtSchema),
    processedAt: v.pipe(timeSchema, v.description('When it was processed: ISO 8601, in UTC.')),
  }),
  v.description(
    'A processed order. It never changes. `acceptedAt` is present only if it was accepted first, and is never after ' +
      '`processedAt`.',
  ),
)

/**
 * What storage holds under an order's id, one schema for each status. Whatever is parsed by it has its fields in this order.
 * A status that is added here is a compile error at every place that must decide about it.
 */
export const orderRecordSchema = v.variant('status', [acceptedOrderSchema, processedOrderSchema])

/** What a schema of records gives, with the types of the content: of each kind by itself, where it has several. */
type RecordOf<Schema extends v.GenericSchema> = WithContent<v.InferOutput<Schema>>
type WithContent<Kind> = Kind extends unknown ? Readonly<Omit<Kind, ContentField>> & StoredContent : never

/** An order whose message waits on the queue. Times are ISO 8601 UTC. */
export type AcceptedOrder = RecordOf<typeof acceptedOrderSchema>

/** An order that is processed, for ever. `acceptedAt` is there only if it was accepted first, and never after `processedAt`. */
export type ProcessedOrder = RecordOf<typeof processedOrderSchema>

/** What storage holds under an order's id, and what every response shows. */
export type OrderRecord = RecordOf<typeof orderRecordSchema>

/**
 * The content of an order or a record, and nothing else of it, with its fields always in the same order.
 */
export function contentOf<T extends StoredContent>(order: T): Pick<T, Extract<keyof T, ContentField>> {
  const content: Partial<Record<ContentField, unknown>> = {}
  for (const name of fieldNames) {
    const value: unknown = order[name]
    if (value !== undefined) content[name] = value
  }
  return content as Pick<T, Extract<keyof T, ContentField>>
}

const comparableSchema = v.object(storedFields)

/**
 * Whether two orders under one id ask for the same thing; times and status play no part. A record that was stored before a
 * field with a default existed has that default.
 */
export function sameContent(a: StoredContent, b: StoredContent): boolean {
  return isDeepStrictEqual(comparable(a), comparable(b))
}

/** As JSON has it, and storage keeps it: no -0, and no field that is undefined. */
function comparable(order: StoredContent): unknown {
  return JSON.parse(JSON.stringify(v.parse(comparableSchema, contentOf(order))))
}

/**
 * Reads what is stored under an id as a record.
 *
 * @throws UnreadableRecordError
 */
export function parseRecord(id: string, stored: Readonly<Record<string, unknown>>): OrderRecord {
  const result = v.safeParse(orderRecordSchema, { ...stored, id })
  if (result.success) return result.output
  const fields = new Set(result.issues.map(({ path }) => String(path?.[0].key)))
  throw new UnreadableRecordError(id, [...fields])
}

/**
 * Checks a parsed JSON value against the order schema.
 *
 * @returns the draft, its item trimmed and its defaults filled in, or every fault at once
 */
export function checkOrder(input: unknown): Checked<OrderDraft> {
  return check(orderSchema, input)
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

/** The valid order id in a parsed JSON value, whatever else is wrong with it. */
export function orderIdIn(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null || !Object.hasOwn(input, 'id')) return undefined
  const { id } = input as { readonly id: unknown }
  return typeof id === 'string' && ORDER_ID.test(id) ? id : undefined
}
