import {
  looksLikeJson,
  netText,
  NetJsonError,
  parseNetJson,
  writeNetJson,
  type NetJson,
} from '../net-json.ts'
import type { TypedData } from '../protocol.ts'

/** A property of a message's JSON object. */
export type MessageProperty = readonly [name: string, value: NetJson]

/**
 * The top-level properties of a JSON object that are neither an array nor `null`; scalars reach the app as .NET's text:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Utility.cs (`ApplyBindingData`)
 */
export function topLevelProperties(text: string): readonly MessageProperty[] {
  if (!looksLikeJson(text)) return []
  let parsed: NetJson
  try {
    parsed = parseNetJson(text, 'dates')
  } catch (error) {
    if (error instanceof NetJsonError) return []
    throw error
  }
  if (parsed.kind !== 'object') return []
  const all = [...parsed.properties]
  // .NET cannot make a text of it; the host then takes none of the properties.
  if (all.some(([, value]) => value.kind === 'undefined')) return []
  return all.filter(([, value]) => value.kind !== 'null' && value.kind !== 'array')
}

/** Metadata with a message's properties, which override metadata of the same name, as in the real host. */
export function withProperties(
  metadata: Readonly<Record<string, TypedData>>,
  properties: readonly MessageProperty[],
): Record<string, TypedData> {
  const all: Record<string, TypedData> = { ...metadata }
  for (const [name, value] of properties) {
    Object.defineProperty(all, name, {
      value: value.kind === 'object' ? { json: writeNetJson(value, 'compact') } : { string: netText(value) },
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return all
}

/** What binding expressions see of a message's properties. */
export function propertyValues(properties: readonly MessageProperty[]): Record<string, unknown> {
  return Object.fromEntries(properties.map(([name, value]) => [name, plain(value)]))
}

/** Text, or an object whose properties an expression can name. */
function plain(value: NetJson): unknown {
  return value.kind === 'object'
    ? Object.fromEntries([...value.properties].map(([name, inner]) => [name, plain(inner)]))
    : value.kind === 'array'
      ? value.items.map(plain)
      : netText(value)
}
