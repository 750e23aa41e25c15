import { isUtf8 } from 'node:buffer'
import { BindingError, isBinary, propertyOf, type NamedBinding } from '../../host/function.ts'
import type { TypedData } from '../../protocol.ts'
import { jsonIn } from '../../json-text.ts'

/** Reads data as JSON. @throws {BindingError} when it is none. */
export function jsonOf(data: Buffer, what: string): unknown {
  try {
    return JSON.parse(data.toString('utf8'))
  } catch (error) {
    throw new BindingError(`its data must be ${what}, as JSON: ${(error as Error).message}.`)
  }
}

/** The elements of a JSON array, or the one element that the data is. @throws {BindingError} */
export function elementsOf(data: Buffer, what: string): readonly unknown[] {
  const value = jsonOf(data, what)
  return Array.isArray(value) ? (value as readonly unknown[]) : [value]
}

/** Whether the handler gets several messages at once (`cardinality: 'many'`). */
export function isMany(trigger: NamedBinding): boolean {
  const cardinality = propertyOf(trigger, 'cardinality')
  return typeof cardinality === 'string' && cardinality.toLowerCase() === 'many'
}

/**
 * The messages that data stands for: itself, or with `cardinality: 'many'` the elements of a JSON array, where it is one.
 * An element that is text is that text, anything else its JSON.
 */
export function messagesOf(data: Buffer, trigger: NamedBinding): readonly Buffer[] {
  if (!isMany(trigger) || !isUtf8(data)) return [data]
  const parsed = jsonIn(data)
  if (!Array.isArray(parsed)) return [data]
  return parsed.map((element: unknown) =>
    Buffer.from(typeof element === 'string' ? element : JSON.stringify(element)),
  )
}

/**
 * Messages as the worker gets them:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
 */
export function messageData(messages: readonly Buffer[], trigger: NamedBinding): TypedData {
  if (isMany(trigger)) {
    return isBinary(trigger)
      ? { collectionBytes: { bytes: messages } }
      : { collectionString: { string: messages.map((message) => message.toString('utf8')) } }
  }
  const [message = Buffer.alloc(0)] = messages
  return isBinary(trigger) ? { bytes: message } : { string: message.toString('utf8') }
}

/** One message, or two in an array. */
export function sampleFor(trigger: NamedBinding, messages: readonly [string, string]): string {
  return isMany(trigger) ? `[${messages.join(',')}]` : messages[0]
}

/** A value of the metadata, as the real host passes on what .NET holds: texts as they are, the rest as JSON. */
export function metadataValue(value: unknown): TypedData {
  return typeof value === 'string' ? { string: value } : { json: JSON.stringify(value) }
}

/** Metadata of plain values; those that are `undefined` are left out. */
export function metadataOf(values: Readonly<Record<string, unknown>>): Record<string, TypedData> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, metadataValue(value)] as const],
    ),
  )
}
