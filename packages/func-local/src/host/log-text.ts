/** Where a text is shown, and whose it is. */
export interface LogTextOptions {
  /** Colours of the text itself pass; elsewhere they are taken out. */
  readonly colours: boolean
  /** Written by the app, which may pass on what others wrote; else that holds from the second line on. */
  readonly fromApp: boolean
}

/* eslint-disable no-control-regex */
// ECMA-48 §8.3.117, SGR: colours and weights of text, the only sequences that do no more than that.
const COLOUR = /\u001B\[[\d;:]*m/g
const NEWLINE = /\r\n|\n/
// Controls could rewrite what a terminal shows, line separators begin a line in some viewers, and the overrides of
// Unicode's bidirectional algorithm show a text in another order than it has: https://trojansource.codes
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E]/g
/* eslint-enable no-control-regex */
// Most lines: nothing in them is to be split, escaped or left out.
const PRINTABLE = /^[ -~]*$/
const ANSI_RESET = '\u001B[0m'

// What the lines begin with by which people and tools tell what became of a function, a message or the host.
const HOST_LINE = new RegExp(
  `^[\\s\\u200B-\\u200F\\u2060\\uFEFF]*(?:${[
    "Execut(?:ing|ed) '", 'Trigger Details: ', "The '[^']*' function is in error", 'The following \\d+ functions? ',
    "Functions? '?[\\w.-]+'? (?:is|are|failed|cannot) ", 'Timeout value of ', 'Waiting for `', 'Message has reached ',
    "(?:Message|Queue|Container|Blob) '", "The (?:lease|listener|schedule|retry policy|request) ", '(?:Storage|Cosmos DB) responds again',
    'MCP server (?:legacy SSE )?endpoint: ', 'Console: https?://', 'Key for functions and ', 'Stopp(?:ing[:;]|ed after) ',
    'System\\.Private\\.CoreLib: ', 'Host lock lease', 'Worker process ', 'Language Worker Process', 'No job functions found',
    '(?:host|local\\.settings)\\.json: ', '\\.env: ', 'func-local ', '[A-Z]+ \\S+ (?:\\d{3}|(?:\\d{3} )?aborted) \\d+ ms',
  ].join('|')})`,
) // prettier-ignore
const APP_MARK = '(app) '

/**
 * The physical lines of a message, as they can be shown: control characters become escapes. A line of the app that begins
 * like one of the host's is marked, so that it cannot pass for it.
 */
export function linesOf(message: string, { colours, fromApp }: LogTextOptions): string[] {
  if (!fromApp && PRINTABLE.test(message)) return [message]
  return message
    .replace(/(?:\r?\n)+$/, '')
    .split(NEWLINE)
    .map((line, index) => {
      const bare = escaped(withoutColours(line))
      const mark = (fromApp || index > 0) && HOST_LINE.test(bare) ? APP_MARK : ''
      if (!colours || !line.includes('\u001B')) return mark + bare
      return `${mark}${withColours(line)}${ANSI_RESET}`
    })
}

/** A text without the sequences that colour it. */
export function withoutColours(text: string): string {
  return text.includes('\u001B') ? text.replace(COLOUR, '') : text
}

function withColours(line: string): string {
  const colours = line.match(COLOUR) ?? []
  return line
    .split(COLOUR)
    .map((part, index) => escaped(part) + (colours[index] ?? ''))
    .join('')
}

function escaped(text: string): string {
  return text.replace(CONTROL, (c) => {
    const code = c.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}
