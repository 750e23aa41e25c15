import * as v from 'valibot'

// What is derived from the schema of a field, whatever the field is. Each function takes the kinds of schema that JSON
// has, and refuses the others when the app is loaded: a field that some way in or out would lose must not exist.

type Schema = v.GenericSchema

/** The parts of valibot's schemas that are looked at here. A schema with a pipe has those of its first step, too. */
interface SchemaParts {
  readonly type: string
  readonly pipe?: readonly (Schema | PipeAction)[]
  readonly entries?: Readonly<Record<string, Schema>>
  readonly item?: Schema
  readonly items?: readonly Schema[]
  readonly key?: Schema | string
  readonly value?: Schema
  readonly rest?: Schema
  readonly wrapped?: Schema
  readonly default?: unknown
  readonly options?: readonly unknown[]
  readonly literal?: unknown
}

interface PipeAction {
  readonly kind: 'validation' | 'transformation' | 'metadata'
  readonly type: string
}

const parts = (schema: Schema): SchemaParts => schema

/** Transformations that change nothing when they are applied again, as a queued order's are. */
const REPEATABLE = new Set([
  ...['trim', 'trim_start', 'trim_end', 'normalize', 'to_lower_case', 'to_upper_case'],
  ...['to_min_value', 'to_max_value', 'readonly', 'brand', 'flavor'],
])

/** Validations that say what type a value has, and not between which limits it is. */
const TYPES = new Set(['integer', 'safe_integer'])

const SCALARS = new Set(['string', 'number', 'boolean', 'picklist', 'enum', 'literal'])
const OPTIONALS = new Set(['optional', 'exact_optional', 'undefinedable'])

/** Names of a record's own fields, and of a table's, in lower case. */
const TAKEN = new Set([
  ...['id', 'status', 'message', 'acceptedat', 'processedat'],
  ...['partitionkey', 'rowkey', 'timestamp', 'etag'],
])

/**
 * Checks the name of a field of an order's content.
 * https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model#property-names
 *
 * @throws TypeError for a name that is taken, in any case, or that no column can have
 */
export function requireFieldName(name: string): void {
  if (/^[A-Za-z_]\w{0,254}$/.test(name) && !TAKEN.has(name.toLowerCase())) return
  throw new TypeError(
    `An order cannot have a content field "${name}": the name is taken, or no column can have it.`,
  )
}

/**
 * The entry of a field in the schema of a record. A field that not every record has may be absent.
 *
 * @throws TypeError for a schema that cannot be stored and read back as it was
 */
export function storedField(schema: Schema, field: string, always: boolean): Schema {
  const stored = storedSchema(schema, field)
  return always || OPTIONALS.has(stored.type) ? stored : v.exactOptional(stored)
}

/**
 * The schema of a field as it is stored. A record keeps what was once valid, so it is not held to limits that may be
 * others now, and it may have nested fields that have gone since. Closed sets (`picklist`, `literal`) stay closed.
 *
 * @throws TypeError for a schema that cannot be stored and read back as it was
 */
export function storedSchema(schema: Schema, field: string): Schema {
  const { type, pipe, entries, rest, item, items, key, value, wrapped, options } = parts(schema)
  const inner = (nested: Schema) => storedSchema(nested, field)
  if (pipe !== undefined) {
    const [base, ...actions] = pipe as readonly [Schema, ...(Schema | PipeAction)[]]
    const kept = actions.filter((action): action is PipeAction => {
      if (action.kind === 'schema' || (action.kind === 'transformation' && !REPEATABLE.has(action.type))) {
        throw unsupported(field, action.type, 'It would be applied again to an order that was queued.')
      }
      return action.kind === 'metadata' ? action.type !== 'examples' : TYPES.has(action.type)
    })
    // valibot's types want the actions one by one.
    const join = v.pipe as unknown as (...steps: readonly unknown[]) => Schema
    return join(inner(base), ...kept)
  }
  if (entries !== undefined) {
    const stored = mapValues(entries, inner)
    if (rest !== undefined) return v.objectWithRest(stored, inner(rest))
    return type === 'loose_object' ? v.looseObject(stored) : v.object(stored)
  }
  if (item !== undefined) return v.array(inner(item))
  if (type === 'tuple' && items !== undefined) return v.tuple(items.map(inner))
  if (type === 'record' && value !== undefined) return v.record(v.string(), inner(value))
  if (typeof key === 'string' && options !== undefined) {
    return v.variant(key, (options as Schema[]).map(inner) as never)
  }
  if (wrapped !== undefined) {
    const fallback = parts(schema).default as undefined
    if (type === 'optional' || type === 'undefinedable') return v.optional(inner(wrapped), fallback)
    if (type === 'exact_optional') return v.exactOptional(inner(wrapped), fallback)
    if (type === 'nullable') return v.nullable(inner(wrapped), fallback)
    if (type === 'nullish') return v.nullish(inner(wrapped), fallback)
  }
  if (SCALARS.has(type) || ['null', 'unknown', 'any', 'union', 'lazy'].includes(type)) return schema
  throw unsupported(field, type, 'JSON has no such value.')
}

/** Whether a field's values are texts, numbers or booleans: what a column of a table holds as it is. */
export function isScalar(schema: Schema): boolean {
  const { type, wrapped } = parts(schema)
  if (wrapped !== undefined) return OPTIONALS.has(type) && isScalar(wrapped)
  return SCALARS.has(type)
}

/**
 * What the text of a CSV cell is read as: `number` and `boolean` where all values of a scalar field are of that kind, `string`
 * for other scalars, and `json` for objects, arrays and whatever else one column cannot hold as it is.
 */
export function cellType(schema: Schema): 'string' | 'number' | 'boolean' | 'json' {
  if (!isScalar(schema)) return 'json'
  const { type, wrapped, options, literal } = parts(schema)
  if (wrapped !== undefined) return cellType(wrapped)
  const kinds = new Set(
    type === 'literal' ? [typeof literal] : (options ?? []).map((option) => typeof option),
  )
  if (type === 'number' || type === 'boolean') kinds.add(type)
  const [kind, ...others] = kinds
  return others.length === 0 && (kind === 'number' || kind === 'boolean') ? kind : 'string'
}

/** Whether an order must have the field. */
export function isRequired(schema: Schema): boolean {
  return !OPTIONALS.has(schema.type) && schema.type !== 'nullish'
}

/**
 * The fields of a value that its schema does not know, at any depth, each as the keys that lead to it. valibot's own
 * strict objects stop at the first one; whoever sent them wants to hear of all.
 */
export function unknownFields(
  schema: Schema,
  input: unknown,
  path: readonly (string | number)[] = [],
): readonly (readonly (string | number)[])[] {
  const { type, entries, item, wrapped } = parts(schema)
  if (wrapped !== undefined) return unknownFields(wrapped, input, path)
  if (item !== undefined && Array.isArray(input)) {
    return input.flatMap((value, index) => unknownFields(item, value, [...path, index]))
  }
  if (entries === undefined || typeof input !== 'object' || input === null || Array.isArray(input)) return []
  return Object.entries(input).flatMap(([key, value]) => {
    const entry = Object.hasOwn(entries, key) ? entries[key] : undefined
    if (entry !== undefined) return unknownFields(entry, value, [...path, key])
    return type === 'strict_object' ? [[...path, key]] : []
  })
}

/**
 * The keys that lead to a value, with `*` for each that its schema does not name, such as a record's: whoever sent the value
 * made it up.
 */
export function namedKeys(schema: Schema | undefined, keys: readonly string[]): readonly string[] {
  const [key, ...below] = keys
  if (key === undefined) return []
  if (schema === undefined) return keys.map(() => '*')
  const { entries, rest, item, items, value, wrapped, options } = parts(schema)
  if (wrapped !== undefined) return namedKeys(wrapped, keys)
  if (options !== undefined) return namedKeys(optionWith(options as readonly Schema[], key), keys)
  if (item !== undefined) return [key, ...namedKeys(item, below)]
  if (items !== undefined) return [key, ...namedKeys(items[Number(key)], below)]
  if (entries !== undefined && Object.hasOwn(entries, key)) return [key, ...namedKeys(entries[key], below)]
  return ['*', ...namedKeys(rest ?? value, below)]
}

function optionWith(options: readonly Schema[], key: string): Schema | undefined {
  return options.find((option) => Object.hasOwn(parts(option).entries ?? {}, key))
}

/** The first example that a field's schema gives, if it gives one. */
export function exampleOf(schema: Schema): unknown {
  const { pipe, wrapped } = parts(schema)
  const own = pipe?.find(
    (action): action is v.ExamplesAction<unknown, readonly unknown[]> => action.type === 'examples',
  )
  if (own !== undefined) return own.examples[0]
  return wrapped === undefined ? undefined : exampleOf(wrapped)
}

function mapValues<T, U>(
  object: Readonly<Record<string, T>>,
  map: (value: T) => U,
): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]))
}

function unsupported(field: string, type: string, why: string): TypeError {
  return new TypeError(`The field ${field} of an order cannot be of the kind "${type}". ${why}`)
}
