import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArguments, UsageError, type HttpsOptions, type StartOptions } from './arguments.ts'
import { readConfiguration, type Configuration } from './config/configuration.ts'
import { ConfigurationError } from './config/json-file.ts'
import { StoppedError } from './host/app-runner.ts'
import { startHost } from './host/host.ts'
import { createLog, type Log } from './host/log.ts'
import { jsonLines, textLines, type TextSink } from './host/log-format.ts'
import { linesOf } from './host/log-text.ts'
import { secretsOf } from './host/secrets.ts'
import { WorkerExitError } from './host/worker-process.ts'
import type { ServerIdentity } from './http/certificate.ts'
import { corsPolicy } from './http/cors.ts'
import { createKeys, makeKey, type Keys } from './http/keys.ts'
import { PortError } from './http/server.ts'
import { registry } from './extensions.ts'
import type { InvokeCommand } from './invoke/arguments.ts'
import { USAGE } from './usage.ts'

const DEFAULT_PORT = 7071
const LOOPBACK = '127.0.0.1'
// In development the sources run as they are; installed, the bundles do.
const inSource = import.meta.url.endsWith('.ts')
const workerScript = fileURLToPath(new URL(inSource ? './worker/main.ts' : './worker.js', import.meta.url))

// Each worker has a listener for the end of this process, and there may be many that finish what they have begun.
process.setMaxListeners(0)
await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const write = standardOutput()
  let log: Log | undefined
  let isJson = false
  try {
    const command = parseArguments(args)
    if (command.kind === 'help') write(USAGE)
    else if (command.kind === 'invoke') await invoke(command.invoke, (text) => process.stdout.write(text))
    else if (command.kind === 'version') write(`${packageVersion()}\n`)
    else {
      const { verbose, json } = command.options
      isJson = json
      const lines = json ? jsonLines(write) : textLines({ verbose, colours: hasColours() }, write)
      log = createLog({ verbose }, lines)
      await run(command.options, log)
    }
  } catch (error) {
    process.exitCode = 1
    const reason = explain(error)
    // A tool reads one stream.
    if (isJson && log !== undefined) log.error(reason)
    else {
      const lines = linesOf(log?.redact(reason) ?? reason, { colours: false, fromApp: false })
      process.stderr.write(`${lines.join('\n')}\n`)
    }
  }
}

/** Runs the host until it is stopped. */
async function run(options: StartOptions, log: Log): Promise<void> {
  const { stopping, stopped } = stopOnSignals()
  const appDirectory = path.resolve(options.scriptRoot ?? '.')
  const initial = readConfiguration(appDirectory, ownEnvironment())
  log.configure({ levels: initial.hostOptions.logLevels, secrets: secretsOf(initial.settings) })
  log.plain(`func-local ${packageVersion()}, Node.js ${process.version}: ${appDirectory}`)
  for (const line of options.notices) log.warn(line)
  const certificate = options.https === undefined ? undefined : await openCertificate(options.https)
  if (certificate !== undefined) log.plain(certificate.notice)
  const keys = options.enableAuth ? openKeys(initial, log) : undefined
  const takeOn = (configuration: Configuration): Configuration => {
    keys?.configure(configuration)
    return configuration
  }
  const environment = ownEnvironment()
  let host
  try {
    host = await startHost({
      appDirectory,
      address: options.address ?? LOOPBACK,
      port: options.port ?? initial.local.LocalHttpPort ?? DEFAULT_PORT,
      functions: options.functions,
      nodeArguments: (configuration) => [...workerArguments(configuration), ...options.languageWorker],
      workerScript,
      version: packageVersion(),
      initial,
      configuration: () => takeOn(readConfiguration(appDirectory, environment)),
      cors: ({ local }) =>
        corsPolicy(options.cors ?? local.CORS, options.corsCredentials || local.CORSCredentials === true),
      keys,
      tls: certificate?.identity,
      log,
      registry,
      listens: true,
      stopping,
    })
  } catch (error) {
    if (error instanceof StoppedError) process.exit(0)
    throw error
  }
  const { stop } = host
  void stopped.then(stop).then((clean) => process.exit(clean ? 0 : 1))
}

/** Calls a function of a host that runs, or of one of its own. */
async function invoke(command: InvokeCommand, write: TextSink): Promise<void> {
  // Only this command needs it.
  const { runInvoke } = await import('./invoke/run-invoke.ts')
  const appDirectory = path.resolve(command.scriptRoot ?? '.')
  const environment = ownEnvironment()
  const initial = readConfiguration(appDirectory, environment)
  const port = command.port ?? initial.local.LocalHttpPort ?? DEFAULT_PORT
  const writeError = (text: string): void => void process.stderr.write(text)
  process.exitCode = await runInvoke(command, {
    appDirectory,
    port,
    settings: initial.settings,
    stdin: process.stdin,
    write,
    writeError,
    start: () => {
      const { stopping, stopped } = stopOnSignals()
      void stopped.then(() => process.exit(1))
      return startHost({
        appDirectory,
        address: LOOPBACK,
        port: 0,
        functions: undefined,
        nodeArguments: workerArguments,
        workerScript,
        version: packageVersion(),
        initial,
        configuration: () => readConfiguration(appDirectory, environment),
        cors: () => undefined,
        keys: undefined,
        tls: undefined,
        log: createLog(
          { verbose: true },
          command.verbose ? textLines({ verbose: true, colours: false }, writeError) : () => undefined,
        ),
        registry,
        listens: false,
        stopping,
      })
    },
  })
}

/** The environment as it was given; the host changes its own time zone. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env }
}

/** Arguments for the worker's Node that the settings give. */
function workerArguments({ settings }: Configuration): string[] {
  return (settings.get('languageWorkers:node:arguments') ?? '').split(' ').filter(Boolean)
}

/** The keys of `--enableAuth`; a made key stays for as long as no other is set. */
function openKeys(
  initial: Configuration,
  log: Log,
): Keys & { configure: (configuration: Configuration) => void } {
  const keyIn = ({ settings }: Configuration): string => settings.get('FUNC_LOCAL_KEY') ?? ''
  const made = makeKey()
  if (keyIn(initial) === '')
    log.plain(`Key for functions and the admin API (header x-functions-key, or ?code=): ${made}`)
  let keys = createKeys(keyIn(initial) || made)
  return {
    allows: (request, level) => keys.allows(request, level),
    configure: (configuration) => {
      keys = createKeys(keyIn(configuration) || made)
    },
  }
}

/** The certificate of `--cert`, or one made for this machine, and the line that says which. */
async function openCertificate({
  cert,
  password,
}: HttpsOptions): Promise<{ readonly identity: ServerIdentity; readonly notice: string }> {
  // Only this flag needs it.
  const { certificateFolder, ownCertificate, readCertificate } = await import('./http/certificate.ts')
  if (cert !== undefined) {
    const file = path.resolve(cert)
    return { identity: readCertificate(file, password), notice: `HTTPS with the certificate in ${file}` }
  }
  const { identity, file } = await ownCertificate(certificateFolder(process.env))
  const notice =
    file === undefined
      ? 'HTTPS with a certificate that was made for this start; it could not be kept.'
      : `HTTPS with a certificate of its own, which clients trust once you tell them to: ${file}`
  return { identity, notice }
}

/** The first signal stops gracefully, a second one at once; both while the app loads, too. */
function stopOnSignals(): { readonly stopping: AbortSignal; readonly stopped: Promise<void> } {
  const controller = new AbortController()
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(1)
    controller.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  return {
    stopping: controller.signal,
    stopped: new Promise((resolve) => {
      controller.signal.addEventListener('abort', () => {
        resolve()
      })
    }),
  }
}

/** https://no-color.org and https://force-color.org */
function hasColours(): boolean {
  const isSet = (name: string): boolean => (process.env[name] ?? '') !== ''
  if (isSet('NO_COLOR')) return false
  return process.stdout.isTTY || (isSet('FORCE_COLOR') && process.env['FORCE_COLOR'] !== '0')
}

/**
 * Standard output that outlives its reader: a closed pipe must not end the host. What is logged in one turn of the event
 * loop is written at once: each write is a system call that wakes the reader.
 */
function standardOutput(): TextSink {
  let open = true
  let pending = ''
  const flush = (): void => {
    if (open && pending !== '') process.stdout.write(pending)
    pending = ''
  }
  process.on('exit', flush)
  process.stdout.on('error', () => {
    open = false
  })
  process.stderr.on('error', () => undefined)
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
