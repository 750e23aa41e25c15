import { LOG_LEVELS } from '../config/host-options.ts'
import type { LogLevel } from '../protocol.ts'

/** One entry of the log, with no secret in it. */
export interface LogRecord {
  readonly time: Date
  readonly level: LogLevel
  /** `Function.<name>`, `Function.<name>.User`, `Host.General`, … as `logging.logLevel` of `host.json` names them. */
  readonly category: string
  readonly message: string
  /** The name of the function that it is about. */
  readonly functionName?: string | undefined
  readonly invocationId?: string | undefined
  /** Only for the line that says how an HTTP request ended. */
  readonly request?: RequestSummary | undefined
  /** Only for a line that is shown without a time stamp: the list of functions, for example. */
  readonly plain?: { readonly colour: 'yellow' | 'green' | undefined } | undefined
}

/** How an HTTP request ended. */
export interface RequestSummary {
  readonly method: string
  /** Without the query, which may hold a key. */
  readonly path: string
  /** `undefined` when the client went away before there was a response. */
  readonly status: number | undefined
  readonly milliseconds: number
  /** Whether the response did not go out whole. */
  readonly aborted: boolean
}

/** What an entry is about. */
export interface LogSubject {
  readonly functionName?: string | undefined
  readonly invocationId?: string | undefined
  readonly request?: RequestSummary | undefined
}

/** Where the host writes what people and tools read. */
export interface Log {
  /**
   * One entry. The category decides whether the level is shown: `Function.<name>`, `Function.<name>.User` and
   * `Host.Requests` from information, everything else from warning.
   */
  write: (category: string, level: LogLevel, message: string, about?: LogSubject) => void
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

/** What the command line decides. */
export interface LogOptions {
  readonly verbose: boolean
}

/** Takes the entries that are shown; must not throw. */
export type LogSink = (record: LogRecord) => void

/** The category of the line for each HTTP request. */
export const REQUESTS = 'Host.Requests'
/** The category of the host's own lines. */
const GENERAL = 'Host.General'
const STARTUP = 'Host.Startup'
/** The category of what the app writes to its standard output and error, as the real host names it. */
export const CONSOLE = 'Host.Function.Console'

/** Creates a log. Levels: https://learn.microsoft.com/azure/azure-functions/configure-monitoring#configure-log-levels */
export function createLog({ verbose }: LogOptions, sink: LogSink, now: () => Date = () => new Date()): Log {
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
  const entry = (category: string, level: LogLevel, message: string): void => {
    sink({ time: now(), level, category, message: redacted(message) })
  }
  return {
    write: (category, level, message, about) => {
      if (level === 'none' || LOG_LEVELS.indexOf(level) < threshold(category)) return
      sink({
        time: now(),
        level,
        category,
        message: redacted(message),
        functionName: about?.functionName ?? functionOf(category),
        invocationId: about?.invocationId,
        request: about?.request && { ...about.request, path: redacted(about.request.path) },
      })
    },
    info: (message) => {
      entry(GENERAL, 'information', message)
    },
    warn: (message) => {
      entry(GENERAL, 'warning', message)
    },
    error: (message) => {
      entry(GENERAL, 'error', message)
    },
    output: (stream, line) => {
      entry(CONSOLE, stream === 'stderr' ? 'error' : 'information', line)
    },
    plain: (text, colour) => {
      sink({ time: now(), level: 'information', category: STARTUP, message: text, plain: { colour } })
    },
    redact: redacted,
    configure: (configuration) => {
      levels = configuration.levels
      cache.clear()
      for (const secret of configuration.secrets) secrets.add(secret)
    },
  }
}

/** The name in `Function.<name>` and `Function.<name>.User`; what the app logs outside of functions is `Function.Host.User`. */
function functionOf(category: string): string | undefined {
  if (!category.startsWith('Function.')) return undefined
  const [, name] = category.split('.')
  return name === 'Host' ? undefined : name
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
  const isShown = category.startsWith('Function.') || category === REQUESTS || verbose
  return best?.level ?? (isShown ? 'information' : 'warning')
}

/** A pattern is the beginning of a category, case-insensitive; one `*` stands for anything. */
function matches(category: string, pattern: string): boolean {
  const name = category.toLowerCase()
  const [start = '', end = ''] = pattern.toLowerCase().split('*')
  return name.startsWith(start) && name.endsWith(end) && name.length >= start.length + end.length
}
