import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArguments, UsageError, type StartOptions } from './arguments.ts'
import { readHostConfig } from './config/host-config.ts'
import { ConfigurationError } from './config/json-file.ts'
import { readSettings, type Settings } from './config/settings.ts'
import { startHost, type RunningHost } from './host/host.ts'
import { createLog, type Sink } from './host/log.ts'
import { secretsOf } from './host/secrets.ts'
import { WorkerExitError } from './host/worker-process.ts'
import { corsPolicy } from './http/cors.ts'
import { createKeys, makeKey } from './http/keys.ts'
import { PortError } from './http/server.ts'
import { registry } from './types.ts'
import { USAGE } from './usage.ts'

const DEFAULT_PORT = 7071
const LOOPBACK = '127.0.0.1'
// In development the sources run as they are; installed, the bundles do.
const inSource = import.meta.url.endsWith('.ts')
const workerScript = fileURLToPath(new URL(inSource ? './worker/main.ts' : './worker.js', import.meta.url))

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const write = standardOutput()
  try {
    const command = parseArguments(args)
    if (command.kind === 'help') write(USAGE)
    else if (command.kind === 'version') write(`${packageVersion()}\n`)
    else stopOnSignals(await start(command.options, write))
  } catch (error) {
    process.exitCode = 1
    process.stderr.write(`${explain(error)}\n`)
  }
}

async function start(options: StartOptions, write: Sink): Promise<RunningHost> {
  const appDirectory = path.resolve(options.scriptRoot ?? '.')
  const { settings, host } = readSettings(appDirectory, process.env)
  checkRuntime(settings)
  const key = options.enableAuth ? (settings.get('FUNC_LOCAL_KEY') ?? '') || makeKey() : undefined
  const log = createLog(
    {
      verbose: options.verbose,
      // https://no-color.org
      colours: process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '',
      levels: readHostConfig(appDirectory, settings).raw('logging.logLevel'),
      secrets: secretsOf(settings),
    },
    write,
  )
  log.plain(`func-local ${packageVersion()}, Node.js ${process.version}: ${appDirectory}`)
  if (key !== undefined && key !== settings.get('FUNC_LOCAL_KEY')) {
    log.plain(`Key for functions and the admin API (header x-functions-key, or ?code=): ${key}`)
  }
  return await startHost({
    appDirectory,
    address: options.address ?? LOOPBACK,
    port: options.port ?? host.LocalHttpPort ?? DEFAULT_PORT,
    functions: options.functions,
    nodeArguments: [
      ...(settings.get('languageWorkers:node:arguments') ?? '').split(' ').filter(Boolean),
      ...options.languageWorker,
    ],
    workerScript,
    version: packageVersion(),
    configuration: () => {
      const current = readSettings(appDirectory, process.env).settings
      return { settings: current, hostConfig: readHostConfig(appDirectory, current) }
    },
    cors: corsPolicy(options.cors ?? host.CORS, options.corsCredentials || host.CORSCredentials === true),
    keys: key === undefined ? undefined : createKeys(key),
    log,
    registry,
  })
}

/** Apps of other languages name theirs here. */
function checkRuntime(settings: Settings): void {
  const runtime = settings.get('FUNCTIONS_WORKER_RUNTIME') ?? ''
  if (runtime !== '' && runtime.toLowerCase() !== 'node') {
    throw new ConfigurationError(
      `FUNCTIONS_WORKER_RUNTIME is '${runtime}', and func-local runs Node.js apps only. Set it to 'node', or use Core Tools for this app.`,
    )
  }
}

/** The first signal stops gracefully, a second one at once. */
function stopOnSignals(host: RunningHost): void {
  let asked = false
  const onSignal = (): void => {
    if (asked) process.exit(1)
    asked = true
    void host.stop().then(() => process.exit(0))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
}

/**
 * Standard output that outlives its reader: a closed pipe must not end the host. What is said in one turn of the event
 * loop is written at once: each write is a call of the operating system, and wakes whoever reads.
 */
function standardOutput(): Sink {
  let open = true
  let pending = ''
  const flush = (): void => {
    if (open && pending !== '') process.stdout.write(pending)
    pending = ''
  }
  process.on('exit', flush)
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      open = false
    })
  }
  return (text) => {
    if (pending === '') setImmediate(flush)
    pending += text
  }
}

function packageVersion(): string {
  const file = fileURLToPath(new URL('../package.json', import.meta.url))
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}

/** Errors a user can meet are one line; a fault in the app's code, or in ours, shows its stack. */
function explain(error: unknown): string {
  const expected = [UsageError, ConfigurationError, PortError, WorkerExitError]
  if (expected.some((type) => error instanceof type)) return (error as Error).message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
