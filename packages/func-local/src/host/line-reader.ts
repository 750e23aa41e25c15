/** Makes lines of text that comes in pieces. */
export interface LineReader {
  readonly add: (text: string) => void
  /** Passes on what is left without a newline. */
  readonly end: () => void
}

const LONGEST_LINE = 1 << 16

/** Calls back for each whole line; a line that is too long comes in parts. */
export function createLineReader(onLine: (line: string) => void): LineReader {
  let rest = ''
  const end = (): void => {
    if (rest !== '') onLine(rest)
    rest = ''
  }
  return {
    add: (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line)
      if (rest.length > LONGEST_LINE) end()
    },
    end,
  }
}
