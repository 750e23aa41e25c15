import { execFile, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import type { AppSettings } from 'func-local/settings'
import { AzuriteStartError, PARENT_WATCHDOG } from 'testkit/azurite'
import { CosmosStartError } from 'testkit/cosmos'
import { STORE_SETTING } from '../src/storage/names.ts'
import { orderStore, ORDER_STORES, type OrderStore } from '../src/storage/orderStore.ts'
import { orderQueueCount } from '../src/storage/queueCount.ts'
import { StorageSettingsError } from '../src/storage/settingsError.ts'
import { DEVELOPMENT_FOLDER, ROOT } from './build.ts'
import { prepareDevelopmentApp } from './developmentApp.ts'
import { cosmosSetting, ensureEmulators, type Emulator } from './emulators.ts'
import { goOnUnread, whenNpmIsGone } from './npmProcess.ts'
import { ensureSettingsFile, hostSettings, SettingsFileError } from './settings.ts'
import { StartError } from './startError.ts'

const USAGE = `npm start -- [--host func|func-local] [--store tables|cosmos] [--port N] [--enableAuth] [--verbose] [--inspect[=PORT]]

Builds the app, starts Azurite (unless it is already running) and a local Functions host, and rebuilds on every change.
  --host        Core Tools (func) or func-local; the default is func if it is installed
  --store       where order records are: in tables, or in Cosmos DB, with an emulator unless CosmosDb names an account; the
                default is ORDER_STORE in local.settings.json, or tables
  --port        the host's port; the default is Host.LocalHttpPort in local.settings.json, or 7071
  --enableAuth  requires function keys, as Azure does (func-local only)
  --verbose     the host logs more
  --inspect     opens the debugger port (default 9229) in the app's process
  --help        prints this text

Ctrl-C stops everything, work in progress first. A second Ctrl-C stops at once.`

const DEFAULT_PORT = 7071
const LIST_INTERVAL_MS = 100
/** npm forwards a signal that the terminal has sent to this process already. */
const SAME_SIGNAL_MS = 300

type Host = 'func' | 'func-local'

interface Options {
  readonly host: Host | undefined
  readonly store: OrderStore | undefined
  readonly port: number | undefined
  readonly enableAuth: boolean
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
        store: { type: 'string' },
        port: { type: 'string', short: 'p' },
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
    throw new StartError(`--host must be func or func-local, not "${host}".`)
  }
  const store = ORDER_STORES.find((name) => name === values.store)
  if (values.store !== undefined && store === undefined) {
    throw new StartError(`--store must be ${ORDER_STORES.join(' or ')}, not "${values.store}".`)
  }
  const port = values.port === undefined ? undefined : Number(values.port)
  if (port !== undefined && (!Number.isInteger(port) || port < 1 || port > 65535)) {
    throw new StartError(`--port must be a number from 1 to 65535, not "${values.port ?? ''}".`)
  }
  const hostFlags = [
    ...(values.enableAuth ? ['--enableAuth'] : []),
    ...(values.verbose ? ['--verbose'] : []),
    // Last: everything after the two dashes is for Node.
    ...(values.inspect === undefined ? [] : ['--language-worker', '--', `--inspect=${values.inspect}`]),
  ]
  return { host, store, port, enableAuth: values.enableAuth, hostFlags }
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
      'Core Tools (func) is not installed. Install it (https://aka.ms/func-cli), or omit --host to use func-local.',
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
      `Port ${port} ${reason}. Stop the process that uses it, or choose another port: npm start -- --port ${port + 1}`,
    )
  } finally {
    server.close()
  }
}

/** The process that builds. */
interface Builder {
  /** Rejects with a StartError if the first build fails. */
  readonly built: Promise<void>
  stop(): Promise<void>
}

/** Builds, and rebuilds on every change of a source file. The host reloads what is new. */
function startBuilder(): Builder {
  const child = fork(path.join(ROOT, 'scripts/watch.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ended = once(child, 'exit')
  const first = Promise.race([once(child, 'message'), ended.then(() => [false])])
  const built = first.then(([isBuilt]) => {
    if (isBuilt !== true) throw new StartError('The app does not build; the errors are above.')
  })
  // After a signal nobody waits for it any more.
  built.catch(() => undefined)
  return {
    built,
    async stop() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** The app would not load with values that are not allowed. */
function requireAllowedValues({ environment }: AppSettings): OrderStore {
  try {
    orderQueueCount(environment)
    return orderStore(environment)
  } catch (error) {
    throw error instanceof StorageSettingsError ? new StartError(error.message) : error
  }
}

/** The host's process, alone in its process group. */
interface HostProcess {
  readonly ended: Promise<number | null>
  /** Asks it to stop, work in progress first. */
  stop(): void
  /** Ends it, and all that it has started, at once. */
  kill(): void
}

function startHost(host: Host, port: number, key: string | undefined, flags: readonly string[]): HostProcess {
  // A group of its own: Ctrl-C reaches this process alone, which stops everything in the right order.
  const detached = process.platform !== 'win32'
  const script = host === 'func' ? 'scripts/coreTools.ts' : 'packages/func-local/bin/func-local.js'
  const child = fork(path.join(ROOT, script), ['start', '--port', String(port), ...flags], {
    cwd: DEVELOPMENT_FOLDER,
    detached,
    env: key === undefined ? process.env : { ...process.env, FUNC_LOCAL_KEY: key },
    execArgv: host === 'func' ? [] : ['--import', PARENT_WATCHDOG],
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  return {
    ended: once(child, 'exit').then((args) => args[0] as number | null),
    stop: () => child.kill('SIGINT'),
    kill: () => {
      if (!detached || child.pid === undefined) {
        child.kill('SIGKILL')
        return
      }
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    },
  }
}

/** A function as the host lists it: https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http */
interface ListedFunction {
  readonly name: string
  readonly invoke_url_template?: string | null
}

/** The functions of the running host, as soon as it has loaded them; undefined if it does not tell. */
async function listedFunctions(
  port: number,
  key: string | undefined,
  signal: AbortSignal,
): Promise<readonly ListedFunction[] | undefined> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/admin/functions`, {
      headers: key === undefined ? {} : { 'x-functions-key': key },
      signal,
    }).catch(() => undefined)
    signal.throwIfAborted()
    if (response?.ok === true) return (await response.json()) as readonly ListedFunction[]
    if (response?.status === 401) return undefined
    await delay(LIST_INTERVAL_MS, undefined, { signal })
  }
}

/** What to try first: commands that work when pasted. Functions that an adopter has removed are left out. */
function nextSteps(
  functions: readonly ListedFunction[] | undefined,
  port: number,
  key: string | undefined,
): string {
  const url = (name: string) =>
    functions
      ?.find((listed) => listed.name === name)
      ?.invoke_url_template?.replace(/^https?:\/\/[^/]+/, `http://localhost:${port}`)
  const json = process.platform === 'win32' ? String.raw`"{\"item\":\"widget\"}"` : `'{"item":"widget"}'`
  const header = key === undefined ? '' : `-H "x-functions-key: ${key}" `
  const [hello, order, docs] = [url('hello'), url('order'), url('docs')]
  return [
    '',
    'Everything is running. In another terminal, try:',
    '',
    ...(hello === undefined ? [] : [`  curl ${hello}`]),
    ...(order === undefined ? [] : [`  curl ${header}-d ${json} ${order}`]),
    `  npm run push-order -- ${json}`,
    '',
    ...(docs === undefined ? [] : [`API documentation: ${docs}`]),
    'Changes in src/ are built and loaded automatically. Ctrl-C stops everything.',
    '',
  ].join('\n')
}

/** What ended first, and how. */
type Ending =
  | { readonly who: 'host'; readonly code: number | null }
  | { readonly who: 'emulator'; readonly name: string; readonly error: Error | undefined }

/**
 * Runs until a signal, or until the host or an emulator ends. Returns the exit code.
 *
 * @throws Interrupted on a signal before the host runs
 */
async function run(options: Options, interruption: Interruption): Promise<number> {
  const { signal } = interruption
  const host = await unlessInterrupted(chooseHost(options.host), signal)
  if (await ensureSettingsFile()) {
    console.log('Settings: created local.settings.json from local.settings.json.example')
  }
  // The host, and the app in it, get this process's environment.
  if (options.store !== undefined) process.env[STORE_SETTING] = options.store
  let settings = await hostSettings()
  const store = requireAllowedValues(settings)
  if (store === 'cosmos') {
    Object.assign(process.env, cosmosSetting(settings.environment))
    settings = await hostSettings()
  }
  const port = options.port ?? (settings.localHttpPort || DEFAULT_PORT) // eslint-disable-line @typescript-eslint/prefer-nullish-coalescing
  await requireFreePort(port)
  const key =
    host === 'func-local' && options.enableAuth ? settings.get('FUNC_LOCAL_KEY') || randomKey() : undefined // eslint-disable-line @typescript-eslint/prefer-nullish-coalescing

  const storage = ensureEmulators(settings.environment, store, signal)
  // Its failure is looked at below, after the build's.
  storage.catch(() => undefined)
  let builder: Builder | undefined
  let child: HostProcess | undefined
  const app = await prepareDevelopmentApp()
  try {
    builder = startBuilder()
    await unlessInterrupted(builder.built, signal)
    // Core Tools exits when storage is not there yet; func-local waits for it.
    if (host === 'func') await storage
    signal.throwIfAborted()
    child = startHost(host, port, key, options.hostFlags)
    interruption.host = child
    const hostEnded = child.ended.then((code): Ending => ({ who: 'host', code }))
    const emulatorEnded = storage.then(
      async (emulators): Promise<Ending> => {
        const ends = emulators.map(async ({ name, ended }): Promise<Ending> => {
          await ended
          return { who: 'emulator', name, error: undefined }
        })
        return Promise.race([hostEnded, ...ends])
      },
      (error: unknown): Ending => ({
        who: 'emulator',
        name: '',
        error: error instanceof Error ? error : new Error(String(error)),
      }),
    )
    const ending = Promise.race([hostEnded, emulatorEnded])
    const over = new AbortController()
    void ending.then(() => {
      over.abort()
    })
    void Promise.all([listedFunctions(port, key, AbortSignal.any([signal, over.signal])), storage])
      .then(([functions]) => {
        console.log(nextSteps(functions, port, key))
        interruption.started = true
      })
      // What ended instead is reported below.
      .catch(() => undefined)
    const first = await ending
    if (signal.aborted) {
      await child.ended
      signal.throwIfAborted()
    }
    if (first.who === 'host') return first.code ?? 1
    child.stop()
    await child.ended
    if (first.error !== undefined) throw first.error
    console.error(`${first.name} has ended, so the app had no storage; the host was stopped.`)
    return 1
  } finally {
    app.close()
    await builder?.stop()
    const emulators = await storage.catch((): readonly Emulator[] => [])
    await Promise.all(emulators.map((emulator) => emulator.stop()))
  }
}

function randomKey(): string {
  return randomBytes(24).toString('base64url')
}

/** A signal came before everything was running. */
class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** What signals do. */
interface Interruption {
  readonly signal: AbortSignal
  /** The host, once there is one. */
  host: HostProcess | undefined
  /** Whether everything was running: an end by Ctrl-C is then the usual one. */
  started: boolean
}

/** The first signal stops everything in order; the second ends it at once. */
function handleSignals(): Interruption & { readonly received: () => NodeJS.Signals | undefined } {
  const controller = new AbortController()
  const interruption: Interruption = { signal: controller.signal, host: undefined, started: false }
  let first: { readonly name: NodeJS.Signals; readonly at: number } | undefined
  const onSignal = (name: NodeJS.Signals) => {
    if (first === undefined) {
      first = { name, at: performance.now() }
      controller.abort(new Interrupted())
      interruption.host?.stop()
    } else if (performance.now() - first.at > SAME_SIGNAL_MS) {
      interruption.host?.kill()
      // Emulators notice that this process is gone, and stop cleanly.
      endBy(name)
    }
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal)
  void whenNpmIsGone(() => {
    onSignal('SIGHUP')
  })
  return Object.assign(interruption, { received: () => first?.name })
}

/** Ends this process as the signal would have: whoever started it, npm above all, understands that. */
function endBy(name: NodeJS.Signals): void {
  process.removeAllListeners(name)
  process.kill(process.pid, name)
}

/** Returns false if there was no signal. */
function endAfterSignal(interruption: ReturnType<typeof handleSignals>): boolean {
  const name = interruption.received()
  if (name === undefined) return false
  if (interruption.started) process.exit(0)
  endBy(name)
  return true
}

/** @throws Interrupted as soon as there is a signal, whatever becomes of the promise */
async function unlessInterrupted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return await new Promise<T>((resolve, reject) => {
    promise.then(resolve, reject)
    signal.addEventListener('abort', () => {
      reject(new Interrupted())
    })
  })
}

goOnUnread()

const interruption = handleSignals()
try {
  const options = readOptions()
  if (options === 'help') console.log(USAGE)
  else {
    process.exitCode = await run(options, interruption)
    // A signal from the terminal reaches the host, too, and its end can be seen here first.
    endAfterSignal(interruption)
  }
} catch (error) {
  if (!endAfterSignal(interruption)) {
    const known =
      error instanceof StartError ||
      error instanceof SettingsFileError ||
      error instanceof AzuriteStartError ||
      error instanceof CosmosStartError
    console.error(known ? error.message : error)
    process.exitCode = 1
  }
}
