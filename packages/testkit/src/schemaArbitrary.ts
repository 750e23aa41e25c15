import fc from 'fast-check'
import * as v from 'valibot'

type Schema = v.GenericSchema

interface Action {
  readonly kind: string
  readonly type: string
  readonly requirement?: unknown
  readonly examples?: readonly unknown[]
}

/** The parts of valibot's schemas that are looked at here. */
interface SchemaParts {
  readonly type: string
  readonly pipe?: readonly Action[]
  readonly entries?: Readonly<Record<string, Schema>>
  readonly item?: Schema
  readonly items?: readonly Schema[]
  readonly value?: Schema
  readonly wrapped?: Schema
  readonly options?: readonly unknown[]
  readonly literal?: unknown
}

/** Of so many candidates at least two different ones must be valid. */
const CANDIDATES = 1000

/**
 * Values that a schema takes, as it gives them: trimmed, with defaults. `undefined` stands for a field that is absent.
 *
 * @throws Error when hardly any candidate is valid: the schema then needs examples (`v.examples`)
 */
export function schemaArbitrary(schema: Schema): fc.Arbitrary<unknown> {
  const valid = candidates(schema).filter((value) => v.safeParse(schema, value).success)
  const found = fc
    .sample(candidates(schema), CANDIDATES)
    .filter((value) => v.safeParse(schema, value).success)
    .map((value) => JSON.stringify(v.parse(schema, value)))
  if (new Set(found).size < 2) {
    throw new Error('No two valid values were found for a schema. Give it examples: v.examples([…, …]).')
  }
  return valid.map((value) => v.parse(schema, value))
}

/**
 * So many values of {@link schemaArbitrary}: always the same ones for the same seed.
 */
export function schemaValues(schema: Schema, seed: number, count: number): readonly unknown[] {
  return fc.sample(schemaArbitrary(schema), { seed, numRuns: count })
}

function candidates(schema: Schema): fc.Arbitrary<unknown> {
  const { type, pipe, entries, item, items, value, wrapped, options, literal } =
    schema as unknown as SchemaParts
  if (pipe !== undefined) return piped(pipe)
  if (wrapped !== undefined) {
    return fc.oneof(
      { weight: 1, arbitrary: fc.constant(['nullable', 'nullish'].includes(type) ? null : undefined) },
      { weight: 4, arbitrary: candidates(wrapped) },
    )
  }
  if (entries !== undefined) {
    return fc
      .record(Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, candidates(entry)])))
      .map((object) => JSON.parse(JSON.stringify(object)) as unknown)
  }
  if (item !== undefined) return fc.array(candidates(item), { maxLength: 5 })
  if (items !== undefined) return fc.tuple(...items.map(candidates))
  if (value !== undefined)
    return fc.dictionary(fc.string({ unit: 'grapheme' }), candidates(value), { noNullPrototype: true })
  if (type === 'literal') return fc.constant(literal)
  if (type === 'picklist' || type === 'enum') return fc.constantFrom(...(options ?? []))
  if (options !== undefined) return fc.oneof(...(options as readonly Schema[]).map(candidates))
  if (type === 'string') return fc.string({ unit: 'grapheme', maxLength: 40 })
  if (type === 'number') return fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
  if (type === 'boolean') return fc.boolean()
  return fc.jsonValue()
}

/** Candidates for a schema with rules: what its rules say is used, since hardly any random value would keep them. */
function piped(pipe: readonly Action[]): fc.Arbitrary<unknown> {
  const [base, ...rules] = pipe
  const schema = base as unknown as Schema
  const requirement = (type: string) =>
    rules.find((rule) => rule.type === type)?.requirement as number | undefined
  const examples = rules.flatMap(({ examples = [] }) => examples)
  const known = examples.length > 0 ? [fc.constantFrom(...examples)] : []
  if (schema.type === 'number') {
    const min = requirement('min_value') ?? -(2 ** 40)
    const max = requirement('max_value') ?? 2 ** 40
    return fc.oneof(...known, fc.integer({ min: Math.ceil(min), max: Math.floor(max) }), candidates(schema))
  }
  if (schema.type === 'array') {
    const { item } = schema as unknown as { readonly item: Schema }
    const length = requirement('length')
    const minLength = length ?? requirement('min_length') ?? requirement('non_empty') ?? 0
    const maxLength = length ?? Math.min(requirement('max_length') ?? 5, minLength + 5)
    return fc.oneof(
      ...known,
      fc.array(candidates(item), { minLength: Math.max(minLength, 1), maxLength: Math.max(maxLength, 1) }),
    )
  }
  if (schema.type === 'string') {
    const patterns = rules.flatMap(({ requirement }) =>
      requirement instanceof RegExp ? matching(requirement) : [],
    )
    const minLength = requirement('length') ?? requirement('min_length') ?? 0
    const maxLength = requirement('length') ?? requirement('max_length') ?? minLength + 40
    return fc.oneof(
      ...known,
      ...patterns,
      fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, minLength + 40) }),
    )
  }
  return known.length > 0 ? fc.oneof(...known, candidates(schema)) : candidates(schema)
}

/** Texts that match a pattern, where fast-check knows all that the pattern uses. */
function matching(pattern: RegExp): readonly fc.Arbitrary<string>[] {
  try {
    return [fc.stringMatching(pattern)]
  } catch {
    return []
  }
}
