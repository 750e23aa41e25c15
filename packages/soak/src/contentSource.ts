import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { checkOrder, contentFields, type ContentField } from '../../../src/orders/order.ts'
import { schemaValues } from 'testkit/schemaArbitrary'
import { CONTENT_FIELDS, type Content } from './content.ts'
import type { Random } from './random.ts'

/** Contents of the orders of a run: valid, and no two the same. */
export interface ContentSource {
  /** The content of the run's nth order. */
  fresh(number: number): Content
  /** Another content: one field, any of them, differs. */
  withOneChange(content: Content): Content
  /** The fields as a client writes them, in one of several forms that mean the same content. */
  written(content: Content): readonly (readonly [name: string, value: unknown])[]
}

/** How many values of a field a run uses. */
const VALUES = 500

/** Fields whose values are not drawn from the schema: `item` makes every order of a run different. */
const KNOWN: Partial<
  Record<
    ContentField,
    {
      readonly fresh: (random: Random, number: number) => unknown
      readonly other: (content: Content) => unknown
    }
  >
> = {
  item: {
    fresh: (random, number) =>
      random.pick([
        `widget ${number}`,
        `Schraube für Größe ${number}`,
        `\u{1f9e6} pair ${number}`,
        `"${number}" <b>&amp;</b> 'x' \\n %00 {"id":"y"}`,
        `item ${number} ${'\u{1f680}'.repeat(20)}`,
      ]),
    other: ({ item }) => `other ${item}`,
  },
  quantity: {
    fresh: (random) => (random.chance(0.5) ? 1 : random.integer(1, 1000)),
    other: ({ quantity }) => (quantity % 1000) + 1,
  },
}

/** A source of contents that `random` determines. Fields that it does not know get values that their schema takes. */
export function createContentSource(random: Random): ContentSource {
  const drawn = new Map<ContentField, readonly unknown[]>()

  /** A value of a field; undefined if it is absent. */
  function draw(name: ContentField): unknown {
    const values = drawn.get(name) ?? validValues(name, random.integer(0, 2 ** 31 - 1))
    drawn.set(name, values)
    return values[random.integer(0, values.length - 1)]
  }

  function otherValue(name: ContentField, content: Content): unknown {
    const known = KNOWN[name]
    if (known !== undefined) return known.other(content)
    for (;;) {
      const value = draw(name)
      if (!isDeepStrictEqual(value, content[name])) return value
    }
  }

  return {
    fresh: (number) =>
      contentFrom(CONTENT_FIELDS.map((name) => [name, KNOWN[name]?.fresh(random, number) ?? draw(name)])),
    withOneChange(content) {
      const [first, ...rest] = CONTENT_FIELDS
      const changed = first === undefined ? undefined : random.pick([first, ...rest])
      return contentFrom(
        CONTENT_FIELDS.map((name) => [name, name === changed ? otherValue(name, content) : content[name]]),
      )
    },
    written: (content) =>
      CONTENT_FIELDS.flatMap((name) => {
        const value: unknown = content[name]
        const parsedAs = (text: unknown) => v.safeParse(contentFields[name], text)
        // The service fills in a default, and trims.
        const isDefault = isDeepStrictEqual(parsedAs(undefined).output, value)
        if (value === undefined || (isDefault && random.chance(0.5))) return []
        if (typeof value === 'string' && random.chance(0.1)) {
          const padded = `  ${value}\t`
          if (parsedAs(padded).output === value) return [[name, padded]]
        }
        return [[name, value]]
      }),
  }
}

/** @throws Error when a field's schema takes no two different values that can be stored */
function validValues(name: ContentField, seed: number): readonly unknown[] {
  const values = schemaValues(contentFields[name], seed, VALUES)
    // As JSON has it, and storage keeps it.
    .map((value) => (value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown)))
    .filter((value) => {
      const { faults = [] } = checkOrder({ [name]: value })
      return !faults.some(({ pointer }) => pointer === '' || `${pointer}/`.startsWith(`/${name}/`))
    })
  if (values.every((value) => isDeepStrictEqual(value, values[0]))) {
    throw new Error(`The schema of ${name} has no two different examples. Give it some: v.examples([…, …]).`)
  }
  return values
}

/** The fields in the order of the schema, without those that are absent. */
function contentFrom(fields: readonly (readonly [ContentField, unknown])[]): Content {
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined)) as unknown as Content
}
