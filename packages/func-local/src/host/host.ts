import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HostConfig } from '../config/host-config.ts'
import type { Settings } from '../config/settings.ts'
import { openHttpServer, type HttpServer } from '../http/server.ts'
import type { LogEntry } from '../protocol.ts'
import type { Registry, Services } from '../registry.ts'
import { printFunctions } from './function-list.ts'
import { createGeneration, type Generation } from './generation.ts'
import type { Log } from './log.ts'
import { startWorker } from './worker-process.ts'

/** What a host is started with; everything is read and checked already. */
export interface HostOptions {
  readonly appDirectory: string
  readonly address: string
  readonly port: number
  readonly functions: readonly string[] | undefined
  readonly nodeArguments: readonly string[]
  readonly workerScript: string
  readonly version: string
  readonly settings: Settings
  readonly hostConfig: HostConfig
  readonly log: Log
  readonly registry: Registry
}

/** A host that takes requests. */
export interface RunningHost {
  readonly port: number
  /** The port is free at once; resolves when everything that runs has ended and the worker is gone. */
  readonly stop: () => Promise<void>
}

const FIRST_RESTART_DELAY_MS = 100
const LONGEST_RESTART_DELAY_MS = 10_000
const STABLE_AFTER_MS = 10_000

/**
 * Starts the host: the HTTP server, the worker with the app, the listeners.
 *
 * @throws PortError when the port is taken, AppLoadError when the app does not load.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const { log, settings, hostConfig } = options
  const services: Services = {
    settings,
    hostConfig,
    log,
    instanceId: randomBytes(16).toString('hex').toUpperCase(),
  }
  let stopping = false
  let restartDelay = FIRST_RESTART_DELAY_MS
  let live: Generation | undefined
  let settleFirst: (generation: Promise<Generation>) => void = () => undefined
  let current = new Promise<Generation>((resolve) => (settleFirst = resolve))
  // Whoever waits for the app learns of a failed load from `startHost` itself.
  current.catch(() => undefined)

  const server = await openHttpServer(
    { host: options.address, port: options.port },
    () => current,
    () => Promise.resolve(false),
    log,
  )
  try {
    const generation = await load()
    settleFirst(Promise.resolve(generation))
    announce(generation, server)
    generation.start()
  } catch (error) {
    settleFirst(Promise.reject(asError(error)))
    await server.close()
    throw error
  }

  return {
    port: server.port,
    stop: async () => {
      stopping = true
      const closed = server.close()
      const generation = await current.catch(() => undefined)
      await Promise.all([closed, generation?.drain()])
      await generation?.worker.terminate()
    },
  }

  async function load(): Promise<Generation> {
    const worker = await startWorker({
      script: options.workerScript,
      appDirectory: options.appDirectory,
      hostVersion: options.version,
      nodeArguments: options.nodeArguments,
      environment: settings.environment,
      onLog: writeEntry,
      onOutput: (stream, line) => {
        if (stream === 'stderr') log.error(line)
        else log.info(line)
      },
    })
    const generation = createGeneration(worker, options.registry, services, { only: options.functions })
    const loadedAt = Date.now()
    void worker.exited.then((reason) => {
      if (stopping || !isCurrent(generation)) return
      log.error(`Language Worker Process (${worker.pid}) ${reason}. It is started again.`)
      if (Date.now() - loadedAt > STABLE_AFTER_MS) restartDelay = FIRST_RESTART_DELAY_MS
      void generation.drain()
      current = restart()
    })
    live = generation
    return generation
  }

  function isCurrent(generation: Generation): boolean {
    return live === generation
  }

  /** Tries until the app loads again; requests wait meanwhile. */
  async function restart(): Promise<Generation> {
    for (;;) {
      await sleep(restartDelay)
      restartDelay = Math.min(LONGEST_RESTART_DELAY_MS, restartDelay * 2)
      try {
        const generation = await load()
        log.info('Worker process started and initialized.')
        generation.start()
        return generation
      } catch (error) {
        log.error(error instanceof Error ? (error.stack ?? error.message) : String(error))
      }
    }
  }

  function announce(generation: Generation, { port }: HttpServer): void {
    for (const problem of [...hostConfig.problems, ...generation.problems]) log.warn(problem)
    printFunctions(
      log,
      generation,
      `http://${options.address === '127.0.0.1' ? 'localhost' : options.address}:${port}`,
    )
    log.info('Worker process started and initialized.')
    log.info(`Host lock lease acquired by instance ID '${services.instanceId}'.`)
  }

  function writeEntry({ category, level, message, functionName }: LogEntry): void {
    if (category === 'user') log.write(`Function.${functionName ?? 'Host'}.User`, level, message)
    else log.write('Worker', level, message)
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
