import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FileFault } from './fault.ts'

/**
 * Most bytes of a file, unpacked. At the speed of one instance a file of this size is done well within the 30 minutes that a
 * function has by default: https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout
 */
export const MAX_FILE_BYTES = 100 * 1024 * 1024

/** Much smaller than what is fetched at a time: what is made of one piece is in memory at once. */
const PIECE_BYTES = 64 * 1024
/** What the kind of a file is told by. */
const HEAD_BYTES = 4096

/**
 * The text of a file as bytes of UTF-8, unpacked and without a byte order mark, in pieces of at most 64 KiB.
 *
 * @param gzip whether the file's name says that it is packed; a file that begins like gzip is unpacked whatever its name is
 * @throws FileFault when it is no text, no UTF-8, too large, or damaged
 */
export async function* textOf(
  chunks: AsyncIterable<Uint8Array>,
  gzip: boolean,
  maxBytes = MAX_FILE_BYTES,
): AsyncGenerator<Buffer> {
  const [start, packed] = await headOf(pieces(chunks), 2)
  const isPacked = start[0] === 0x1f && start[1] === 0x8b
  if (gzip && !isPacked && start.length > 0) {
    throw new FileFault('The file is named .gz, and is not packed with gzip.')
  }
  const [head, content] = await headOf(isPacked ? pieces(gunzip(packed)) : packed, HEAD_BYTES)
  refuseUnlessText(head)
  let rest = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0
  let bytes = 0
  for await (const piece of content) {
    bytes += piece.length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    // A byte order mark may be cut in two.
    const skipped = Math.min(rest, piece.length)
    rest -= skipped
    yield piece.subarray(skipped)
  }
}

/** The fault of a file that is over the limit. */
export function tooLarge(maxBytes: number): FileFault {
  return new FileFault(
    `The file has more than ${maxBytes} bytes, unpacked. Split it, and upload the parts as files of their own.`,
  )
}

/** Reads ahead until so many bytes are known. The second is the whole again. */
async function headOf(
  content: AsyncGenerator<Buffer>,
  bytes: number,
): Promise<readonly [Buffer, AsyncGenerator<Buffer>]> {
  const read: Buffer[] = []
  let length = 0
  while (length < bytes) {
    const next = await content.next()
    if (next.done === true) break
    read.push(next.value)
    length += next.value.length
  }
  async function* whole(): AsyncGenerator<Buffer> {
    try {
      yield* read
      yield* content
    } finally {
      // Who stops within what was read ahead ends the rest as well.
      await content.return(undefined)
    }
  }
  return [Buffer.concat(read).subarray(0, bytes), whole()]
}

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield Buffer.from(chunk.buffer, chunk.byteOffset + at, Math.min(PIECE_BYTES, chunk.length - at))
    }
  }
}

async function* gunzip(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpacked = createGunzip({ chunkSize: PIECE_BYTES })
  const source = Readable.from(packed)
  // `pipe` does not hand on errors, and storage's must not look like those of the file.
  source.once('error', (error) => unpacked.destroy(error))
  source.pipe(unpacked)
  try {
    for await (const piece of unpacked) yield piece as Buffer
  } catch (error) {
    // https://nodejs.org/api/zlib.html#error-codes-and-return-values
    const { code } = error as NodeJS.ErrnoException
    if (!code?.startsWith('Z_')) throw error
    throw new FileFault(
      code === 'Z_BUF_ERROR'
        ? 'The file is cut off: its gzip data has no end. Upload it again.'
        : 'The file is damaged: its gzip data cannot be unpacked. Upload it again.',
    )
  } finally {
    source.destroy()
    unpacked.destroy()
  }
}

function refuseUnlessText(head: Buffer): void {
  const mark = head.subarray(0, 2).toString('hex')
  if (mark === 'fffe' || mark === 'feff') {
    throw new FileFault('The file is UTF-16. Save it as UTF-8, and upload it again.')
  }
  // A text has hardly any control characters but tabs and line ends. Archives, images and UTF-16 without a mark are full of them.
  const controls = head.filter((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0d].includes(byte)).length
  if (controls * 20 > head.length && controls > 1) {
    throw new FileFault(
      'The file is binary, or UTF-16. Save it as JSON Lines, JSON or CSV in UTF-8, and upload it again.',
    )
  }
}
