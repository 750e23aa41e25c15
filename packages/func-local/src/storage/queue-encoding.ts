import { isUtf8 } from 'node:buffer'
import { BindingError } from '../host/function.ts'

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

/**
 * The text of a message that carries these bytes.
 *
 * @throws {BindingError} when the bytes are no text, and messages are to be text.
 */
export function encodeMessage(bytes: Uint8Array, encoding: MessageEncoding): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (encoding === 'base64') return buffer.toString('base64')
  if (isUtf8(buffer)) return buffer.toString('utf8')
  throw new BindingError(
    'A message with bytes that are not UTF-8 text cannot be sent with the message encoding "none". Set extensions.queues.messageEncoding to "base64" in host.json.',
  )
}
