import path from 'node:path'
import { parseArguments, type HttpsOptions, type StartOptions } from './arguments.ts'
import { readConfiguration } from './config/configuration.ts'
import { StoppedError } from './host/app-runner.ts'
import { createLog, type Log } from './host/log.ts'
import { jsonLines, textLines, type TextSink } from './host/log-format.ts'
import { linesOf } from './host/log-text.ts'
import type { ServerIdentity } from './http/certificate.ts'
import type { InvokeCommand } from './invoke/arguments.ts'
import { DEFAULT_PORT, explain, launch, packageVersion } from './launch.ts'
import { USAGE } from './usage.ts'

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
  const certificate = options.https === undefined ? undefined : await openCertificate(options.https)
  let host
  try {
    host = await launch(
      {
        ...options,
        appDirectory,
        environment: ownEnvironment(),
        tls: certificate?.identity,
        watch: true,
        interactive: true,
        setTimeZone,
        listens: true,
        log,
        stopping,
      },
      () => {
        log.plain(`func-local ${packageVersion()}, Node.js ${process.version}: ${appDirectory}`)
        for (const line of options.notices) log.warn(line)
        if (certificate !== undefined) log.plain(certificate.notice)
      },
    )
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
  const { local, settings } = readConfiguration(appDirectory, environment)
  const writeError = (text: string): void => void process.stderr.write(text)
  process.exitCode = await runInvoke(command, {
    appDirectory,
    port: command.port ?? local.LocalHttpPort ?? DEFAULT_PORT,
    settings,
    stdin: process.stdin,
    write,
    writeError,
    start: () => {
      const { stopping, stopped } = stopOnSignals()
      void stopped.then(() => process.exit(1))
      const lines = textLines({ verbose: true, colours: false }, writeError)
      return launch({
        appDirectory,
        environment,
        address: undefined,
        port: 0,
        functions: undefined,
        cors: undefined,
        corsCredentials: false,
        enableAuth: false,
        languageWorker: [],
        tls: undefined,
        watch: false,
        interactive: true,
        setTimeZone,
        listens: false,
        console: false,
        log: createLog({ verbose: true }, command.verbose ? lines : () => undefined),
        stopping,
      })
    },
  })
}

/** The environment as it was given; the host changes its own time zone. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env }
}

/** This process is the host's alone: its timers run in the zone that handlers see. */
function setTimeZone(name: string | undefined): void {
  if (name === undefined) delete process.env['TZ']
  else process.env['TZ'] = name
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
