import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Configuration } from '../config/configuration.ts'
import { createConsole } from '../console/console.ts'
import { CONSOLE_PATH } from '../console/messages.ts'
import { createAdminApi } from '../http/admin.ts'
import type { ServerIdentity } from '../http/certificate.ts'
import type { CorsPolicy } from '../http/cors.ts'
import type { Keys } from '../http/keys.ts'
import { localUrlHost, urlHost } from '../http/local-address.ts'
import { createLoopback } from '../http/loopback.ts'
import { openHttpServer } from '../http/server.ts'
import type { LogEntry } from '../protocol.ts'
import type { Extensions, Services } from '../registry.ts'
import { createByHandCaller, type ByHandCaller } from './invoke-by-hand.ts'
import { createInvocationFeed, type InvocationFeed } from './invocation-feed.ts'
import { createAppRunner, StoppedError } from './app-runner.ts'
import { watchApp, type AppWatcher } from './app-watcher.ts'
import { bindingTypes } from './function.ts'
import { printFunctions, whyNoFunctions } from './function-list.ts'
import { createGeneration, type FunctionNames, type Generation } from './generation.ts'
import type { Log } from './log.ts'
import { findOldFunctions } from './old-functions.ts'
import { createProblemList } from './problem-list.ts'
import { firstPrimitive } from '../mcp/catalog.ts'
import { MCP_PATH } from '../mcp/webhook.ts'
import { secretsOf } from './secrets.ts'
import { startWorker } from './worker-process.ts'

/** What a host is started with; everything is read and checked already. */
export interface HostOptions {
  readonly appDirectory: string
  readonly address: string
  readonly port: number
  /** Names from the command line. */
  readonly functions: readonly string[] | undefined
  /** Arguments for the worker's Node, with a configuration. */
  readonly nodeArguments: (configuration: Configuration) => readonly string[]
  readonly workerScript: string
  readonly version: string
  /** The configuration of the start. */
  readonly initial: Configuration
  /** Reads the configuration again, for a reload of the app. */
  readonly configuration: () => Configuration
  readonly cors: (configuration: Configuration) => CorsPolicy | undefined
  readonly keys: Keys | undefined
  /** Serves HTTPS with this; HTTP without. */
  readonly tls: ServerIdentity | undefined
  /** Whether a change of the app's files loads it again, where `host.json` does not say otherwise. */
  readonly watch: boolean
  /** Whether Ctrl-C ends the host, so that lines may name it. */
  readonly interactive: boolean
  /** Sets the time zone of this process, where it belongs to the host alone; `undefined` is the machine's own. */
  readonly setTimeZone: (name: string | undefined) => void
  readonly log: Log
  readonly extensions: Extensions
  /** Whether events make functions run; else they run only when they are called. */
  readonly listens: boolean
  /** Whether browsers of this machine get the console at `/`; default: the plain page. */
  readonly console?: boolean
  /** Asks the host to stop, also while it starts. */
  readonly stopping: AbortSignal
}

/** A host that takes requests. */
export interface RunningHost {
  readonly port: number
  /**
   * The port is free at once; resolves when everything that runs has ended and the worker is gone, with `false` when some
   * of it took too long and was given up.
   */
  readonly stop: () => Promise<boolean>
  /** Calls functions by hand. */
  readonly byHand: ByHandCaller
  /** What the app had when it was loaded last. */
  readonly functions: () => Generation['functions']
  /** Tells of every invocation, from now on. */
  readonly invocations: InvocationFeed
}

const STOP_NOTICE_MS = 1000
const STOP_LIMIT_MS = 10_000
const KILL_LIMIT_MS = 500

/**
 * Starts the host: the HTTP server, the worker with the app, the listeners, the watch on the app's files.
 *
 * @throws PortError when the port is taken, AppLoadError when the app does not load, StoppedError when it is stopped
 * meanwhile.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const { stopping, appDirectory, version, keys } = options
  const instanceId = randomBytes(16).toString('hex').toUpperCase()
  const problems = createProblemList()
  let current = options.initial
  let isFirstLoad = true
  let cors = options.cors(current)
  let found: readonly string[] = []
  let hasMcp = false
  let watcher: AppWatcher | undefined
  let loaded: Generation | undefined
  let stopped: Promise<boolean> | undefined
  const scheme = options.tls === undefined ? 'http' : 'https'
  const invocations = createInvocationFeed()
  const hostConsole =
    options.console === true
      ? createConsole({
          runner: { now: () => runner.now() },
          configuration: () => current,
          ...{ invocations, appDirectory, version, keys, log: options.log },
        })
      : undefined
  const log = hostConsole?.log ?? options.log
  const runner = createAppRunner(load, announceReload, log)
  const byHand = createByHandCaller(runner.current, invocations, (...args) => send(...args))
  const about = { instanceId, appDirectory, version, keys, log, byHand }
  const adminApi = createAdminApi({ runner, ...about, console: hostConsole })
  const server = await openHttpServer(
    { host: options.address, port: options.port },
    {
      generation: runner.current,
      hostRoute: adminApi,
      // Read for each request: a reload may change it.
      get cors() {
        return cors
      },
      keys: options.keys,
      tls: options.tls,
      stopHint: options.interactive ? ' Ctrl-C again ends at once.' : '',
    },
    log,
  )
  const send = createLoopback(`localhost:${server.port}`, server.connect)
  const giveUp = (): void => void runner.stop()
  stopping.addEventListener('abort', giveUp)
  try {
    if (stopping.aborted) throw new StoppedError('The host was stopped before the app had loaded.')
    const first = runner.start()
    if (options.watch) {
      watcher = watchApp(options.appDirectory, current.hostOptions.watch, runner.reload, (reason) => {
        log.warn(
          `Changes of the app's files may not be noticed (${reason}). Start the host again after a change.`,
        )
      })
    }
    const generation = await first
    loaded = generation
    for (const line of problems.news(found)) log.warn(line)
    announceMcp(generation)
    printFunctions(log, generation, baseUrl())
    if (hostConsole !== undefined) announceConsole(generation)
    log.info('Worker process started and initialized.')
    log.info(`Host lock lease acquired by instance ID '${instanceId}'.`)
  } catch (error) {
    // The server waits for streams of open pages.
    hostConsole?.close()
    await Promise.all([watcher?.close(), server.close()])
    throw error
  } finally {
    stopping.removeEventListener('abort', giveUp)
  }

  return {
    port: server.port,
    byHand,
    functions: () => loaded?.functions ?? [],
    invocations,
    stop: () => (stopped ??= stop()),
  }

  async function stop(): Promise<boolean> {
    hostConsole?.close()
    const ended = Promise.all([server.close(), runner.stop(), watcher?.close()]).then(() => true)
    const limit = new AbortController()
    const { signal } = limit
    const after = (milliseconds: number): Promise<void> => sleep(milliseconds, undefined, { signal })
    void after(STOP_NOTICE_MS).then(
      () => {
        const hint = options.interactive ? ' Another Ctrl-C ends it at once.' : ''
        log.info(`Stopping; waiting at most ${STOP_LIMIT_MS / 1000} s for ${unfinished()}.${hint}`)
      },
      () => undefined,
    )
    const tooLong = after(STOP_LIMIT_MS).then(
      () => {
        log.warn(`Stopped after ${STOP_LIMIT_MS / 1000} s without the end of ${unfinished()}.`)
        return false
      },
      () => false,
    )
    const clean = await Promise.race([ended, tooLong])
    limit.abort()
    if (!clean) {
      runner.kill()
      await Promise.race([ended, sleep(KILL_LIMIT_MS)])
    }
    return clean
  }

  function baseUrl(): string {
    return `${scheme}://${urlHost(options.address)}:${server.port}`
  }

  /** Where the console answers: it is for this machine, by one of the machine's own names. */
  function announceConsole({ functions }: Generation): void {
    const name = localUrlHost(options.address, server.address)
    if (name === undefined) return
    const isTaken = functions.some(({ listener }) => listener.endpoint?.match('/') !== undefined)
    log.plain(`Console: ${scheme}://${name}:${server.port}${isTaken ? CONSOLE_PATH : '/'}`)
    log.plain('')
  }

  /** Where the MCP server is, as soon as the app has one. */
  function announceMcp({ functions }: Generation): void {
    if (hasMcp || firstPrimitive(functions) === undefined) return
    hasMcp = true
    log.info(`MCP server endpoint: ${baseUrl()}${MCP_PATH}`)
    log.info(`MCP server legacy SSE endpoint: ${baseUrl()}${MCP_PATH}/sse`)
  }

  function unfinished(): string {
    const counts = new Map<string, number>()
    for (const name of runner.unfinished()) counts.set(name, (counts.get(name) ?? 0) + 1)
    const names = [...counts.keys()].map((name) => `'${name}'`)
    return names.length === 0
      ? 'open connections and hooks of the app'
      : `what runs of ${names.length === 1 ? 'function' : 'the functions'} ${names.join(', ')}`
  }

  /** Variables that apps and libraries expect of a local host, unless they are set: as Core Tools sets them. */
  function workerDefaults(): Record<string, string> {
    return {
      AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
      AzureWebJobsScriptRoot: options.appDirectory,
      FUNCTIONS_WORKER_RUNTIME: 'node',
      WEBSITE_HOSTNAME: `localhost:${server.port}`,
    }
  }

  /** Reads the configuration and applies it. The first one has been read by the caller. */
  function configure(): Configuration {
    if (!isFirstLoad) current = options.configuration()
    isFirstLoad = false
    const { settings, hostOptions } = current
    log.configure({ levels: hostOptions.logLevels, secrets: secretsOf(settings) })
    cors = options.cors(current)
    watcher?.update(hostOptions.watch)
    return current
  }

  async function load(giveUp: AbortSignal): Promise<Generation> {
    const configuration = configure()
    const { settings, hostConfig, hostOptions, timeZone } = configuration
    const origin = `${scheme}://localhost:${server.port}`
    const services: Services = { settings, hostConfig, log, instanceId, origin, invocations }
    // Timers run in this process, in the zone that handlers see.
    options.setTimeZone(timeZone)
    const nodeArguments = options.nodeArguments(configuration)
    const worker = await startWorker({
      script: options.workerScript,
      appDirectory: options.appDirectory,
      hostVersion: options.version,
      hostPort: server.port,
      nodeArguments,
      environment: {
        ...workerDefaults(),
        ...settings.environment,
        ...(timeZone === undefined ? {} : { TZ: timeZone }),
      },
      giveUp,
      onSlowLoad: (what, seconds) => {
        const hint = options.interactive ? ' A save loads it again; Ctrl-C ends the host.' : ''
        log.warn(`The app has not loaded after ${seconds} s: ${what}.${hint}`)
      },
      onLog: writeEntry,
      onOutput: log.output,
    })
    try {
      const generation = createGeneration(
        worker,
        await options.extensions.load(bindingTypes(worker.functions)),
        services,
        hostOptions,
        {
          only: wantedFunctions(configuration),
          debugging: nodeArguments.some((argument) => argument.startsWith('--inspect')),
          listens: options.listens,
        },
        appDirectory,
      )
      const old = await findOldFunctions(options.appDirectory)
      const none = whyNoFunctions(generation, old.length > 0)
      found = [
        ...configuration.problems,
        ...hostConfig.problems,
        ...generation.problems,
        ...old,
        ...(none === undefined ? [] : [none]),
      ]
      return generation
    } catch (error) {
      worker.kill()
      await worker.exited
      throw error
    }
  }

  function wantedFunctions({ hostOptions }: Configuration): FunctionNames | undefined {
    if (options.functions !== undefined) return { names: options.functions, source: '--functions' }
    // https://learn.microsoft.com/azure/azure-functions/functions-host-json#functions
    if (hostOptions.functions === undefined) return undefined
    return { names: hostOptions.functions, source: '"functions" in host.json' }
  }

  function announceReload(generation: Generation): void {
    loaded = generation
    for (const line of problems.news(found)) log.warn(line)
    announceMcp(generation)
    log.info(
      `Worker process started and initialized. Functions: ${generation.functions.map((f) => f.definition.name).join(', ')}.`,
    )
  }

  function writeEntry({ category, level, message, functionName, invocationId }: LogEntry): void {
    if (category === 'user' && invocationId !== undefined && invocations.isWatched()) {
      invocations.publish({ invocationId, functionName: functionName ?? '', kind: 'log', level, message })
    }
    const about = { functionName, invocationId }
    if (category === 'user') log.write(`Function.${functionName ?? 'Host'}.User`, level, message, about)
    else log.write('Worker', level, message, about)
  }
}
