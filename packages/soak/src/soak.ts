import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { maxDequeueCount } from '../../../src/functions/maxDequeueCount.ts'
import { account, type Account } from './account.ts'
import { createBacklog } from './backlog.ts'
import { createChaos, type Blows } from './chaos.ts'
import type { FinalState } from './evidence.ts'
import type { FaultKind } from 'testkit/faultProxy'
import { faultPlan } from './faults.ts'
import { httpClient, type HttpClient } from './httpClient.ts'
import { createJournal } from './journal.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { seededRandom } from './random.ts'
import { createSender } from './sender.ts'
import { storageReader, type StorageReader, type StoredOrder } from './storedOrders.ts'
import { forEachService, startSystem } from './system.ts'
import { createWatcher } from './watcher.ts'
import { workload, type Task, type WorkloadSize } from './workload.ts'

/** What a run does. Parts are from 0 to 1. */
export interface SoakOptions extends WorkloadSize {
  readonly kills: number
  readonly outages: number
  /** Part of the storage requests that meets a fault. */
  readonly faults: number
  /** Overrides host.json's. */
  readonly maxDequeueCount: number | undefined
  readonly seed: number
  /** The run is given up, and has failed, after this long. */
  readonly limitMs: number
}

/** What a run did and found. */
export interface SoakResult {
  readonly account: Account
  readonly ledger: Ledger
  readonly blows: Blows
  readonly faults: ReadonlyMap<FaultKind, number>
  readonly storageRequests: number
  readonly slowStorageAnswers: number
  /** The most messages that were seen on `orders`. */
  readonly longestQueue: number
  /** How often the watcher looked at a processed record again. */
  readonly looks: number
  readonly expiringPoison: number
  readonly maxDequeueCount: number
  readonly sendMs: number
  readonly totalMs: number
  /** What the host printed last. */
  readonly hostOutput: string
}

/** The stages of a run, as a person sees them. */
export type Progress = (stage: 'sending' | 'draining' | 'looking up', done: number, total: number) => void

/** How many tasks are on their way at a time. */
const LANES = 24
/** Messages on the queue from which on the lanes wait. */
const MAX_BACKLOG = 400
/** How long the queue may take to be empty when all faults are over. */
const DRAIN_LIMIT_MS = 180_000
/** Killing the host leaves its messages leased; the real lease is 10 minutes. */
const LEASE_SECONDS = 5

/** The run was stopped from outside, or by its own limit. */
export class SoakStoppedError extends Error {
  override readonly name = 'SoakStoppedError'
}

/**
 * Sends orders to the app in every way while what it stands on dies, and accounts for each of them when all is quiet.
 *
 * @throws SoakStoppedError when `signal` is aborted or the limit is reached
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
  const plans = forEachService(() => faultPlan(random.fork(), options.faults))
  const clients = random.fork()
  const journal = createJournal()
  const ledger = createLedger()
  const environment = hostEnvironment(options)
  const system = await startSystem({ environment, plans, journal })

  const over = AbortSignal.any([signal, AbortSignal.timeout(options.limitMs)])
  const http = httpClient(system.httpPort)
  const reader = storageReader(system.directConnection)
  const watcher = createWatcher((from) => system.whileStorageRuns(() => reader.page(from)))
  const watching = new AbortController()
  const backlog = createBacklog(() => system.whileStorageRuns(() => reader.waiting()), MAX_BACKLOG)
  const watched = Promise.all([watcher.run(watching.signal), backlog.run(watching.signal)])

  const work = async (): Promise<SoakResult> => {
    const sender = createSender({
      http,
      queueConnection: system.proxiedConnection,
      directConnection: system.directConnection,
      ledger,
      random: clients,
      signal: over,
    })
    let sent = 0
    await Promise.all([
      inLanes(tasks, over, async (task) => {
        await backlog.room(over)
        await sender.send(task)
        onProgress('sending', ++sent, tasks.length)
      }),
      chaos.run(system, () => sent / tasks.length, over),
    ])
    const sendMs = performance.now() - begun

    for (const plan of Object.values(plans)) plan.end()
    const waiting = await drained(reader, over, onProgress)
    watching.abort()
    await watched
    const records = await reader.all()
    watcher.compare(records)
    const answers = await lookUpAll(http, idsOf(ledger, records), over, onProgress)
    const poison = await reader.takePoison()
    const final: FinalState = { records, poison: poison.texts, waiting, answers }
    return {
      account: account({
        ledger,
        final,
        journal,
        changed: watcher.changed,
        maxDequeueCount: maxDequeueCount(environment),
        killedBetween: (from, to) => system.kills.overlaps(from, to),
        awayBetween: (from, to) => system.outages.overlaps(from, to),
      }),
      ledger,
      blows: chaos.done,
      faults: journal.faults,
      storageRequests: journal.requests(),
      slowStorageAnswers: journal.slowAnswers(),
      longestQueue: backlog.longest(),
      looks: watcher.looks(),
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

/** Settings that make the host quick to try again, so that a run takes minutes and not hours. */
function hostEnvironment(options: SoakOptions): Record<string, string> {
  const queues = 'AzureFunctionsJobHost__extensions__queues__'
  return {
    [`${queues}visibilityTimeout`]: '00:00:01',
    [`${queues}maxPollingInterval`]: '00:00:01',
    ...(options.maxDequeueCount !== undefined && {
      [`${queues}maxDequeueCount`]: String(options.maxDequeueCount),
    }),
    FUNC_LOCAL_QUEUE_LEASE_SECONDS: String(LEASE_SECONDS),
  }
}

/** Rejects when a run is over before it has finished. */
export async function stopped(over: AbortSignal, byHand: AbortSignal): Promise<never> {
  if (!over.aborted) await once(over, 'abort')
  throw new SoakStoppedError(byHand.aborted ? 'Stopped.' : 'The run took longer than its limit.')
}

/** Runs tasks in their order, some at a time, until `signal` ends it. */
export async function inLanes(
  tasks: readonly Task[],
  signal: AbortSignal,
  run: (task: Task) => Promise<void>,
): Promise<void> {
  const left = tasks.values()
  const lane = async () => {
    for (const task of left) {
      if (signal.aborted) return
      await run(task)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

/** Waits until `orders` is empty. Answers how many messages are left on it. */
export async function drained(
  reader: StorageReader,
  signal: AbortSignal,
  onProgress: Progress = () => undefined,
): Promise<number> {
  const end = performance.now() + DRAIN_LIMIT_MS
  let most = 0
  for (;;) {
    const waiting = await reader.waiting()
    most = Math.max(most, waiting)
    onProgress('draining', most - waiting, most)
    if (waiting === 0 || signal.aborted || performance.now() > end) return waiting
    await delay(250)
  }
}

/** Every order that was ever named. */
function idsOf(ledger: Ledger, records: ReadonlyMap<string, StoredOrder>): ReadonlySet<string> {
  const sent = [...ledger.orders, ...ledger.pushes.map(({ order }) => order)].flatMap((order) =>
    order?.id === undefined ? [] : [order.id],
  )
  return new Set([...records.keys(), ...sent])
}

/** What the app answers about each order now. */
export async function lookUpAll(
  http: HttpClient,
  ids: ReadonlySet<string>,
  signal: AbortSignal,
  onProgress: Progress = () => undefined,
): Promise<FinalState['answers']> {
  const answers = new Map<string, Awaited<ReturnType<HttpClient['call']>>['answer']>()
  const left = ids.values()
  const lane = async () => {
    for (const id of left) {
      if (signal.aborted) return
      const { answer } = await http.call({ method: 'GET', path: `/api/order/${id}` })
      answers.set(id, answer)
      onProgress('looking up', answers.size, ids.size)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return answers
}
