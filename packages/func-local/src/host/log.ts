import type { LogLevel } from '../protocol.ts'
import { isObject } from '../config/json-file.ts'

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none']
const COLOURS: Partial<Record<LogLevel, string>> = {
  trace: '\u001B[90m',
  debug: '\u001B[90m',
  warning: '\u001B[33m',
  error: '\u001B[31m',
  critical: '\u001B[31m',
}
const RESET = '\u001B[0m'

/** Where the host writes what people and tools read. */
export interface Log {
  /**
   * One entry with a time stamp before every physical line. The category decides whether the level is shown:
   * `Function.<name>` and `Function.<name>.User` from information, everything else from warning.
   */
  write: (category: string, level: LogLevel, message: string) => void
  /** Host lines that are always shown, as Core Tools shows them. */
  info: (message: string) => void
  warn: (message: string) => void
  error: (message: string) => void
  /** A line without a time stamp: the list of functions, help. */
  plain: (text: string, colour?: 'yellow' | 'green') => void
}

/** What decides which entries are shown. */
export interface LogOptions {
  readonly verbose: boolean
  readonly colours: boolean
  /** `logging.logLevel` of `host.json`: a level for each category prefix, and `default`. */
  readonly levels: unknown
  /** Texts that are never shown: keys from the settings. */
  readonly secrets: readonly string[]
}

/** A sink for finished text; `write` must not throw. */
export type Sink = (text: string) => void

/** Creates a log. Levels: https://learn.microsoft.com/azure/azure-functions/configure-monitoring#configure-log-levels */
export function createLog(options: LogOptions, sink: Sink, now: () => Date = () => new Date()): Log {
  const configured = readLevels(options.levels)
  const cache = new Map<string, number>()

  const redacted = (message: string): string => {
    let text = message
    for (const secret of options.secrets) if (text.includes(secret)) text = text.replaceAll(secret, '***')
    return text
  }
  const threshold = (category: string): number => {
    let level = cache.get(category)
    if (level === undefined) {
      level = LEVELS.indexOf(levelFor(category, configured, options.verbose))
      cache.set(category, level)
    }
    return level
  }
  const stamped = (level: LogLevel, message: string): void => {
    const stamp = `[${now().toISOString()}] `
    const colour = options.colours ? COLOURS[level] : undefined
    const lines = printable(redacted(message)).split('\n')
    sink(
      lines
        .map((line) => (colour === undefined ? `${stamp}${line}\n` : `${stamp}${colour}${line}${RESET}\n`))
        .join(''),
    )
  }
  return {
    write: (category, level, message) => {
      if (level !== 'none' && LEVELS.indexOf(level) >= threshold(category)) stamped(level, message)
    },
    info: (message) => {
      stamped('information', message)
    },
    warn: (message) => {
      stamped('warning', message)
    },
    error: (message) => {
      stamped('error', message)
    },
    plain: (text, colour) => {
      const code = colour === 'yellow' ? '\u001B[33m' : '\u001B[32m'
      sink(options.colours && colour !== undefined ? `${code}${text}${RESET}\n` : `${text}\n`)
    },
  }
}

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g

/** Control characters could rewrite what a terminal shows; they are shown as escapes. Tabs and newlines stay. */
function printable(message: string): string {
  return message
    .replaceAll('\r\n', '\n')
    .replace(/\n+$/, '')
    .replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function readLevels(raw: unknown): ReadonlyMap<string, LogLevel> {
  const levels = new Map<string, LogLevel>()
  if (!isObject(raw)) return levels
  for (const [category, value] of Object.entries(raw)) {
    const level = LEVELS.find((l) => l === String(value).toLowerCase())
    if (level !== undefined) levels.set(category.toLowerCase(), level)
  }
  return levels
}

function levelFor(category: string, configured: ReadonlyMap<string, LogLevel>, verbose: boolean): LogLevel {
  let key = category.toLowerCase()
  for (;;) {
    const level = configured.get(key)
    if (level !== undefined) return level
    const dot = key.lastIndexOf('.')
    if (dot < 0) break
    key = key.slice(0, dot)
  }
  const fallback = configured.get('default')
  const builtIn: LogLevel = category.startsWith('Function.') || verbose ? 'information' : 'warning'
  if (fallback === undefined) return builtIn
  return fallback
}
