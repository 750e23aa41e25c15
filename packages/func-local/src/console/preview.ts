import { isUtf8 } from 'node:buffer'
import { bytesOf } from '../bindings/captured.ts'
import type { TypedData } from '../protocol.ts'
import type { Preview } from './messages.ts'

const SHOWN_CHARACTERS = 4096
const SHOWN_BYTES = 256

/**
 * The beginning of a text. A part of a string keeps the whole of it in memory, so that what is cut off is copied:
 * https://v8.dev/blog/pointer-compression has the kinds of strings.
 */
export function beginning(text: string, characters: number): string {
  if (text.length <= characters) return text
  const part = text.slice(0, characters).replace(/[\uD800-\uDBFF]$/, '')
  return Buffer.from(part, 'utf16le').toString('utf16le')
}

/** Hides secrets in a text; part of one could no longer be found, so that it comes before the cut. */
export type Redact = (text: string) => string

/** A text, or how it begins, without secrets. */
export function previewOfText(whole: string, redact: Redact): Preview {
  const size = Buffer.byteLength(whole)
  const text = redact(whole)
  return {
    text: beginning(text, SHOWN_CHARACTERS),
    isHex: false,
    size,
    isCut: text.length > SHOWN_CHARACTERS,
  }
}

/** Bytes as text without secrets where they are text, else in hexadecimal. */
export function previewOfBytes(bytes: Uint8Array, redact: Redact): Preview {
  if (isUtf8(bytes)) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    return previewOfText(text, redact)
  }
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex')
  return { text: shown, isHex: true, size: bytes.length, isCut: bytes.length > SHOWN_BYTES }
}

/** A value of a function, without secrets. */
export function previewOf(value: TypedData, redact: Redact): Preview {
  const text = value.string ?? value.json
  return text === undefined ? previewOfBytes(bytesOf(value), redact) : previewOfText(text, redact)
}
