import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import openapi from '../../src/http/openapi.json' with { type: 'json' }

/** The schemas of the API's description, as functions that check values. */
export interface ApiSchemas {
  /** The schema at a JSON pointer into the description. */
  byPointer(pointer: string): ValidateFunction
}

/**
 * Compiles the schemas of the API's description.
 *
 * @param strict whether an object may have no other properties than those described: a client must put up with more,
 * but what this app answers today is described
 */
export function apiSchemas({ strict }: { readonly strict: boolean }): ApiSchemas {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false })
  formats.default(ajv)
  // What OpenAPI adds to JSON Schema. `discriminator` says what `oneOf` says; the others hold schemas.
  ajv.addVocabulary(['discriminator', ...Object.keys(openapi)])
  const id = 'urn:orders:openapi'
  ajv.addSchema({ ...(strict ? closed(openapi) : openapi), $id: id }, id, true, false)
  return {
    // RFC 6901 §6: a pointer in a fragment is percent-encoded.
    byPointer: (pointer) => ajv.compile({ $ref: `${id}#${encodeURI(pointer)}` }),
  }
}

function closed(part: object): object {
  const inner = (value: unknown): unknown =>
    typeof value === 'object' && value !== null ? closed(value) : value
  if (Array.isArray(part)) return part.map(inner)
  const parts = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, inner(value)]))
  return 'properties' in part && 'type' in part && part.type === 'object'
    ? { additionalProperties: false, ...parts }
    : parts
}
