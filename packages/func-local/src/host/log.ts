import { LOG_LEVELS } from '../config/host-options.ts'
import type { LogLevel } from '../protocol.ts'
import { linesOf } from './log-text.ts'

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
  /** A line that the app wrote to its standard output or error; always shown. */
  output: (stream: 'stdout' | 'stderr', line: string) => void
  /** A line without a time stamp: the list of functions, help. */
  plain: (text: string, colour?: 'yellow' | 'green') => void
  /** A text without the secrets in it. */
  redact: (text: string) => string
  /** Applies a new configuration; before the first one, everything has its default. */
  configure: (configuration: LogConfiguration) => void
}

/** What the app's configuration decides. */
export interface LogConfiguration {
  /** `logging.logLevel` of `host.json`: a level for each category or pattern, and `default`. */
  readonly levels: ReadonlyMap<string, LogLevel>
  /** Texts that are never shown: keys from the settings. What was secret once stays so. */
  readonly secrets: readonly string[]
}

/** What the command line and the terminal decide. */
export interface LogOptions {
  readonly verbose: boolean
  readonly colours: boolean
}

/** A sink for finished text; `write` must not throw. */
export type Sink = (text: string) => void

const FROM_WORKER = /^(?:Function\..*\.User|Worker)$/

/** Creates a log. Levels: https://learn.microsoft.com/azure/azure-functions/configure-monitoring#configure-log-levels */
export function createLog(options: LogOptions, sink: Sink, now: () => Date = () => new Date()): Log {
  const { colours, verbose } = options
  let levels: ReadonlyMap<string, LogLevel> = new Map()
  const secrets = new Set<string>()
  const cache = new Map<string, number>()

  const redacted = (message: string): string => {
    let text = message
    for (const secret of secrets) if (text.includes(secret)) text = text.replaceAll(secret, '***')
    return text
  }
  const threshold = (category: string): number => {
    let level = cache.get(category)
    if (level === undefined) {
      level = LOG_LEVELS.indexOf(levelFor(category, levels, verbose))
      cache.set(category, level)
    }
    return level
  }
  const stamped = (level: LogLevel, message: string, fromApp = false): void => {
    const stamp = `[${now().toISOString()}] `
    const colour = colours ? COLOURS[level] : undefined
    sink(
      linesOf(redacted(message), { colours, fromApp })
        .map((line) => (colour === undefined ? `${stamp}${line}\n` : `${stamp}${colour}${line}${RESET}\n`))
        .join(''),
    )
  }
  return {
    write: (category, level, message) => {
      if (level !== 'none' && LOG_LEVELS.indexOf(level) >= threshold(category))
        stamped(level, message, FROM_WORKER.test(category))
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
    output: (stream, line) => {
      stamped(stream === 'stderr' ? 'error' : 'information', line, true)
    },
    plain: (text, colour) => {
      const code = colour === 'yellow' ? '\u001B[33m' : '\u001B[32m'
      sink(colours && colour !== undefined ? `${code}${text}${RESET}\n` : `${text}\n`)
    },
    redact: redacted,
    configure: (configuration) => {
      levels = configuration.levels
      cache.clear()
      for (const secret of configuration.secrets) secrets.add(secret)
    },
  }
}

/**
 * The rule with the longest matching category decides, of equals the last:
 * https://learn.microsoft.com/dotnet/core/extensions/logging#how-filtering-rules-are-applied
 */
function levelFor(category: string, levels: ReadonlyMap<string, LogLevel>, verbose: boolean): LogLevel {
  let best: { readonly length: number; readonly level: LogLevel } | undefined
  for (const [pattern, level] of levels) {
    const length = pattern.toLowerCase() === 'default' ? 0 : pattern.length
    if (length >= (best?.length ?? 0) && (length === 0 || matches(category, pattern)))
      best = { length, level }
  }
  return best?.level ?? (category.startsWith('Function.') || verbose ? 'information' : 'warning')
}

/** A pattern is the beginning of a category, case-insensitive; one `*` stands for anything. */
function matches(category: string, pattern: string): boolean {
  const name = category.toLowerCase()
  const [start = '', end = ''] = pattern.toLowerCase().split('*')
  return name.startsWith(start) && name.endsWith(end) && name.length >= start.length + end.length
}
