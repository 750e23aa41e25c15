/** A line of a stream: its bytes without the line end, and its number, from 1. */
export interface ByteLine {
  readonly number: number
  readonly bytes: Uint8Array
}

const LF = 0x0a
const CR = 0x0d

/**
 * The lines of a stream of bytes, blank ones included. Only LF and CRLF end a line: JSON may hold U+2028 and U+2029, and
 * the bytes need not be text.
 */
export async function* byteLines(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<ByteLine> {
  let number = 0
  let rest: Buffer[] = []
  const line = (end: Buffer): ByteLine => {
    const bytes = Buffer.concat([...rest, end])
    rest = []
    number++
    return { number, bytes: bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes }
  }
  for await (const data of stream) {
    const chunk = Buffer.from(data as Uint8Array)
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      yield line(chunk.subarray(start, end))
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
  if (rest.length > 0) yield line(Buffer.alloc(0))
}
