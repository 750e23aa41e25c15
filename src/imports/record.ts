import { LineTooLongError } from '../orders/errors.ts'

/** What a file has in one place for one order: a line, an element of a JSON array, or a record of CSV. */
export interface FileRecord {
  /** Where it begins: the line, or in a JSON array the element, both counted from 1. */
  readonly line: number
  /** Its exact bytes, without the line end; of one that is too long only the first ones. */
  readonly bytes: Uint8Array
  /** How many bytes it has. */
  readonly length: number
  /**
   * Reads it as a JSON value.
   *
   * @throws OrderError when it holds none
   */
  readonly input: () => unknown
}

/** How much is kept of a record that is too long. */
export const KEPT_BYTES = 1024

/** A record that cannot be an order because of its length. */
export function tooLong(line: number, bytes: Uint8Array, length: number): FileRecord {
  return {
    line,
    bytes: bytes.subarray(0, KEPT_BYTES),
    length,
    input: () => {
      throw new LineTooLongError()
    },
  }
}

/** Whether there is nothing but spaces and tabs. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09)
}
