import { setTimeout as delay } from 'node:timers/promises'
import { QueueServiceClient } from '@azure/storage-queue'
import { startAzurite } from 'testkit/azurite'
import { startCosmos } from 'testkit/cosmos'
import { EVENTS_QUEUE, ORDERS_QUEUE, STORE_SETTING } from '../../../src/storage/names.ts'
import { ORDER_STORES, type OrderStore } from '../../../src/storage/orderStore.ts'
import { loadAndFirstCall, measureColdStart } from './coldStart.ts'
import { memoryAfter } from './footprint.ts'
import { startBenchHost, type BenchHost } from './host.ts'
import { openHttpLoad, requestBytes, type LoadResult } from './httpLoad.ts'
import { backlogOf, drainTime, fillQueue, oneQueue, type OrderQueues } from './orderQueue.ts'
import { packageSize } from './package.ts'
import { measurePairs, measureRounds, pairsOf, type Pair } from './pairs.ts'
import { figureRow, ratioRow, type Row } from './report.ts'
import type { Bench, Section } from './section.ts'
import { inTurns, warmUp } from './warmHttp.ts'

const BOTH = 'orders in Cosmos DB / in tables'
const ORDER = JSON.stringify({ item: 'widget', quantity: 2 })
const PLACE = requestBytes('POST', '/api/order', ORDER)
const UP = { path: '/api/hello', method: 'GET', status: 200 } as const

const COLD_START_ROUNDS_FACTOR = 2
const PAUSES_MS = [0, 300] as const
const LOADS = [
  { concurrency: 1, calls: 300 },
  { concurrency: 32, calls: 600 },
] as const
const CPU_CALLS = 2000
const DRAINED = 500
const WARM_UP_DRAIN = 300
const MEMORY_CALLS = [1000, 10_000] as const
/** One measurement makes 10,000 calls. */
const MOST_MEMORY_PAIRS = 3
const POLL_MS = 20
const KB = 1024
const MB = 1024 * 1024

/** The app that keeps orders in a store, and its emulators, which it shares with no other. */
interface StoreSide {
  readonly app: string
  readonly environment: Readonly<Record<string, string>>
  readonly storage: string
}

/** The app as it is deployed with orders in Cosmos DB, compared with the default, each on emulators of its own, in memory. */
export const STORE_SECTIONS: readonly Section[] = [
  {
    letter: 'b',
    title: 'Cold start in a fresh worker process: load of the app and first order',
    async run(bench) {
      const { apps, pairs, signal } = bench
      const sides = await startSides(bench)
      const call = { function: 'order', method: 'POST', path: '/api/order', body: ORDER } as const
      const rows: Row[] = []
      for (const pauseMs of PAUSES_MS) {
        const cold =
          ({ app, environment }: StoreSide) =>
          () =>
            measureColdStart({ worker: apps.worker, app, call, pauseMs, environment })
        // The round that does not count makes the table, the database and the containers.
        const rounds = await measureRounds(
          pairs * COLD_START_ROUNDS_FACTOR,
          { tables: cold(sides.tables), cosmos: cold(sides.cosmos) },
          { signal },
        )
        const paired = pairsOf(rounds, 'cosmos', 'tables')
        const line = { section: 'b', unit: 'ms' }
        rows.push(
          ratioRow(
            { ...line, what: `load + first order, pause of ${pauseMs} ms: ${BOTH}` },
            paired,
            loadAndFirstCall,
          ),
          ratioRow({ ...line, what: '… CPU time' }, paired, ({ cpu }) => cpu),
          ratioRow({ ...line, what: '… first call' }, paired, ({ firstCall }) => firstCall),
        )
      }
      return rows
    },
  },
  {
    letter: 'c',
    title: 'Orders over HTTP',
    async run(bench) {
      const { pairs, signal, note } = bench
      const sides = await startSides(bench)
      const measured = LOADS.map((): Pair<LoadResult>[] => [])
      const cpu: Pair<number>[] = []
      for (let pair = 0; pair < pairs && !signal.aborted; pair++) {
        note(`pair ${pair + 1} of ${pairs}`)
        const tables = await startSide(bench, sides.tables)
        const cosmos = await startSide(bench, sides.cosmos)
        await warmUp(tables, PLACE)
        await warmUp(cosmos, PLACE)
        for (const [index, { concurrency, calls }] of LOADS.entries()) {
          measured[index]?.push(
            await inTurns(
              { host: cosmos, request: PLACE, calls },
              { host: tables, request: PLACE, calls },
              { concurrency, signal },
            ),
          )
        }
        cpu.push({ base: await cpuPerOrder(tables), ours: await cpuPerOrder(cosmos) })
        await tables.stop()
        await cosmos.stop()
      }
      const line = { section: 'c' }
      return [
        ...LOADS.flatMap(({ concurrency }, index) => {
          const what = `orders, ${concurrency} at a time: ${BOTH}`
          const of = measured[index] ?? []
          return [
            ratioRow({ ...line, what, unit: 'calls/s' }, of, ({ callsPerSecond }) => callsPerSecond),
            ratioRow({ ...line, what: '… p50', unit: 'ms' }, of, ({ p50 }) => p50),
            ratioRow({ ...line, what: '… p99', unit: 'ms' }, of, ({ p99 }) => p99),
          ]
        }),
        ratioRow(
          { ...line, what: `CPU time of the worker for an order: ${BOTH}`, unit: 'ms' },
          cpu,
          (ms) => ms,
        ),
      ]
    },
  },
  {
    letter: 'd',
    title: 'Queue drain, with the events of Cosmos DB',
    async run(bench) {
      const { pairs, signal } = bench
      const sides = await startSides(bench)
      const drains = {
        tables: await startDrain(bench, sides.tables),
        cosmos: await startDrain(bench, sides.cosmos),
      }
      const withEvents = (round: number) => drains.cosmos(`cosmos-${round + 1}`, DRAINED, true)
      const measured = await measurePairs(
        pairs,
        withEvents,
        (round) => drains.tables(`tables-${round + 1}`, DRAINED, false),
        { signal, warmUp: false },
      )
      const line = { section: 'd' }
      return [
        ratioRow({ ...line, what: `queue drain: ${BOTH}`, unit: 'orders/s' }, measured, ({ drained }) =>
          perSecond(drained),
        ),
        figureRow(
          { ...line, what: 'queue drain until every order has its event, Cosmos DB', unit: 'orders/s' },
          measured.map(({ ours }) => perSecond(ours.settled)),
        ),
        ratioRow(
          { ...line, what: `CPU time of the worker for an order: ${BOTH}`, unit: 'ms' },
          measured,
          ({ cpuMs }) => cpuMs / DRAINED,
        ),
      ]
    },
  },
  {
    letter: 'e',
    title: 'Package and memory',
    async run(bench) {
      const { apps, pairs, signal } = bench
      const sides = await startSides(bench)
      const memory = (side: StoreSide) => async () => {
        const host = await startSide(bench, side)
        const bytes = await memoryAfter(host, PLACE, MEMORY_CALLS)
        await host.stop()
        return bytes
      }
      const measured = await measurePairs(
        Math.min(pairs, MOST_MEMORY_PAIRS),
        memory(sides.cosmos),
        memory(sides.tables),
        { signal, warmUp: false },
      )
      const [ours, base] = [await packageSize(apps.cosmos), await packageSize(apps.ours)]
      return [
        ratioRow(
          { section: 'e', what: `package, zipped: ${BOTH}`, unit: 'KB' },
          [{ ours, base }],
          ({ bytes }) => bytes / KB,
        ),
        ...MEMORY_CALLS.map((calls, index) =>
          ratioRow(
            {
              section: 'e',
              what: `worker memory after ${calls.toLocaleString('en')} orders: ${BOTH}`,
              unit: 'MB',
            },
            measured,
            (bytes) => (bytes[index] ?? NaN) / MB,
          ),
        ),
      ]
    },
  },
]

function perSecond(ms: number): number {
  return DRAINED / (ms / 1000)
}

/** Starts the emulators of both. */
async function startSides({
  apps,
  atEnd,
}: Pick<Bench, 'apps' | 'atEnd'>): Promise<Record<OrderStore, StoreSide>> {
  const byStore: Partial<Record<OrderStore, StoreSide>> = {}
  for (const store of ORDER_STORES) byStore[store] = await startEmulators(store, { apps, atEnd })
  return byStore as Record<OrderStore, StoreSide>
}

async function startEmulators(
  store: OrderStore,
  { apps, atEnd }: Pick<Bench, 'apps' | 'atEnd'>,
): Promise<StoreSide> {
  const azurite = await startAzurite({})
  atEnd(() => azurite.stop())
  const shared = { AzureWebJobsStorage: azurite.connectionString, [STORE_SETTING]: store }
  if (store === 'tables') return { app: apps.ours, environment: shared, storage: azurite.connectionString }
  const cosmos = await startCosmos()
  atEnd(() => cosmos.stop())
  return {
    app: apps.cosmos,
    environment: { ...shared, CosmosDb: cosmos.connectionString },
    storage: azurite.connectionString,
  }
}

async function startSide(
  { apps, atEnd }: Pick<Bench, 'apps' | 'atEnd'>,
  { app, environment }: StoreSide,
): Promise<BenchHost> {
  const host = await startBenchHost({
    host: apps.host,
    app,
    environment: {
      ...environment,
      // An idle host looks at its queue every two seconds: that is not what is measured.
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.100',
    },
    firstCall: UP,
  })
  atEnd(() => host.stop())
  return host
}

/** Milliseconds of the worker's processor time for an order over HTTP. */
async function cpuPerOrder(host: BenchHost): Promise<number> {
  const load = await openHttpLoad(host.port, 16)
  const before = await host.cpuMs()
  await load.run(CPU_CALLS, PLACE)
  const after = await host.cpuMs()
  load.close()
  return (after - before) / CPU_CALLS
}

/** What a drain took. */
interface Drain {
  /** Milliseconds until the queue was empty. */
  readonly drained: number
  /** Milliseconds until the events had been sent, too; the same without events. */
  readonly settled: number
  /** Milliseconds of the worker's processor time, till then. */
  readonly cpuMs: number
}

/** Starts a host, suspended. The function fills its queue, and lets it run until the queue is empty and the events are sent. */
async function startDrain(
  bench: Bench,
  side: StoreSide,
): Promise<(name: string, count: number, awaitsEvents: boolean) => Promise<Drain>> {
  const { signal } = bench
  const queues = QueueServiceClient.fromConnectionString(side.storage)
  const orders = oneQueue(queues.getQueueClient(ORDERS_QUEUE))
  const events = oneQueue(queues.getQueueClient(EVENTS_QUEUE))
  for (const { all } of [orders, events]) for (const queue of all) await queue.createIfNotExists()
  const host = await startSide(bench, side)
  host.pause()
  const drain = async (name: string, count: number, awaitsEvents: boolean): Promise<Drain> => {
    await fillQueue(orders, count, name, signal)
    const before = await host.cpuMs()
    host.resume()
    try {
      const begun = performance.now()
      const drained = await drainTime(orders, count, signal)
      if (awaitsEvents) await lengthOf(events, count, signal)
      const settled = awaitsEvents ? performance.now() - begun : drained
      return { drained, settled, cpuMs: (await host.cpuMs()) - before }
    } finally {
      host.pause()
      await Promise.all(events.all.map((queue) => queue.clearMessages()))
    }
  }
  await drain('warm', WARM_UP_DRAIN, side.environment[STORE_SETTING] === 'cosmos')
  return drain
}

/** Resolves when there are so many messages. */
async function lengthOf(queues: OrderQueues, count: number, signal: AbortSignal): Promise<void> {
  while ((await backlogOf(queues)) < count) {
    signal.throwIfAborted()
    await delay(POLL_MS)
  }
}
