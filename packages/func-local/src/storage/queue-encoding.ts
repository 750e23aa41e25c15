/** How queue messages are written: Base64 (the default of the Functions host) or as they are. */
export type MessageEncoding = 'base64' | 'none'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * The bytes of a message's text, or `undefined` when the text is not in the encoding. White space inside Base64 is
 * ignored, as .NET ignores it: https://learn.microsoft.com/dotnet/api/system.convert.frombase64string
 */
export function decodeMessage(text: string, encoding: MessageEncoding): Buffer | undefined {
  if (encoding === 'none') return Buffer.from(text, 'utf8')
  const compact = text.replace(/[ \t\r\n]/g, '')
  return BASE64.test(compact) ? Buffer.from(compact, 'base64') : undefined
}

/** The text of a message that carries these bytes. */
export function encodeMessage(bytes: Uint8Array, encoding: MessageEncoding): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return encoding === 'base64' ? buffer.toString('base64') : buffer.toString('utf8')
}
