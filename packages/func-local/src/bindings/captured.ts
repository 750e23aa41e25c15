import { isUtf8 } from 'node:buffer'
import type { TypedData } from '../protocol.ts'
import type { BindingType } from '../registry.ts'

const SHOWN_CHARACTERS = 200
const SHOWN_BYTES = 32

/**
 * A binding of a service that is not on this machine: an input is `undefined`, unless the call gives it a value; an output is
 * shown in the log instead of being written.
 */
export function capturedBinding(type: string): BindingType {
  return {
    type,
    captured: () => ({}),
    input: () => Promise.resolve(undefined),
    output: ({ fn, binding, services }, value) => {
      services.log.write(
        `Function.${fn.name}`,
        'information',
        `Output '${binding.name}' (${binding.type}) of 'Functions.${fn.name}' is captured, not written: ${describeValue(value, services.log.redact)}`,
      )
      return Promise.resolve()
    },
  }
}

/**
 * A value in one line: how large it is, and how it begins.
 *
 * @param redact hides secrets, before the text is cut: one that is cut in two would not be known
 */
export function describeValue(value: TypedData, redact: (text: string) => string): string {
  const bytes = bytesOf(value)
  const size = `${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}`
  if (bytes.length === 0) return size
  if (!isUtf8(bytes)) {
    const more = bytes.length > SHOWN_BYTES ? ' …' : ''
    return `${size}, hexadecimal: ${bytes.subarray(0, SHOWN_BYTES).toString('hex')}${more}`
  }
  // A line feed would begin a line of the log that looks like the host's own.
  const text = redact(bytes.toString('utf8')).replaceAll('\r', '\\r').replaceAll('\n', '\\n')
  return text.length > SHOWN_CHARACTERS ? `${size}: ${text.slice(0, SHOWN_CHARACTERS)} …` : `${size}: ${text}`
}

/** A worker's value as bytes: text in UTF-8, objects as JSON. */
export function bytesOf(value: TypedData): Buffer {
  const binary = value.bytes ?? value.stream
  if (binary !== undefined) return Buffer.from(binary)
  if (value.int !== undefined || value.double !== undefined)
    return Buffer.from(String(value.int ?? value.double))
  return Buffer.from(value.string ?? value.json ?? '')
}
