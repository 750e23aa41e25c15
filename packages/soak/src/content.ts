/** What is ordered, as the service understands it: trimmed, quantity after default. */
export interface Content {
  readonly item: string
  readonly quantity: number
}

/** Whether two orders ask for the same thing. */
export function sameContent(a: Content, b: Content): boolean {
  return a.item === b.item && a.quantity === b.quantity
}

/** A content as a key of a map. */
export function contentKey({ item, quantity }: Content): string {
  return JSON.stringify([item, quantity])
}

/** The text on the queue of an order that was accepted over HTTP. */
export function acceptedText(id: string, { item, quantity }: Content): string {
  return Buffer.from(JSON.stringify({ id, item, quantity })).toString('base64')
}

/** The JSON object in a text, or undefined when there is none. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
