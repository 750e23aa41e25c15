import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UsageError } from './arguments.ts'
import { readConfiguration, type Configuration } from './config/configuration.ts'
import { ConfigurationError } from './config/json-file.ts'
import { extensions } from './extensions.ts'
import { startHost, type RunningHost } from './host/host.ts'
import type { Log } from './host/log.ts'
import { secretsOf } from './host/secrets.ts'
import { WorkerExitError } from './host/worker-process.ts'
import type { ServerIdentity } from './http/certificate.ts'
import { corsPolicy } from './http/cors.ts'
import { createKeys, makeKey, type Keys } from './http/keys.ts'
import { PortError } from './http/server.ts'

/** What the command line and the library both start a host with. */
export interface LaunchOptions {
  readonly appDirectory: string
  /** Takes precedence over the app's own files. */
  readonly environment: NodeJS.ProcessEnv
  /** The address to listen on; nobody but this machine by default. */
  readonly address: string | undefined
  /** `undefined`: `Host.LocalHttpPort`, else 7071. */
  readonly port: number | undefined
  readonly functions: readonly string[] | undefined
  readonly cors: string | undefined
  readonly corsCredentials: boolean
  readonly enableAuth: boolean
  /** Arguments for the worker's Node, after those of the settings. */
  readonly languageWorker: readonly string[]
  readonly tls: ServerIdentity | undefined
  readonly watch: boolean
  readonly interactive: boolean
  readonly setTimeZone: (name: string | undefined) => void
  /** Whether events make functions run; else they run only when they are called, and no browser asks for CORS. */
  readonly listens: boolean
  /** Serves the console at `/`. */
  readonly console: boolean
  readonly log: Log
  readonly stopping: AbortSignal
}

/** A host that takes requests, and the key that it asks for. */
export interface LaunchedHost extends RunningHost {
  readonly key: string | undefined
}

/** Told the configuration of the start, before the app is loaded. */
export type OnConfigured = (initial: Configuration) => void

/** Where a host listens when nobody says otherwise. */
export const DEFAULT_PORT = 7071
const LOOPBACK = '127.0.0.1'
// In development the sources run as they are; installed, the bundles do.
const inSource = import.meta.url.endsWith('.ts')
const workerScript = fileURLToPath(new URL(inSource ? './worker/main.ts' : './worker.js', import.meta.url))

/** Reads an app's configuration and starts a host for it; rejects as {@link startHost} does. */
export async function launch(
  options: LaunchOptions,
  onConfigured: OnConfigured = () => undefined,
): Promise<LaunchedHost> {
  const { appDirectory, environment, log } = options
  const initial = readConfiguration(appDirectory, environment)
  log.configure({ levels: initial.hostOptions.logLevels, secrets: secretsOf(initial.settings) })
  onConfigured(initial)
  const keys = options.enableAuth ? openKeys(initial, log) : undefined
  const host = await startHost({
    appDirectory,
    address: options.address ?? LOOPBACK,
    port: options.port ?? initial.local.LocalHttpPort ?? DEFAULT_PORT,
    functions: options.functions,
    nodeArguments: ({ settings }) => [
      ...(settings.get('languageWorkers:node:arguments') ?? '').split(' ').filter(Boolean),
      ...options.languageWorker,
    ],
    workerScript,
    version: packageVersion(),
    initial,
    configuration: () => {
      const configuration = readConfiguration(appDirectory, environment)
      keys?.configure(configuration)
      return configuration
    },
    cors: ({ local }) =>
      options.listens
        ? corsPolicy(options.cors ?? local.CORS, options.corsCredentials || local.CORSCredentials === true)
        : undefined,
    keys,
    tls: options.tls,
    watch: options.watch,
    interactive: options.interactive,
    setTimeZone: options.setTimeZone,
    log,
    extensions,
    listens: options.listens,
    console: options.console,
    stopping: options.stopping,
  })
  return {
    ...host,
    get key() {
      return keys?.current()
    },
  }
}

/** The keys of `--enableAuth`; a made key stays for as long as no other is set. */
function openKeys(
  initial: Configuration,
  log: Log,
): Keys & { configure: (configuration: Configuration) => void; current: () => string } {
  const keyIn = ({ settings }: Configuration): string => settings.get('FUNC_LOCAL_KEY') ?? ''
  const made = makeKey()
  if (keyIn(initial) === '')
    log.plain(`Key for functions and the admin API (header x-functions-key, or ?code=): ${made}`)
  // Shown once; an app that logs its requests does not show it again.
  log.configure({ levels: initial.hostOptions.logLevels, secrets: [made] })
  let key = keyIn(initial) || made
  let keys = createKeys(key)
  return {
    allows: (request, level) => keys.allows(request, level),
    configure: (configuration) => {
      key = keyIn(configuration) || made
      keys = createKeys(key)
    },
    current: () => key,
  }
}

/** The version of this package. */
export function packageVersion(): string {
  const file = fileURLToPath(new URL('../package.json', import.meta.url))
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}

/** Why a start failed. Errors a user can meet are one line; a fault in the app's code, or in ours, shows its stack. */
export function explain(error: unknown): string {
  const expected = [UsageError, ConfigurationError, PortError, WorkerExitError]
  if (expected.some((type) => error instanceof type)) return (error as Error).message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
