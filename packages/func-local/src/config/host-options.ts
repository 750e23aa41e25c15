import * as v from 'valibot'
import { nearest } from '../nearest.ts'
import type { LogLevel, RetryOptions } from '../protocol.ts'
import type { HostConfig } from './host-config.ts'
import { isObject } from './json-file.ts'
import {
  configurationText,
  flag,
  INT32_MAX,
  nullable,
  text,
  timeSpan,
  wholeNumber,
  word,
} from './value-schemas.ts'

/** The options of `host.json` that belong to the host itself, not to a trigger or a binding. */
export interface HostJsonOptions {
  /** `undefined` means no limit. */
  readonly functionTimeout: FunctionTimeout | undefined
  /** For functions without a retry policy of their own, where their trigger supports one. */
  readonly retry: RetryOptions | undefined
  /** The functions that take part; `undefined` means all. */
  readonly functions: readonly string[] | undefined
  /** A level for each category or pattern of categories, in the order of the file. */
  readonly logLevels: ReadonlyMap<string, LogLevel>
  readonly watch: WatchOptions
}

/** How long an invocation may take. */
export interface FunctionTimeout {
  readonly milliseconds: number
  /** As it is written in `host.json`. */
  readonly text: string
}

/** What else reloads the app when it changes. */
export interface WatchOptions {
  readonly enabled: boolean
  /** Folders at the root of the app. */
  readonly directories: readonly string[]
  /** Names of files at the root of the app. */
  readonly files: readonly string[]
}

/** The levels of .NET's logging, in their order: https://learn.microsoft.com/dotnet/api/microsoft.extensions.logging.loglevel */
export const LOG_LEVELS: readonly LogLevel[] = [
  'trace', 'debug', 'information', 'warning', 'error', 'critical', 'none',
] // prettier-ignore

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE
const DEFAULT_TIMEOUT: FunctionTimeout = { milliseconds: 30 * MINUTE, text: '00:30:00' }
// https://learn.microsoft.com/azure/azure-functions/functions-host-json
const TOP_LEVEL = [
  'version', 'aggregator', 'applicationInsights', 'concurrency', 'configurationSource', 'customHandler',
  'extensionBundle', 'extensions', 'fileWatchingEnabled', 'functions', 'functionTimeout', 'healthMonitor', 'id',
  'isDefaultHostConfig', 'logging', 'managedDependency', 'mcp', 'retry', 'singleton', 'snapshot', 'telemetryMode',
  'watchDirectories', 'watchFiles', '$schema',
] // prettier-ignore
/** The sections of `extensions` that func-local reads. */
const EXTENSIONS = ['http', 'queues', 'blobs', 'tables', 'mcp']
// Top-level sections of version 1 of the runtime.
const MOVED = ['http', 'queues', 'blobs', 'eventHub', 'serviceBus']

/**
 * Reads the host's own options and checks the sections that every app's host reads, whether func-local uses them or not.
 *
 * @throws {ConfigurationError}
 */
export function readHostOptions(config: HostConfig): HostJsonOptions {
  reportUnknown(config)
  checkSingleton(config)
  checkAggregator(config)
  checkExtensionBundle(config)
  const top = config.section('', { functionTimeout: nullable(text()), fileWatchingEnabled: flag() })
  config.section('logging', { fileLoggingMode: nullable(word(['never', 'always', 'debugOnly'])) }, [
    'logLevel', 'console', 'applicationInsights', 'fileLoggingMode',
  ]) // prettier-ignore
  const functions = config.list('functions')
  return {
    functionTimeout: readFunctionTimeout(config, top.functionTimeout),
    retry: readRetry(config),
    functions: functions.length === 0 ? undefined : functions,
    logLevels: readLogLevels(config),
    watch: {
      enabled: top.fileWatchingEnabled ?? true,
      directories: config.list('watchDirectories'),
      files: config.list('watchFiles'),
    },
  }
}

function reportUnknown(config: HostConfig): void {
  const among = (names: readonly string[], key: string): boolean =>
    names.some((name) => name.toLowerCase() === key.toLowerCase())
  const hint = (name: string | undefined): string => (name === undefined ? '' : ` Did you mean "${name}"?`)
  const top = config.raw('')
  for (const key of isObject(top) ? Object.keys(top) : []) {
    if (among(TOP_LEVEL, key)) continue
    if (among(MOVED, key))
      config.report(`host.json: "${key}" belongs under "extensions"; here it is ignored.`)
    else
      config.report(
        `host.json: "${key}" is not a setting of the Functions host; it is ignored.${hint(nearest(key, TOP_LEVEL))}`,
      )
  }
  const extensions = config.raw('extensions')
  for (const key of isObject(extensions) ? Object.keys(extensions) : []) {
    const meant = among(EXTENSIONS, key) ? undefined : nearest(key, EXTENSIONS)
    if (meant !== undefined)
      config.report(`host.json: "extensions.${key}" is not a known section; it is ignored.${hint(meant)}`)
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-host-json#functiontimeout */
function readFunctionTimeout(config: HostConfig, written: string | undefined): FunctionTimeout | undefined {
  if (written === undefined) return DEFAULT_TIMEOUT
  const parsed = v.safeParse(timeSpan(), written)
  // The time span "-1" is a day back: no limit.
  if (parsed.success && parsed.output === -DAY) return undefined
  if (!parsed.success || parsed.output < SECOND) {
    throw config.refusal(
      ['functionTimeout'],
      'must be a time span such as "00:05:00", at least 00:00:01, or "-1" for no limit',
    )
  }
  return { milliseconds: parsed.output, text: written }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies */
function readRetry(config: HostConfig): RetryOptions | undefined {
  const raw = config.raw('retry')
  if (!isObject(raw) || Object.keys(raw).length === 0) return undefined
  const interval = nullable(timeSpan(0))
  const retry = config.section('retry', {
    strategy: word(['exponentialBackoff', 'fixedDelay']),
    maxRetryCount: nullable(wholeNumber(-1, INT32_MAX)),
    delayInterval: interval,
    minimumInterval: interval,
    maximumInterval: interval,
  })
  const required = (
    key: 'maxRetryCount' | 'delayInterval' | 'minimumInterval' | 'maximumInterval',
  ): number => {
    const value = retry[key]
    if (value === undefined) throw config.refusal(['retry'], `must have "${key}"`)
    return value
  }
  const seconds = (milliseconds: number): { seconds: number } => ({ seconds: milliseconds / SECOND })
  const maxRetryCount = required('maxRetryCount')
  if (retry.strategy === 'fixedDelay') {
    return { retryStrategy: 'fixedDelay', maxRetryCount, delayInterval: seconds(required('delayInterval')) }
  }
  const [minimum, maximum] = [required('minimumInterval'), required('maximumInterval')]
  if (minimum > maximum)
    throw config.refusal(['retry'], 'must have a "minimumInterval" below its "maximumInterval"')
  return {
    retryStrategy: 'exponentialBackoff',
    maxRetryCount,
    minimumInterval: seconds(minimum),
    maximumInterval: seconds(maximum),
  }
}

/** https://learn.microsoft.com/azure/azure-functions/configure-monitoring#configure-log-levels */
function readLogLevels(config: HostConfig): ReadonlyMap<string, LogLevel> {
  const levels = new Map<string, LogLevel>()
  const collect = (node: unknown, keys: readonly string[]): void => {
    if (!isObject(node)) return
    for (const [key, value] of Object.entries(node)) {
      const path = [...keys, key]
      const written = configurationText(value)?.trim()
      if (written === undefined) collect(value, path)
      else if (written !== '') levels.set(path.join(':'), levelOf(written) ?? refuse(path))
      if (key.split('*').length > 2) {
        throw config.refusal(['logging', 'logLevel', ...path], 'must have a category with one "*" at most')
      }
    }
  }
  const refuse = (path: readonly string[]): never => {
    throw config.refusal(
      ['logging', 'logLevel', ...path],
      `must be one of ${LOG_LEVELS.map((level) => `"${capitalised(level)}"`).join(', ')}`,
    )
  }
  collect(config.raw('logging.logLevel'), [])
  return levels
}

/** A level by its name, or by its number as .NET's enumeration has it; beyond the last number nothing is logged. */
function levelOf(written: string): LogLevel | undefined {
  if (/^\d+$/.test(written)) return LOG_LEVELS[Number(written)] ?? 'none'
  return LOG_LEVELS.find((level) => level === written.toLowerCase())
}

function capitalised(level: string): string {
  return level.charAt(0).toUpperCase() + level.slice(1)
}

/** https://learn.microsoft.com/azure/azure-functions/functions-host-json#singleton */
function checkSingleton(config: HostConfig): void {
  const lease = timeSpan(15 * SECOND, MINUTE)
  config.section('singleton', {
    lockPeriod: lease,
    listenerLockPeriod: lease,
    lockAcquisitionTimeout: timeSpan(1),
    lockAcquisitionPollingInterval: timeSpan(SECOND / 2),
    listenerLockRecoveryPollingInterval: timeSpan(15 * SECOND),
  })
}

/** https://learn.microsoft.com/azure/azure-functions/functions-host-json#aggregator */
function checkAggregator(config: HostConfig): void {
  config.section('aggregator', {
    batchSize: wholeNumber(1, 10_000),
    flushTimeout: timeSpan(1, 5 * MINUTE),
    isEnabled: flag(),
  })
}

const VERSION = String.raw`\d+(?:\.(?:\d+|\*)){0,3}(?:-[\w.-]+)?`
const VERSION_RANGE = new RegExp(
  String.raw`^\s*(?:\*|${VERSION}|[[(]\s*(?:${VERSION})?\s*(?:,\s*(?:${VERSION})?\s*)?[\])])\s*$`,
)

/** https://learn.microsoft.com/azure/azure-functions/extension-bundles */
function checkExtensionBundle(config: HostConfig): void {
  const raw = config.raw('extensionBundle')
  if (raw === undefined || (isObject(raw) && Object.keys(raw).length === 0)) return
  const { id = '', version = '' } = config.section('extensionBundle', { id: text(), version: text() }, [
    'ensureLatest',
  ])
  if (!/^\w+(?:[.-]\w+)*$/.test(id)) {
    throw config.refusal(
      ['extensionBundle', ...(id === '' ? [] : ['id'])],
      'must have the "id" of a bundle, "Microsoft.Azure.Functions.ExtensionBundle" for example',
    )
  }
  if (!VERSION_RANGE.test(version)) {
    throw config.refusal(
      ['extensionBundle', ...(version === '' ? [] : ['version'])],
      'must have a "version" range, "[4.*, 5.0.0)" for example',
    )
  }
}
