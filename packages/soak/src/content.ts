import { contentFields, type ContentField, type OrderContent } from '../../../src/orders/order.ts'

// This derives from the list of content fields, but not with the functions that the app derives with: a mistake in those must
// show in the audit.

/** The content of an order as the service stores it: valid, item trimmed, defaults filled in. */
export type Content = OrderContent

/** Names of the content fields, in the order in which a record has them. */
export const CONTENT_FIELDS = Object.keys(contentFields) as readonly ContentField[]

/** The content fields of an order, a record or a response, whatever else it has. */
export function contentIn(
  order: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> {
  const present = CONTENT_FIELDS.filter((name) => order?.[name] !== undefined)
  return Object.fromEntries(present.map((name) => [name, order?.[name]]))
}

/** A content as the key of a map. */
export function contentKey(order: Readonly<Record<string, unknown>> | undefined): string {
  return JSON.stringify(contentIn(order), sortedKeys)
}

/** Whether two orders have the same content: every field has the same value, or is absent in both. */
export function sameContent(
  a: Readonly<Record<string, unknown>> | undefined,
  b: Readonly<Record<string, unknown>> | undefined,
): boolean {
  return contentKey(a) === contentKey(b)
}

/** The text of the queue message of an order that was accepted over HTTP. */
export function acceptedText(id: string, content: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify({ id, ...contentIn(content) })).toString('base64')
}

/** The JSON object in a text, or undefined if it is none. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** For `JSON.stringify`: the order of an object's keys means nothing. */
function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
