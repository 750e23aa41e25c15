import { MalformedJsonError } from './errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads bytes as JSON text in UTF-8; a byte order mark is skipped (RFC 8259 §8.1 allows both).
 *
 * @throws MalformedJsonError for anything else
 */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? cause.message : 'it is not UTF-8 text'
    throw new MalformedJsonError(`The text is not valid JSON: ${reason}.`, { cause })
  }
}
