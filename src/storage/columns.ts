import type * as v from 'valibot'
import { isScalar } from '../orders/schema.ts'

type Fields = Readonly<Record<string, unknown>>
type Schemas = Readonly<Record<string, v.GenericSchema>>

/**
 * A record's fields as the columns of a table: texts, numbers and booleans as they are, everything else (objects, arrays,
 * null) as JSON text.
 *
 * @param schemas of the fields; a field without a schema is a text, number or boolean
 */
export function toColumns(schemas: Schemas, fields: Fields): Fields {
  return mapFields(fields, (name, value) => (isJson(schemas, name) ? JSON.stringify(value) : typed(value)))
}

/**
 * The fields that columns hold.
 *
 * @returns also the names of the columns that should hold JSON text and do not
 */
export function fromColumns(
  schemas: Schemas,
  columns: Fields,
): { readonly fields: Fields; readonly damaged: readonly string[] } {
  const damaged: string[] = []
  const fields = mapFields(columns, (name, value) => {
    if (!isJson(schemas, name)) return value
    try {
      return JSON.parse(String(value)) as unknown
    } catch {
      damaged.push(name)
      return undefined
    }
  })
  return { fields, damaged }
}

/**
 * The client library sends every number as it is, and storage takes one without a fraction for a 32-bit integer.
 * https://learn.microsoft.com/rest/api/storageservices/payload-format-for-table-service-operations#property-types-in-a-json-feed
 */
function typed(value: unknown): unknown {
  return typeof value === 'number' && (value | 0) !== value ? { type: 'Double', value } : value
}

function isJson(schemas: Schemas, name: string): boolean {
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
  return schema !== undefined && !isScalar(schema)
}

function mapFields(fields: Fields, map: (name: string, value: unknown) => unknown): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, map(name, value)]))
}
