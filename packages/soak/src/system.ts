import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectionString, startAzurite } from 'testkit/azurite'
import { cosmosConnectionString, startCosmos } from 'testkit/cosmos'
import { unpackedApp } from 'testkit/unpackedApp'
import { startHost, type TestHost } from 'testkit/hostProcess'
import { startFaultProxy } from 'testkit/faultProxy'
import { COSMOS_CONNECTION, QUEUES_SETTING, STORE_SETTING } from '../../../src/storage/names.ts'
import type { OrderStore } from '../../../src/storage/orderStore.ts'
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
  /** Connection string of Cosmos DB past the proxy, if the records are there. */
  readonly directCosmos: string | undefined
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
  /** Stops the emulators cleanly, and starts them again on the same data after this time. */
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
  /** Where the records are; in tables without it. */
  readonly store?: OrderStore
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
    const inCosmos = options.store === 'cosmos'
    const cosmosUpstream = inCosmos ? await freePort() : undefined
    const startStorage = async () => {
      const running = [
        await startAzurite({ location, ports: upstream, saveOnlyAtStop: true }),
        ...(cosmosUpstream === undefined
          ? []
          : [await startCosmos({ port: cosmosUpstream, location: path.join(location, 'cosmos') })]),
      ]
      return { stop: () => Promise.all(running.map((emulator) => emulator.stop())) }
    }
    let storage = await startStorage()
    cleanUp.push(() => storage.stop())

    const startProxy = async (service: StorageService) => {
      const proxy = await startFaultProxy({
        upstreamPort: (service === 'table' ? cosmosUpstream : undefined) ?? upstream[service],
        errors: service === 'table' && inCosmos ? 'cosmos' : 'storage',
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
      ...(inCosmos && {
        [STORE_SETTING]: 'cosmos',
        [COSMOS_CONNECTION]: cosmosConnectionString(proxies.table.port),
      }),
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
      directCosmos: cosmosUpstream === undefined ? undefined : cosmosConnectionString(cosmosUpstream),
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
            await storage.stop()
            await delay(downMs)
            storage = await startStorage()
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
