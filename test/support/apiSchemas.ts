import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import openapi from '../../src/http/openapi.json' with { type: 'json' }

/** The schemas of the OpenAPI description, as validation functions. */
export interface ApiSchemas {
  /** The schema at a JSON pointer into the description. */
  byPointer(pointer: string): ValidateFunction
}

/**
 * Compiles the schemas of the API's description.
 *
 * @param strict whether objects must not have properties that are not described. Clients must accept more, but the responses
 * of this version are fully described
 */
export function apiSchemas({ strict }: { readonly strict: boolean }): ApiSchemas {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false })
  formats.default(ajv)
  // Keywords that OpenAPI adds to JSON Schema. `discriminator` repeats `oneOf`; the others contain schemas.
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
