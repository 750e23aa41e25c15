import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectionString, startAzurite } from 'testkit/azurite'
import { unpackedApp } from 'testkit/unpackedApp'
import { startHost, type TestHost } from 'testkit/hostProcess'
import { startFaultProxy } from 'testkit/faultProxy'
import { QUEUES_SETTING } from '../../../src/storage/names.ts'
import type { FaultPlan, OutageStyle } from './faults.ts'
import type { Journal, StorageService } from './journal.ts'
import { workerOf } from 'testkit/processTree'
import { freePort } from 'testkit/freePort'
import { createTimeline, type Timeline } from './timeline.ts'

const SERVICES = ['blob', 'queue', 'table'] as const

/** How long it may take until a killed worker is replaced. */
const WORKER_RESTART_MS = 30_000

/** Characters of the host's output that are kept: all of a long run's would not fit into a string. */
const OUTPUT_LIMIT = 100_000

/** The app on a host, storage, and a fault proxy in between, with the ways to disrupt them. */
export interface System {
  readonly httpPort: number
  /** Connection string past the proxy. */
  readonly directConnection: string
  /** Connection string through the proxy, as the app uses it. */
  readonly proxiedConnection: string
  /** When the host or its worker was down or not ready yet. */
  readonly kills: Timeline
  /** When storage, or a part of it, was unavailable. */
  readonly outages: Timeline
  /** Kills the worker process; resolves when a new one responds. */
  killWorker(): Promise<void>
  /** Kills the host and its worker; resolves when a new host responds. */
  killHost(): Promise<void>
  /** Kills the host and starts it with another number of queues; resolves when it responds. */
  changeQueues(count: number): Promise<void>
  /** Stops Azurite cleanly, and starts it again on the same data after this time. */
  restartAzurite(downMs: number): Promise<void>
  /** Makes services unavailable to the app and the host for this time. */
  outage(services: readonly StorageService[], style: OutageStyle, ms: number): Promise<void>
  /** Runs a function while Azurite is running: not during {@link restartAzurite}. */
  whileStorageRuns<T>(read: () => Promise<T>): Promise<T>
  /** The end of the host's output, for diagnosis. */
  hostOutput(): string
  /** Stops everything and removes temporary files. */
  stop(): Promise<void>
}

/** Starts the system. `environment` is added to the host's environment. */
export async function startSystem(options: {
  readonly environment: Readonly<Record<string, string>>
  readonly plans: Readonly<Record<StorageService, FaultPlan>>
  readonly journal: Journal
  /** Folder of the built app; this checkout without it. */
  readonly app?: string
}): Promise<System> {
  const { plans, journal } = options
  const location = await mkdtemp(path.join(tmpdir(), 'soak-azurite-'))
  const cleanUp: (() => Promise<unknown>)[] = [() => rm(location, { recursive: true, force: true })]
  const underWay = new Set<Promise<unknown>>()
  let stopping = false
  /** Runs an action that starts processes: `stop` waits for it, and none begins after `stop`. */
  const before = async (act: () => Promise<void>): Promise<void> => {
    if (stopping) return
    const done = act()
    underWay.add(done)
    try {
      await done
    } finally {
      underWay.delete(done)
    }
  }
  const stop = async () => {
    stopping = true
    await Promise.allSettled(underWay)
    for (const step of cleanUp.splice(0).reverse()) await step()
  }
  try {
    const upstream = { blob: await freePort(), queue: await freePort(), table: await freePort() }
    const startStorage = () => startAzurite({ location, ports: upstream, saveOnlyAtStop: true })
    let azurite = await startStorage()
    cleanUp.push(() => azurite.stop())

    const startProxy = async (service: StorageService) => {
      const proxy = await startFaultProxy({
        upstreamPort: upstream[service],
        port: await freePort(),
        choose: () => plans[service].draw(),
        onExchange: (exchange) => {
          journal.note(service, exchange)
        },
      })
      cleanUp.push(() => proxy.close())
      return proxy
    }
    const proxies = {
      blob: await startProxy('blob'),
      queue: await startProxy('queue'),
      table: await startProxy('table'),
    }
    const proxiedConnection = connectionString({
      blob: proxies.blob.port,
      queue: proxies.queue.port,
      table: proxies.table.port,
    })

    const app = await unpackedApp(options.app)
    cleanUp.push(() => app.remove())
    const httpPort = await freePort()
    let environment: Readonly<Record<string, string>> = {
      AzureWebJobsStorage: proxiedConnection,
      ...options.environment,
    }
    const start = () =>
      startHost({
        folder: app.folder,
        port: httpPort,
        environment,
        outputLimit: OUTPUT_LIMIT,
      })
    let host: TestHost = await start()
    cleanUp.push(() => host.kill())

    const kills = createTimeline()
    const outages = createTimeline()
    let storageBusy: Promise<unknown> = Promise.resolve()
    const exclusively = <T>(act: () => Promise<T>): Promise<T> => {
      const result = storageBusy.then(act)
      storageBusy = result.catch(() => undefined)
      return result
    }

    const killHost = () =>
      before(async () => {
        const end = kills.begin()
        await host.kill()
        host = await start()
        end()
      })

    return {
      httpPort,
      directConnection: connectionString(upstream),
      proxiedConnection,
      kills,
      outages,
      stop,
      hostOutput: () => host.output().slice(-3000),
      killWorker: () =>
        before(async () => {
          const worker = await workerOf(host.pid)
          if (worker === undefined) return
          const end = kills.begin()
          try {
            process.kill(worker, 'SIGKILL')
          } catch {
            // It has already ended.
          }
          const late = performance.now() + WORKER_RESTART_MS
          for (;;) {
            const now = await workerOf(host.pid)
            if (now !== undefined && now !== worker && (await isReady(host.url))) break
            if (performance.now() > late) {
              throw new Error(`the worker was not started again:\n${host.output().slice(-5000)}`)
            }
            await delay(50)
          }
          end()
        }),
      killHost,
      changeQueues(count) {
        environment = { ...environment, [QUEUES_SETTING]: String(count) }
        return killHost()
      },
      restartAzurite: (downMs) =>
        before(async () => {
          const end = outages.begin()
          await exclusively(async () => {
            await azurite.stop()
            await delay(downMs)
            azurite = await startStorage()
          })
          end()
        }),
      outage: (services, style, ms) =>
        before(async () => {
          const end = outages.begin()
          if (style === 'offline') {
            await Promise.all(services.map((service) => proxies[service].goOffline()))
            await delay(ms)
            await Promise.all(services.map((service) => proxies[service].goOnline()))
          } else {
            for (const service of services) plans[service].outage(style)
            await delay(ms)
            for (const service of services) plans[service].outage(undefined)
          }
          end()
        }),
      whileStorageRuns: exclusively,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Creates a value for each service. */
export function forEachService<T>(make: (service: StorageService) => T): Readonly<Record<StorageService, T>> {
  const [blob, queue, table] = SERVICES
  return { blob: make(blob), queue: make(queue), table: make(table) }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/api/hello`, { signal: AbortSignal.timeout(5000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
