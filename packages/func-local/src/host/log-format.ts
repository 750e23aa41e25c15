import type { LogLevel } from '../protocol.ts'
import { CONSOLE, type LogRecord, type LogSink } from './log.ts'
import { linesOf, withoutColours } from './log-text.ts'

/** A sink for finished text; must not throw. */
export type TextSink = (text: string) => void

/** How entries are shown as lines of text. */
export interface TextFormat {
  readonly colours: boolean
  /** Adds the ids of invocations to the lines of requests. */
  readonly verbose: boolean
}

const COLOURS: Partial<Record<LogLevel, string>> = {
  trace: '\u001B[90m',
  debug: '\u001B[90m',
  warning: '\u001B[33m',
  error: '\u001B[31m',
  critical: '\u001B[31m',
}
const PLAIN_COLOURS = { yellow: '\u001B[33m', green: '\u001B[32m' }
const RESET = '\u001B[0m'
const FROM_WORKER = /^(?:Function\..*\.User|Worker)$/

/** Writes entries as people and Core Tools' users read them: a time stamp before every physical line. */
export function textLines({ colours, verbose }: TextFormat, write: TextSink): LogSink {
  const stampOf = timeStamps()
  return (record) => {
    const { category, level, plain, request, invocationId } = record
    if (plain !== undefined) {
      const { colour } = plain
      write(
        colours && colour !== undefined
          ? `${PLAIN_COLOURS[colour]}${record.message}${RESET}\n`
          : `${record.message}\n`,
      )
      return
    }
    const message =
      verbose && request !== undefined && invocationId !== undefined
        ? `${record.message} (Id=${invocationId})`
        : record.message
    const fromApp = category === CONSOLE || FROM_WORKER.test(category)
    const stamp = stampOf(record.time)
    const colour = colours ? COLOURS[level] : undefined
    write(
      linesOf(message, { colours, fromApp })
        .map((line) => (colour === undefined ? `${stamp}${line}\n` : `${stamp}${colour}${line}${RESET}\n`))
        .join(''),
    )
  }
}

/** Writes the time before a line. A busy host logs several lines in a millisecond. */
function timeStamps(): (time: Date) => string {
  let latest: number | undefined
  let stamp = ''
  return (time) => {
    if (time.getTime() !== latest) {
      latest = time.getTime()
      stamp = `[${time.toISOString()}] `
    }
    return stamp
  }
}

/** Writes entries for tools: one JSON object a line. Empty lines between others are left out. */
export function jsonLines(write: TextSink): LogSink {
  return (record) => {
    const message = messageOf(record)
    if (message === '' && record.plain !== undefined) return
    // What is `undefined` is left out.
    const line = {
      time: record.time.toISOString(),
      level: record.level,
      category: record.category,
      message,
      functionName: record.functionName,
      invocationId: record.invocationId,
      ...record.request,
    }
    write(`${JSON.stringify(line)}\n`)
  }
}

/** An entry's message as a tool reads it: no colours, no white space around lines of the list of functions. */
export function messageOf({ message, plain }: LogRecord): string {
  return plain === undefined ? withoutColours(message).replace(/(?:\r?\n)+$/, '') : message.trim()
}
