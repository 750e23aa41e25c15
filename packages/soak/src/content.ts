/** The content of an order as the service stores it: item trimmed, quantity with its default. */
export interface Content {
  readonly item: string
  readonly quantity: number
}

/** Whether two orders have the same content. */
export function sameContent(a: Content, b: Content): boolean {
  return a.item === b.item && a.quantity === b.quantity
}

/** A content as the key of a map. */
export function contentKey({ item, quantity }: Content): string {
  return JSON.stringify([item, quantity])
}

/** The text of the queue message of an order that was accepted over HTTP. */
export function acceptedText(id: string, { item, quantity }: Content): string {
  return Buffer.from(JSON.stringify({ id, item, quantity })).toString('base64')
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
