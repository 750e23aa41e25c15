/**
 * What the host makes of a message's text, or undefined when it is not Base64: the app never gets such a message. .NET reads
 * Base64 with white space in it. https://learn.microsoft.com/dotnet/api/system.convert.frombase64string
 */
export function base64Bytes(text: string): Uint8Array | undefined {
  const compact = text.replaceAll(/[ \t\r\n]|&#xD;/gi, '')
  const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact)
  return valid ? Buffer.from(compact, 'base64') : undefined
}

/**
 * Whether a copy of a text that is not Base64 is known to be the same text. A carriage return reaches us as a reference
 * (`&#xD;`) that the client library leaves as it is, and would be written as those five characters.
 */
export function isCopiable(text: string): boolean {
  return !/\r|&#(?:x[0-9a-f]+|\d+);/i.test(text)
}
