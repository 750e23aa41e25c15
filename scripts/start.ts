import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { execFile } from 'node:child_process'
import * as esbuild from 'esbuild'
import {
  AzuriteStartError,
  PARENT_WATCHDOG,
  startAzurite,
  USUAL_PORTS,
  whoAnswers,
  type Azurite,
} from 'testkit/azurite'
import { bundleOptions, DEVELOPMENT_FOLDER, removeStaleOutput, ROOT } from './build.ts'
import { prepareDevelopmentApp } from './developmentApp.ts'
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

/** Builds, and builds again on every change of a source file. The host reloads what is new. */
async function buildAndWatch(): Promise<esbuild.BuildContext> {
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
  if (await firstBuild.promise) return context
  await context.dispose()
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
      cwd: DEVELOPMENT_FOLDER,
      detached,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    })
  }
  return fork(path.join(ROOT, 'packages/func-local/bin/func-local.js'), flags, {
    cwd: DEVELOPMENT_FOLDER,
    detached,
    execArgv: ['--import', PARENT_WATCHDOG],
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
}

/** What ended first, and how. */
type Ending =
  | { readonly who: 'host'; readonly code: number | null }
  | { readonly who: 'azurite'; readonly error: Error | undefined }

/** Runs until Ctrl-C, or until the host or Azurite ends. Answers the exit code. */
async function run(options: Options): Promise<number> {
  const host = await chooseHost(options.host)
  if (await ensureSettingsFile()) {
    console.log('Settings: local.settings.json made from local.settings.json.example')
  }
  const settings = await appSettings()
  await requireFreePort(options.port)

  let stopping = false
  let child: ChildProcess | undefined
  const stop = () => {
    if (stopping) child?.kill('SIGKILL')
    else child?.kill('SIGINT')
    stopping = true
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('SIGHUP', stop)

  const storage = ensureAzurite(settings)
  // Its failure is looked at below, after the build's.
  storage.catch(() => undefined)
  let watching: esbuild.BuildContext | undefined
  const app = await prepareDevelopmentApp()
  try {
    watching = await buildAndWatch()
    // Core Tools ends when storage is not there yet; func-local waits for it, and answers meanwhile.
    if (host === 'func') await storage
    // A signal may have come meanwhile.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
    if (stopping) return 0
    child = startHost(host, options)
    const hostEnded = once(child, 'exit').then((args): Ending => ({
      who: 'host',
      code: args[0] as number | null,
    }))
    const azuriteEnded = storage.then(
      async (azurite): Promise<Ending> => {
        if (azurite === undefined) return hostEnded
        await azurite.ended
        return { who: 'azurite', error: undefined }
      },
      (error: unknown): Ending => ({
        who: 'azurite',
        error: error instanceof Error ? error : new Error(String(error)),
      }),
    )
    const first = await Promise.race([hostEnded, azuriteEnded])
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
    if (stopping) {
      await hostEnded
      return 0
    }
    if (first.who === 'host') return first.code ?? 1
    child.kill('SIGINT')
    await hostEnded
    if (first.error !== undefined) throw first.error
    console.error('Azurite has ended, so the app had no storage; the host is stopped.')
    return 1
  } finally {
    app.close()
    await watching?.dispose()
    const azurite = await storage.catch(() => undefined)
    await azurite?.stop()
  }
}

try {
  const options = readOptions()
  if (options === 'help') console.log(USAGE)
  else process.exitCode = await run(options)
} catch (error) {
  const known =
    error instanceof StartError || error instanceof SettingsFileError || error instanceof AzuriteStartError
  console.error(known ? error.message : error)
  process.exitCode = 1
}
