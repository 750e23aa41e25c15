import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { maxDequeueCount } from '../../../src/functions/maxDequeueCount.ts'
import { QUEUES_SETTING } from '../../../src/storage/names.ts'
import type { OrderStore } from '../../../src/storage/orderStore.ts'
import { audit, type Audit } from './audit.ts'
import { createBacklog } from './backlog.ts'
import { createEventCollector } from './collectEvents.ts'
import { createChaos, type Disruptions } from './chaos.ts'
import type { FinalState } from './evidence.ts'
import type { FaultKind } from 'testkit/faultProxy'
import { ERRORS, faultPlan } from './faults.ts'
import { httpClient, type HttpClient } from './httpClient.ts'
import { createJournal } from './journal.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { seededRandom } from './random.ts'
import { createSender } from './sender.ts'
import { storageReader, type StorageReader, type StoredOrder } from './storedOrders.ts'
import { forEachService, startSystem } from './system.ts'
import { createWatcher } from './watcher.ts'
import { workload, type Task, type WorkloadSize } from './workload.ts'

/** The options of a run. Fractions are from 0 to 1. */
export interface SoakOptions extends WorkloadSize {
  readonly kills: number
  readonly outages: number
  /** Fraction of the storage requests that gets a fault. */
  readonly faults: number
  /** Overrides the value of host.json. */
  readonly maxDequeueCount: number | undefined
  /** Over how many queues orders are spread at the start. */
  readonly queues: number
  /** What this number becomes during the run, one after the other: each time the host is killed and started again. */
  readonly queuesMidway: readonly number[]
  readonly seed: number
  /** Where the records are; in tables without it. */
  readonly store?: OrderStore
  /** The run fails if it takes longer. */
  readonly limitMs: number
  /** Folder of the built app; this checkout without it. */
  readonly app?: string
  /** How long it may take until the queue is empty after the last fault. */
  readonly drainLimitMs?: number
}

/** The result of a run. */
export interface SoakResult {
  readonly audit: Audit
  readonly ledger: Ledger
  readonly disruptions: Disruptions
  readonly faults: ReadonlyMap<FaultKind, number>
  readonly storageRequests: number
  readonly slowStorageResponses: number
  /** The maximum number of messages on the queues of orders. */
  readonly longestQueue: number
  /** How often the watcher checked a processed record. */
  readonly checks: number
  readonly expiringPoison: number
  readonly maxDequeueCount: number
  readonly sendMs: number
  readonly totalMs: number
  /** The end of the host's output. */
  readonly hostOutput: string
}

/** Reports the stages of a run. */
export type Progress = (stage: 'sending' | 'draining' | 'reading', done: number, total: number) => void

/** Number of tasks at a time. */
const CONCURRENCY = 24
/** With more messages on the queue, senders wait. */
const MAX_BACKLOG = 400
const DRAIN_LIMIT_MS = 180_000
/** A killed host leaves its messages leased. The default lease is 10 minutes. */
const LEASE_SECONDS = 5

/** Between two runs of queueMonitor. */
const MONITOR_PAUSE_MS = 2000

/** The run was stopped, or has exceeded its time limit. */
export class SoakStoppedError extends Error {
  override readonly name = 'SoakStoppedError'
}

/**
 * Sends orders to the app in every way while the host, its worker and storage fail, and audits every order afterwards.
 *
 * @throws SoakStoppedError if `signal` is aborted or the time limit is reached
 */
export async function soak(
  options: SoakOptions,
  signal: AbortSignal,
  onProgress: Progress = () => undefined,
): Promise<SoakResult> {
  const begun = performance.now()
  const random = seededRandom(options.seed)
  const tasks = workload(random.fork(), options)
  const chaos = createChaos(random.fork(), options)
  const mostQueues = Math.max(options.queues, ...options.queuesMidway)
  const { store = 'tables' } = options
  const plans = forEachService((service) =>
    faultPlan(random.fork(), options.faults, ERRORS[service === 'table' ? store : 'tables']),
  )
  const clients = random.fork()
  const journal = createJournal()
  const ledger = createLedger()
  const environment = hostEnvironment(options)
  const system = await startSystem({
    environment,
    plans,
    journal,
    store,
    ...(options.app !== undefined && { app: options.app }),
  })

  const over = AbortSignal.any([signal, AbortSignal.timeout(options.limitMs)])
  const http = httpClient(system.httpPort)
  const reader = storageReader(system.directConnection, system.directCosmos)
  const watcher = createWatcher((from) => system.whileStorageRuns(() => reader.page(from)))
  const watching = new AbortController()
  const backlog = createBacklog(() => system.whileStorageRuns(() => reader.waiting()), MAX_BACKLOG)
  const collector =
    store === 'cosmos'
      ? createEventCollector((tell) => system.whileStorageRuns(() => reader.takeEvents(tell)))
      : undefined
  const watched = Promise.all([
    ...(collector === undefined ? [] : [collector.run(watching.signal)]),
    watcher.run(watching.signal),
    backlog.run(watching.signal),
    ...(mostQueues > 1 ? [runMonitor(http, watching.signal)] : []),
  ])

  const work = async (): Promise<SoakResult> => {
    const sender = createSender({
      http,
      queueConnection: system.proxiedConnection,
      directConnection: system.directConnection,
      ledger,
      random: clients,
      queues: mostQueues,
      signal: over,
    })
    let sent = 0
    await Promise.all([
      runConcurrently(tasks, over, async (task) => {
        await backlog.room(over)
        await sender.send(task)
        onProgress('sending', ++sent, tasks.length)
      }),
      chaos.run(system, () => sent / tasks.length, over),
    ])
    const sendMs = performance.now() - begun

    for (const plan of Object.values(plans)) plan.end()
    const waiting = await waitUntilDrained(reader, over, onProgress, options.drainLimitMs)
    watching.abort()
    await watched
    const records = await reader.all()
    watcher.compare(records)
    const responses = await readAll(http, idsOf(ledger, records), over, onProgress)
    const poison = await reader.takePoison()
    const events = await collector?.rest(records, over, options.drainLimitMs)
    const final: FinalState = {
      ...{ records, poison: poison.texts, waiting, responses },
      ...(events !== undefined && { events }),
    }
    return {
      audit: audit({
        ledger,
        final,
        journal,
        changed: watcher.changed,
        maxDequeueCount: maxDequeueCount(environment),
        killedBetween: (from, to) => system.kills.overlaps(from, to),
        outageBetween: (from, to) => system.outages.overlaps(from, to),
      }),
      ledger,
      disruptions: chaos.done,
      faults: journal.faults,
      storageRequests: journal.requests(),
      slowStorageResponses: journal.slowResponses(),
      longestQueue: backlog.longest(),
      checks: watcher.checks(),
      expiringPoison: poison.expiring,
      maxDequeueCount: maxDequeueCount(environment),
      sendMs,
      totalMs: performance.now() - begun,
      hostOutput: system.hostOutput(),
    }
  }

  try {
    return await Promise.race([work(), stopped(over, signal)])
  } finally {
    watching.abort()
    http.close()
    await system.stop()
  }
}

/** Settings with short retry intervals, so that a run takes minutes instead of hours. */
function hostEnvironment(options: SoakOptions): Record<string, string> {
  const queues = 'AzureFunctionsJobHost__extensions__queues__'
  return {
    [`${queues}visibilityTimeout`]: '00:00:01',
    [`${queues}maxPollingInterval`]: '00:00:01',
    ...(options.maxDequeueCount !== undefined && {
      [`${queues}maxDequeueCount`]: String(options.maxDequeueCount),
    }),
    FUNC_LOCAL_QUEUE_LEASE_SECONDS: String(LEASE_SECONDS),
    [QUEUES_SETTING]: String(options.queues),
  }
}

/** Calls the timer function that empties queues without a processor, as the clock would every five minutes. */
async function runMonitor(http: HttpClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // No response while the host is down: the next call is soon.
    await http.call({
      method: 'POST',
      path: '/admin/functions/queueMonitor',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    await delay(MONITOR_PAUSE_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Rejects when a run is stopped before it has finished. */
export async function stopped(over: AbortSignal, byHand: AbortSignal): Promise<never> {
  if (!over.aborted) await once(over, 'abort')
  throw new SoakStoppedError(byHand.aborted ? 'Stopped.' : 'The run took longer than its limit.')
}

/** Starts tasks in order, a limited number at a time, until `signal` is aborted. */
export async function runConcurrently(
  tasks: readonly Task[],
  signal: AbortSignal,
  run: (task: Task) => Promise<void>,
): Promise<void> {
  const left = tasks.values()
  const worker = async () => {
    for (const task of left) {
      if (signal.aborted) return
      await run(task)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

/** Waits until every queue of orders is empty. Returns the number of messages that are left. */
export async function waitUntilDrained(
  reader: StorageReader,
  signal: AbortSignal,
  onProgress: Progress = () => undefined,
  limitMs = DRAIN_LIMIT_MS,
): Promise<number> {
  const end = performance.now() + limitMs
  let most = 0
  for (;;) {
    const waiting = await reader.waiting()
    most = Math.max(most, waiting)
    onProgress('draining', most - waiting, most)
    if (waiting === 0 || signal.aborted || performance.now() > end) return waiting
    await delay(250)
  }
}

/** The ids of all orders. */
function idsOf(ledger: Ledger, records: ReadonlyMap<string, StoredOrder>): ReadonlySet<string> {
  const sent = [...ledger.orders, ...ledger.pushes.map(({ order }) => order)].flatMap((order) =>
    order?.id === undefined ? [] : [order.id],
  )
  return new Set([...records.keys(), ...sent])
}

/** The app's response to a GET of each order. */
export async function readAll(
  http: HttpClient,
  ids: ReadonlySet<string>,
  signal: AbortSignal,
  onProgress: Progress = () => undefined,
): Promise<FinalState['responses']> {
  const responses = new Map<string, Awaited<ReturnType<HttpClient['call']>>['response']>()
  const left = ids.values()
  const worker = async () => {
    for (const id of left) {
      if (signal.aborted) return
      const { response } = await http.call({ method: 'GET', path: `/api/order/${id}` })
      responses.set(id, response)
      onProgress('reading', responses.size, ids.size)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return responses
}
