/** A line of a file, as it is there. */
export interface FileLine {
  /** Counted from 1. */
  readonly number: number
  /** Its bytes without the line end; of a line that is longer than the limit only the first ones. */
  readonly bytes: Buffer
  /** How many bytes it has. */
  readonly length: number
  /** How many quotation marks are among the bytes that were left out. */
  readonly quotesLeftOut: number
  readonly end: '\n' | '\r\n' | '\r' | ''
}

/** Splits a text that comes in pieces into lines. */
export interface LineSplitter {
  /** The lines that end in the next piece. */
  readonly push: (piece: Buffer) => Generator<FileLine>
  /** The line that the text ends with, if it has no line end. */
  readonly end: () => Generator<FileLine>
}

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22

/**
 * Splits at LF, CRLF and CR, in any mixture, and keeps at most `maxBytes` of a line.
 *
 * Bytes are split, not text: they need not be UTF-8, and U+2028 ends no line.
 */
export function lineSplitter(maxBytes: number): LineSplitter {
  let number = 0
  let kept: Buffer[] = []
  let keptBytes = 0
  let length = 0
  let quotesLeftOut = 0
  /** A CR ended the last piece: it is a line end, alone or with the LF that may follow. */
  let pendingCr = false

  function keep(part: Buffer): void {
    length += part.length
    const room = Math.min(maxBytes - keptBytes, part.length)
    if (room > 0) {
      kept.push(part.subarray(0, room))
      keptBytes += room
    }
    for (let at = part.indexOf(QUOTE, room); at !== -1; at = part.indexOf(QUOTE, at + 1)) quotesLeftOut++
  }

  function line(end: FileLine['end']): FileLine {
    const [only, ...more] = kept
    const bytes = only === undefined ? Buffer.alloc(0) : more.length === 0 ? only : Buffer.concat(kept)
    const result = { number: ++number, bytes, length, quotesLeftOut, end }
    kept = []
    keptBytes = length = quotesLeftOut = 0
    return result
  }

  return {
    *push(piece) {
      let start = 0
      if (pendingCr && piece.length > 0) {
        pendingCr = false
        const withLf = piece[0] === LF
        yield line(withLf ? '\r\n' : '\r')
        if (withLf) start = 1
      }
      let lf = piece.indexOf(LF, start)
      let cr = piece.indexOf(CR, start)
      while (lf !== -1 || cr !== -1) {
        const isCr = cr !== -1 && (lf === -1 || cr < lf)
        const at = isCr ? cr : lf
        keep(piece.subarray(start, at))
        if (isCr && at === piece.length - 1) {
          pendingCr = true
          return
        }
        const end = isCr ? (lf === at + 1 ? '\r\n' : '\r') : '\n'
        yield line(end)
        start = at + end.length
        if (lf !== -1 && lf < start) lf = piece.indexOf(LF, start)
        if (cr !== -1 && cr < start) cr = piece.indexOf(CR, start)
      }
      if (start < piece.length) keep(piece.subarray(start))
    },
    *end() {
      if (pendingCr) yield line('\r')
      else if (length > 0) yield line('')
    },
  }
}

/** The lines of a text that comes in pieces. */
export async function* linesOf(pieces: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<FileLine> {
  const splitter = lineSplitter(maxBytes)
  for await (const piece of pieces) yield* splitter.push(piece)
  yield* splitter.end()
}
