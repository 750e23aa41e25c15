import type * as v from 'valibot'
import { MAX_BODY_BYTES, type OrderFault } from './errors.ts'
import { knownKeys, unknownFields } from './schema.ts'

/**
 * Most bytes of an order's JSON text, in UTF-8: a table's column holds 64 KiB of UTF-16, a queue's message 48 KiB before it
 * is Base64. https://learn.microsoft.com/azure/storage/queues/scalability-targets
 */
const MAX_ORDER_BYTES = MAX_BODY_BYTES

/**
 * What is wrong with a value by its schema, all of it.
 *
 * @param issues what the schema's parser says of it: of several unknown fields of one object it names the first one
 */
export function schemaFaults(
  schema: v.GenericSchema,
  input: unknown,
  issues: readonly v.BaseIssue<unknown>[],
): readonly OrderFault[] {
  const unknown = unknownFields(schema, input).map((path) => path.map(String))
  const listed = new Set(unknown.map(pointer))
  // Unknown fields in values of records, tuples and variants: only the parser finds them.
  const others = issues
    .filter(({ expected }) => expected === 'never')
    .map(({ path = [] }) => path.map(({ key }) => String(key)))
    .filter((path) => !listed.has(pointer(path)))
  return [
    ...issues.filter(({ expected }) => expected !== 'never').map((issue) => schemaFault(schema, issue)),
    ...[...unknown, ...others].map((path) => unknownFieldFault(schema, path)),
  ]
}

/** A field's name is the sender's text, which has no place in the log. */
function unknownFieldFault(schema: v.GenericSchema, path: readonly string[]): OrderFault {
  const owner = pointer(knownKeys(schema, path.slice(0, -1)))
  return {
    pointer: pointer(path),
    detail: 'is not a field of an order',
    logged: `${owner || 'the order'} has an unknown field`,
  }
}

/** What no rule of a field says, and storage could not keep of an order that its schema has accepted. */
export function storageFaults(order: object): readonly OrderFault[] {
  const faults = [...malformedTexts(order, [])].map((path) => ({
    pointer: pointer(path),
    detail: 'must be well-formed Unicode',
    logged: `${pointer(path.slice(0, 1))} must be well-formed Unicode`,
  }))
  if (Buffer.byteLength(JSON.stringify(order)) <= MAX_ORDER_BYTES) return faults
  return [...faults, { pointer: '', detail: `must be at most ${MAX_ORDER_BYTES} bytes of JSON` }]
}

function* malformedTexts(
  value: unknown,
  path: readonly (string | number)[],
): Generator<readonly (string | number)[]> {
  if (typeof value === 'string' && !value.isWellFormed()) yield path
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key]
    if (!key.isWellFormed()) yield at
    yield* malformedTexts(inner, at)
  }
}

/** What a schema says is wrong with a value. */
function schemaFault(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): OrderFault {
  const keys = (issue.path ?? []).map(({ key }) => String(key))
  const where = pointer(keys)
  const known = pointer(knownKeys(schema, keys))
  const detail = detailOf(issue)
  return { pointer: where, detail, ...(known !== where && { logged: `${known} ${detail}` }) }
}

/** The rule's own words. valibot's would quote what the sender wrote, which has no place in the log. */
function detailOf({ message, expected, received }: v.BaseIssue<unknown>): string {
  if (received === 'undefined') return 'is required'
  return expected !== null && /^Invalid .*: Expected .* received /s.test(message)
    ? `must be ${expected}`
    : message
}

/** RFC 6901 §3 and §4: `~` is written `~0`, `/` is written `~1`. */
function pointer(keys: readonly (string | number)[]): string {
  return keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
