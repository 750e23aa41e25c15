import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { execFile } from 'node:child_process'
import * as esbuild from 'esbuild'
import { AzuriteStartError, startAzurite, USUAL_PORTS, whoAnswers, type Azurite } from './azurite.ts'
import { bundleOptions, removeStaleOutput, ROOT } from './build.ts'
import { appSettings, ensureSettingsFile, SettingsFileError } from './settings.ts'

const USAGE = `npm start -- [--host=func|func-local] [--port 7071] [--enableAuth] [--verbose] [--inspect[=9229]]

Builds the app, starts Azurite (unless it runs already) and a local Functions host, and rebuilds on every change.
  --host        Core Tools (func), or func-local; the default is func where it is installed
  --port        the host's port
  --enableAuth  func-local: ask for function keys, as Azure does
  --verbose     the host says more
  --inspect     opens the debugger's port in the app's process`

type Host = 'func' | 'func-local'

/** Something a person has to put right. Its message is all they see. */
class StartError extends Error {
  override readonly name = 'StartError'
}

interface Options {
  readonly host: Host | undefined
  readonly port: number
  readonly hostFlags: readonly string[]
}

function readOptions(): Options | 'help' {
  let values
  try {
    values = parseArgs({
      // An option's value may be left out only where it is given with "=".
      args: process.argv.slice(2).map((flag) => (flag === '--inspect' ? '--inspect=9229' : flag)),
      options: {
        host: { type: 'string' },
        port: { type: 'string', short: 'p', default: '7071' },
        enableAuth: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        inspect: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new StartError(`${(error as Error).message}\n\n${USAGE}`)
  }
  if (values.help) return 'help'
  const { host } = values
  if (host !== undefined && host !== 'func' && host !== 'func-local') {
    throw new StartError(`--host is func or func-local, not "${host}".`)
  }
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new StartError(`--port is a number from 1 to 65535, not "${values.port}".`)
  }
  const hostFlags = [
    ...(values.enableAuth ? ['--enableAuth'] : []),
    ...(values.verbose ? ['--verbose'] : []),
    // Last: everything after the two dashes is for Node.
    ...(values.inspect === undefined ? [] : ['--language-worker', '--', `--inspect=${values.inspect}`]),
  ]
  return { host, port, hostFlags }
}

/** The version of Core Tools, or undefined where it is not installed. */
async function coreToolsVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('func', ['--version'], {
      shell: process.platform === 'win32',
      timeout: 15_000,
    })
    return stdout.trim()
  } catch {
    return undefined
  }
}

async function chooseHost(wanted: Host | undefined): Promise<Host> {
  if (wanted === 'func-local') {
    console.log('Host: func-local')
    return 'func-local'
  }
  const version = await coreToolsVersion()
  if (version !== undefined) {
    console.log(`Host: func, Azure Functions Core Tools ${version}`)
    return 'func'
  }
  if (wanted === 'func') {
    throw new StartError(
      'Core Tools (func) is not installed. Install it (https://aka.ms/func-cli), or leave --host out to use func-local.',
    )
  }
  console.log('Host: func-local (Azure Functions Core Tools is not installed)')
  return 'func-local'
}

async function requireFreePort(port: number): Promise<void> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'is in use' : String(error)
    throw new StartError(
      `Port ${port} ${reason}. End what holds it, or choose another: npm start -- --port 7072`,
    )
  } finally {
    server.close()
  }
}

/**
 * Builds, and builds again on every change of a source file, until this process ends. The host reloads what is new in
 * `dist/`. A build that is interrupted by a signal never ends: the signal ends esbuild's own process, too.
 */
async function buildAndWatch(): Promise<void> {
  const firstBuild = Promise.withResolvers<boolean>()
  let builds = 0
  const report: esbuild.Plugin = {
    name: 'report',
    setup(build) {
      let begun = 0
      build.onStart(() => {
        begun = performance.now()
      })
      build.onEnd(async ({ errors, warnings, metafile }) => {
        const text = [
          ...(await esbuild.formatMessages(errors, { kind: 'error', color: process.stderr.isTTY })),
          ...(await esbuild.formatMessages(warnings, { kind: 'warning', color: process.stderr.isTTY })),
        ].join('')
        if (text !== '') process.stderr.write(text)
        if (++builds === 1) {
          if (metafile !== undefined && errors.length === 0) await removeStaleOutput(metafile)
          firstBuild.resolve(errors.length === 0)
        } else if (errors.length > 0) {
          console.error('Not rebuilt; the last good version keeps running.')
        } else {
          console.log(`Rebuilt in ${Math.round(performance.now() - begun)} ms.`)
        }
      })
    },
  }
  const context = await esbuild.context({ ...bundleOptions('development'), plugins: [report] })
  await context.watch()
  if (await firstBuild.promise) return
  throw new StartError('The app does not build; the errors are above.')
}

async function ensureAzurite(settings: NodeJS.ProcessEnv): Promise<Azurite | undefined> {
  if (!/UseDevelopmentStorage=true/i.test(settings['AzureWebJobsStorage'] ?? '')) return undefined
  const present = await whoAnswers()
  if (present === 'azurite') {
    console.log('Azurite: running already')
    return undefined
  }
  if (present !== 'nobody') {
    throw new StartError(
      `Port ${present.port} is in use, and not by a whole Azurite (it needs ${Object.values(USUAL_PORTS).join(', ')}). ` +
        'End what holds it, or set AzureWebJobsStorage in local.settings.json to another storage.',
    )
  }
  const azurite = await startAzurite({ ports: USUAL_PORTS, location: path.join(ROOT, '.azurite') })
  console.log(`Azurite: ports ${Object.values(USUAL_PORTS).join(', ')}, data in .azurite/`)
  return azurite
}

function startHost(host: Host, { port, hostFlags }: Options): ChildProcess {
  // A group of its own: Ctrl-C reaches this process alone, which stops everything in the right order.
  const detached = process.platform !== 'win32'
  const flags = ['start', '--port', String(port), ...hostFlags]
  if (host === 'func') {
    return spawn('func', flags, {
      cwd: ROOT,
      detached,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    })
  }
  return fork(path.join(ROOT, 'packages/func-local/bin/func-local.js'), flags, {
    cwd: ROOT,
    detached,
    execArgv: ['--import', pathToFileURL(path.join(import.meta.dirname, 'lifeline.ts')).href],
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
}

/** What ended first, and how. */
type Ending =
  | { readonly who: 'host'; readonly code: number | null }
  | { readonly who: 'azurite'; readonly error: Error | undefined }

/** A signal asked for the end; nothing is wrong. */
class Stopped extends Error {}

/** Signals: the first one stops everything in its order, the second one at once. */
function watchSignals(): {
  readonly stopped: Promise<never>
  readonly isStopping: () => boolean
  readonly onHardStop: (end: () => void) => void
} {
  const { promise, reject } = Promise.withResolvers<never>()
  let stopping = false
  let endNow = (): void => undefined
  const onSignal = () => {
    if (stopping) {
      endNow()
      // func-local and Azurite notice that this process is gone, and stop by themselves.
      process.exit(1)
    }
    stopping = true
    reject(new Stopped())
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  promise.catch(() => undefined)
  return { stopped: promise, isStopping: () => stopping, onHardStop: (end) => (endNow = end) }
}

/** Longer than the host lets what runs finish, and Azurite writes its data. */
const STOP_LIMIT_MS = 20_000

/** Waits for work that may never end, for a time. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const late = new AbortController()
  await Promise.race([work, sleep(milliseconds, undefined, { signal: late.signal, ref: false })]).catch(
    () => undefined,
  )
  late.abort()
}

/** Ends the host at once, with the processes that it started. */
function killGroup(child: ChildProcess | undefined): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  if (process.platform === 'win32') child.kill('SIGKILL')
  else process.kill(-child.pid, 'SIGKILL')
}

/** Runs until Ctrl-C, or until the host or Azurite ends. Answers the exit code. */
async function run(options: Options): Promise<number> {
  const { stopped, isStopping, onHardStop } = watchSignals()
  /** Whatever takes time is given up at the first signal. */
  const orStopped = <T>(work: Promise<T>): Promise<T> => Promise.race([work, stopped])
  let child: ChildProcess | undefined
  let hostEnded: Promise<Ending> | undefined
  let storage: Promise<Azurite | undefined> = Promise.resolve(undefined)
  onHardStop(() => {
    killGroup(child)
  })
  try {
    const host = await orStopped(chooseHost(options.host))
    if (await orStopped(ensureSettingsFile())) {
      console.log('Settings: local.settings.json made from local.settings.json.example')
    }
    const settings = await orStopped(appSettings())
    await orStopped(requireFreePort(options.port))

    storage = ensureAzurite(settings)
    // Its failure is looked at below, after the build's.
    storage.catch(() => undefined)
    await orStopped(buildAndWatch())
    // Core Tools ends when storage is not there yet; func-local waits for it, and answers meanwhile.
    if (host === 'func') await orStopped(storage)
    child = startHost(host, options)
    hostEnded = once(child, 'exit').then((args): Ending => ({ who: 'host', code: args[0] as number | null }))
    const ended = hostEnded
    const azuriteEnded = storage.then(
      async (azurite): Promise<Ending> => {
        if (azurite === undefined) return ended
        await azurite.ended
        return { who: 'azurite', error: undefined }
      },
      (error: unknown): Ending => ({
        who: 'azurite',
        error: error instanceof Error ? error : new Error(String(error)),
      }),
    )
    const first = await orStopped(Promise.race([hostEnded, azuriteEnded]))
    if (first.who === 'host') return first.code ?? 1
    if (first.error !== undefined) throw first.error
    console.error('Azurite has ended, so the app had no storage; the host is stopped.')
    return 1
  } catch (error) {
    if (isStopping()) return 0
    throw error
  } finally {
    child?.kill('SIGINT')
    await within(STOP_LIMIT_MS, Promise.resolve(hostEnded))
    killGroup(child)
    // After the host, which may still write to it. One that is only starting is stopped when it has started.
    await within(
      STOP_LIMIT_MS,
      storage.then((azurite) => azurite?.stop()),
    )
  }
}

/** The error of a person's making in one line, with the next step; anything else as it is. */
async function explain(error: unknown): Promise<unknown> {
  if (error instanceof AzuriteStartError) {
    const damaged = await damagedFile()
    return damaged === undefined
      ? error.message
      : `${error.message} Its data in ${damaged} is damaged. Move .azurite/ away (what it holds is lost) and start again.`
  }
  if (error instanceof StartError || error instanceof SettingsFileError) return error.message
  const { code, path: file, syscall } = error as NodeJS.ErrnoException
  if (code === undefined || file === undefined || syscall === undefined) return error
  return `${path.relative(ROOT, file) || '.'}: ${syscall} failed (${code}). Check the permissions of the folder, and that the disk is not full; then start again.`
}

/** A file of Azurite's data that is not the JSON it must be. */
async function damagedFile(): Promise<string | undefined> {
  const folder = path.join(ROOT, '.azurite')
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith('.json')) continue
    try {
      JSON.parse(await readFile(path.join(folder, name), 'utf8'))
    } catch {
      return `.azurite/${name}`
    }
  }
  return undefined
}

try {
  const options = readOptions()
  if (options === 'help') console.log(USAGE)
  else process.exitCode = await run(options)
} catch (error) {
  console.error(await explain(error))
  process.exitCode = 1
}
// What is left open, esbuild's watch for example, must not hold the process.
process.exit()
