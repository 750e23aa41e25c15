import { DefaultSerializer, deserialize } from 'node:v8'
import type { Duplex } from 'node:stream'

const HEADER_BYTES = 4
const NO_LENGTH = new Uint8Array(HEADER_BYTES)

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
      // As `v8.serialize()` does it, behind room for the length: one buffer, one write.
      const serializer = new DefaultSerializer()
      serializer.writeRawBytes(NO_LENGTH)
      serializer.writeHeader()
      serializer.writeValue(message)
      const bytes = serializer.releaseBuffer()
      bytes.writeUInt32LE(bytes.length - HEADER_BYTES, 0)
      stream.write(bytes)
    },
  }
}
