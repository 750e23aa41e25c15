import { parseNetJson, type NetJson } from '../net-json.ts'
import type { TypedData } from '../protocol.ts'

/** A value that a function gave to an output, as the real host holds it after the worker's message has been read. */
export type OutputValue =
  | { readonly kind: 'bytes'; readonly value: Buffer }
  | Extract<NetJson, { readonly kind: 'text' | 'boolean' | 'integer' | 'double' | 'array' | 'object' }>

const LONG_BITS = 64
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

/**
 * Reads a worker's value; `undefined` when there is none, or it is `null`:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
 */
export function outputValueOf(data: TypedData): OutputValue | undefined {
  if (data.bytes !== undefined) return { kind: 'bytes', value: Buffer.from(data.bytes) }
  if (data.string !== undefined) return { kind: 'text', value: wireText(data.string) }
  // The worker's protocol has 64-bit integers; a larger number wraps around.
  if (data.int !== undefined) return { kind: 'integer', value: BigInt.asIntN(LONG_BITS, BigInt(data.int)) }
  if (data.double !== undefined) return { kind: 'double', value: data.double }
  if (data.json === undefined) return undefined
  const value = parseNetJson(data.json, 'text')
  return value.kind === 'null' || value.kind === 'undefined' || value.kind === 'date' ? undefined : value
}

/** A lone surrogate is three bytes in the worker's message, and none of them can be read. */
function wireText(text: string): string {
  return text.replace(LONE_SURROGATE, '\uFFFD'.repeat(3))
}
