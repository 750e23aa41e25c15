import * as v from 'valibot'
import { MAX_BODY_BYTES, type OrderFault } from './errors.ts'
import { namedKeys, unknownFields } from './schema.ts'

/**
 * Most bytes of an order's JSON text, in UTF-8: a table's column holds 64 KiB of UTF-16, a queue's message 48 KiB before it
 * is Base64. https://learn.microsoft.com/azure/storage/queues/scalability-targets
 */
const MAX_ORDER_BYTES = MAX_BODY_BYTES

/** A valid order, or what is wrong with it. */
export type Checked<Draft> =
  { readonly draft: Draft; readonly faults?: undefined } | { readonly faults: readonly OrderFault[] }

/**
 * Checks a parsed JSON value against a schema of orders, whatever fields it has.
 *
 * @returns what the schema makes of it, or every fault at once
 */
export function check<Draft extends object>(
  schema: v.GenericSchema<unknown, Draft>,
  input: unknown,
): Checked<Draft> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return { faults: [{ pointer: '', detail: 'must be an object' }] }
  }
  const result = v.safeParse(schema, input)
  if (result.success) {
    const faults = storageFaults(result.output)
    return faults.length === 0 ? { draft: result.output } : { faults }
  }
  const rules = result.issues.filter(({ expected }) => expected !== 'never')
  return {
    faults: [
      ...rules.map((issue) => fault(schema, issue)),
      ...allUnknownFields(schema, input, result.issues).map((path) => unknownField(schema, path)),
    ],
  }
}

function allUnknownFields(
  schema: v.GenericSchema,
  input: unknown,
  issues: readonly v.BaseIssue<unknown>[],
): readonly (readonly string[])[] {
  // valibot reports the first unknown field of an object alone.
  const found = unknownFields(schema, input).map((path) => path.map(String))
  const listed = new Set(found.map(pointer))
  // It alone finds those in values of records, tuples and variants.
  const others = issues.filter(({ expected }) => expected === 'never').map(keysOf)
  return [...found, ...others.filter((path) => !listed.has(pointer(path)))]
}

function unknownField(schema: v.GenericSchema, path: readonly string[]): OrderFault {
  const owner = pointer(namedKeys(schema, path.slice(0, -1)))
  return {
    pointer: pointer(path),
    detail: 'is not a field of an order',
    logged: `${owner || 'the order'} has an unknown field`,
  }
}

function keysOf({ path }: v.BaseIssue<unknown>): readonly string[] {
  return path?.map(({ key }) => String(key)) ?? []
}

/** What no rule of a field says, and storage could not keep. */
function storageFaults(order: object): readonly OrderFault[] {
  const faults = [...malformedTexts(order, [])].map((path) => ({
    pointer: pointer(path),
    detail: 'must be well-formed Unicode',
    logged: `${pointer(path.slice(0, 1))} must be well-formed Unicode`,
  }))
  if (Buffer.byteLength(JSON.stringify(order)) <= MAX_ORDER_BYTES) return faults
  return [...faults, { pointer: '', detail: `must be at most ${MAX_ORDER_BYTES} bytes of JSON` }]
}

function* malformedTexts(value: unknown, path: readonly string[]): Generator<readonly string[]> {
  if (typeof value === 'string' && !value.isWellFormed()) yield path
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, key]
    if (!key.isWellFormed()) yield at
    yield* malformedTexts(inner, at)
  }
}

function fault(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): OrderFault {
  const keys = keysOf(issue)
  const where = pointer(keys)
  const place = pointer(namedKeys(schema, keys))
  const detail = detailOf(issue)
  return { pointer: where, detail, ...(place !== where && { logged: `${place} ${detail}` }) }
}

/** The rule's own words. valibot's would quote what the sender wrote, which has no place in the log. */
function detailOf({ message, expected, received }: v.BaseIssue<unknown>): string {
  if (received === 'undefined') return 'is required'
  return expected !== null && /^Invalid .*: Expected .* received /s.test(message)
    ? `must be ${expected}`
    : message
}

/** RFC 6901 §3 and §4: `~` is written `~0`, `/` is written `~1`. */
function pointer(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
