import { deserialize, serialize } from 'node:v8'
import type { Duplex } from 'node:stream'

const HEADER_BYTES = 4

/** One end of the two-way message stream between host and worker. */
export interface Channel<Out> {
  /** Sends a message; messages arrive whole and in order. */
  send: (message: Out) => void
}

/**
 * Sends and receives structured-clone messages over a byte stream, each behind its length (32 bits, little endian).
 *
 * Node's own IPC would do, but it copies a large message once for each chunk that arrives; here a body of 100 MB
 * is joined once. Messages are trusted: both ends are this package.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- says what the other end sends
export function openChannel<Out, In>(stream: Duplex, receive: (message: In) => void): Channel<Out> {
  let chunks: Buffer[] = []
  let buffered = 0
  let needed = HEADER_BYTES
  let inBody = false

  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    buffered += chunk.length
    while (buffered >= needed) {
      const joined =
        chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, buffered)
      const part = joined.subarray(0, needed)
      const rest = joined.subarray(needed)
      chunks = rest.length > 0 ? [rest] : []
      buffered = rest.length
      if (inBody) {
        inBody = false
        needed = HEADER_BYTES
        receive(deserialize(part) as In)
      } else {
        inBody = true
        needed = part.readUInt32LE(0)
      }
    }
  })

  return {
    send: (message) => {
      if (!stream.writable) return
      const body = serialize(message)
      const header = Buffer.allocUnsafe(HEADER_BYTES)
      header.writeUInt32LE(body.length, 0)
      stream.cork()
      stream.write(header)
      stream.write(body)
      stream.uncork()
    },
  }
}
