import { randomBytes } from 'node:crypto'
import type { HostConfig } from '../config/host-config.ts'
import type { Settings } from '../config/settings.ts'
import { createAdminApi } from '../http/admin.ts'
import type { CorsPolicy } from '../http/cors.ts'
import type { Keys } from '../http/keys.ts'
import { openHttpServer } from '../http/server.ts'
import type { LogEntry } from '../protocol.ts'
import type { Registry, Services } from '../registry.ts'
import { createAppRunner } from './app-runner.ts'
import { watchApp, type AppWatcher } from './app-watcher.ts'
import { printFunctions } from './function-list.ts'
import { createGeneration, type Generation } from './generation.ts'
import type { Log } from './log.ts'
import { findOldFunctions } from './old-functions.ts'
import { startWorker } from './worker-process.ts'

/** Settings and `host.json`, as they are on disk at one moment. */
export interface Configuration {
  readonly settings: Settings
  readonly hostConfig: HostConfig
}

/** What a host is started with; everything is read and checked already. */
export interface HostOptions {
  readonly appDirectory: string
  readonly address: string
  readonly port: number
  readonly functions: readonly string[] | undefined
  readonly nodeArguments: readonly string[]
  readonly workerScript: string
  readonly version: string
  /** Reads the configuration; called again for each reload of the app. */
  readonly configuration: () => Configuration
  readonly cors: CorsPolicy | undefined
  readonly keys: Keys | undefined
  readonly log: Log
  readonly registry: Registry
}

/** A host that takes requests. */
export interface RunningHost {
  readonly port: number
  /** The port is free at once; resolves when everything that runs has ended and the worker is gone. */
  readonly stop: () => Promise<void>
}

/**
 * Starts the host: the HTTP server, the worker with the app, the listeners, the watch on the app's files.
 *
 * @throws PortError when the port is taken, AppLoadError when the app does not load.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const { log } = options
  const instanceId = randomBytes(16).toString('hex').toUpperCase()
  let warnings: readonly string[] = []
  const runner = createAppRunner(load, announceReload, log)
  const adminApi = createAdminApi({ runner, instanceId, version: options.version, keys: options.keys, log })
  const server = await openHttpServer(
    { host: options.address, port: options.port },
    { generation: runner.current, hostRoute: adminApi, cors: options.cors, keys: options.keys },
    log,
  )
  try {
    const generation = await runner.start()
    const shownAddress = options.address === '127.0.0.1' ? 'localhost' : options.address
    for (const line of warnings) log.warn(line)
    printFunctions(log, generation, `http://${shownAddress}:${server.port}`)
    log.info('Worker process started and initialized.')
    log.info(`Host lock lease acquired by instance ID '${instanceId}'.`)
  } catch (error) {
    await server.close()
    throw error
  }
  const watching: Promise<AppWatcher | undefined> = watchApp(options.appDirectory, runner.reload).catch(
    () => undefined,
  )

  return {
    port: server.port,
    stop: async () => {
      const closed = server.close()
      void watching.then((watcher) => watcher?.close())
      await Promise.all([closed, runner.stop()])
    },
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

  async function load(stopping: AbortSignal): Promise<Generation> {
    const { settings, hostConfig } = options.configuration()
    const services: Services = { settings, hostConfig, log, instanceId }
    const worker = await startWorker({
      script: options.workerScript,
      appDirectory: options.appDirectory,
      hostVersion: options.version,
      nodeArguments: options.nodeArguments,
      environment: { ...workerDefaults(), ...settings.environment },
      stopping,
      onLog: writeEntry,
      onOutput: (stream, line) => {
        if (stream === 'stderr') log.error(line)
        else log.info(line)
      },
    })
    const filter = {
      only: options.functions ?? onlyFunctions(hostConfig),
      debugging: options.nodeArguments.some((argument) => argument.startsWith('--inspect')),
    }
    let generation: Generation
    try {
      generation = createGeneration(worker, options.registry, services, filter)
    } catch (error) {
      worker.kill()
      throw error
    }
    const old = await findOldFunctions(options.appDirectory)
    warnings = [...hostConfig.problems, ...generation.problems, ...old]
    return generation
  }

  function announceReload(generation: Generation): void {
    for (const line of warnings) log.warn(line)
    log.info(
      `Worker process started and initialized. Functions: ${generation.functions.map((f) => f.definition.name).join(', ')}.`,
    )
  }

  function writeEntry({ category, level, message, functionName }: LogEntry): void {
    if (category === 'user') log.write(`Function.${functionName ?? 'Host'}.User`, level, message)
    else log.write('Worker', level, message)
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-host-json#functions */
function onlyFunctions(hostConfig: HostConfig): string[] | undefined {
  const raw = hostConfig.raw('functions')
  return Array.isArray(raw) ? raw.filter((name) => typeof name === 'string') : undefined
}
