import { jsonIn } from '../json-text.ts'
import type { TypedData } from '../protocol.ts'

/**
 * A returned value as .NET's text of it: https://learn.microsoft.com/dotnet/api/system.object.tostring, JSON as Newtonsoft writes it.
 * `undefined` for no value.
 */
export function returnText(value: TypedData | null | undefined): string | undefined {
  if (value === null || value === undefined) return undefined
  if (value.string !== undefined) return value.string
  if (value.json !== undefined) return jsonText(jsonIn(value.json))
  if (value.bytes !== undefined) return Buffer.from(value.bytes).toString('utf8')
  const number = value.int ?? value.double
  return number === undefined ? undefined : String(number)
}

function jsonText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}
