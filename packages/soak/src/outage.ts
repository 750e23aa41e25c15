import { setTimeout as delay } from 'node:timers/promises'
import { maxDequeueCount } from '../../../src/functions/maxDequeueCount.ts'
import { audit, type Audit } from './audit.ts'
import { waitUntilDrained, runConcurrently, readAll, stopped } from './soak.ts'
import { faultPlan, type OutageStyle } from './faults.ts'
import { httpClient } from './httpClient.ts'
import { createJournal, type StorageService } from './journal.ts'
import { createLedger, type Call } from './ledger.ts'
import { seededRandom } from './random.ts'
import type { Rows } from './report.ts'
import { createContentSource } from './contentSource.ts'
import { createSender } from './sender.ts'
import { storageReader } from './storedOrders.ts'
import { forEachService, startSystem } from './system.ts'
import { workload } from './workload.ts'

/** One long outage. */
export interface OutageOptions {
  /** `tables`: only the tables; the queues stay available. */
  readonly away: 'all' | 'tables'
  readonly style: OutageStyle
  readonly seconds: number
  readonly seed: number
}

/** How the app behaved during the outage. */
export interface OutageResult {
  readonly audit: Audit
  /** Messages on the poison queue: there must be none, because all messages are valid. */
  readonly poisoned: number
  readonly rows: Rows
}

const SERVICES: Readonly<Record<OutageOptions['away'], readonly StorageService[]>> = {
  all: ['blob', 'queue', 'table'],
  tables: ['table'],
}

/** Duration of the load before and after the outage. */
const AROUND_MS = 5000
/** Interval of orders that are sent past the proxy during the outage, so that messages wait. */
const PUSH_PAUSE_MS = 200
/** The host's default is 10 minutes: messages that it held when the outage began would come back only then. */
const LEASE_SECONDS = 30
const MORE_THAN_ENOUGH_ORDERS = 50_000

/** Makes storage unavailable under load, with production settings, and audits every order afterwards. */
export async function runOutage(options: OutageOptions, signal: AbortSignal): Promise<OutageResult> {
  const random = seededRandom(options.seed)
  const plans = forEachService(() => faultPlan(random.fork(), 0))
  const journal = createJournal()
  const ledger = createLedger()
  const system = await startSystem({
    environment: { FUNC_LOCAL_QUEUE_LEASE_SECONDS: String(LEASE_SECONDS) },
    plans,
    journal,
  })
  const http = httpClient(system.httpPort)
  const reader = storageReader(system.directConnection)

  const work = async (): Promise<OutageResult> => {
    const connections = { ledger, http, directConnection: system.directConnection, signal }
    const sender = createSender({
      ...connections,
      queueConnection: system.proxiedConnection,
      random: random.fork(),
    })
    const pusher = createSender({
      ...connections,
      queueConnection: system.directConnection,
      random: random.fork(),
    })
    const size = { orders: MORE_THAN_ENOUGH_ORDERS, duplicates: 0.05, conflicts: 0, files: 0, poison: 0 }
    const enough = new AbortController()
    const sending = runConcurrently(
      workload(random.fork(), size),
      AbortSignal.any([signal, enough.signal]),
      (task) => sender.send(task),
    )
    await delay(AROUND_MS)

    const begun = performance.now()
    let pushed = 0
    const contents = createContentSource(random.fork())
    const away = system.outage(SERVICES[options.away], options.style, options.seconds * 1000)
    const over = new AbortController()
    const pushing = (async () => {
      while (!over.signal.aborted && !signal.aborted) {
        // Numbers that the rest of the load does not use: no two orders have the same content.
        const content = contents.fresh(MORE_THAN_ENOUGH_ORDERS + pushed)
        const id = `outage-${pushed++}`
        const text = JSON.stringify({ id, ...content })
        await pusher.send([
          {
            kind: 'order',
            way: 'push',
            id,
            idIn: 'body',
            content,
            text,
            maxAttempts: 10,
            readsBack: false,
            after: 0,
          },
        ])
        await delay(PUSH_PAUSE_MS)
      }
    })()
    await away
    const ended = performance.now()
    const waitingAtEnd = await reader.waiting()
    over.abort()
    await pushing
    await delay(AROUND_MS)
    enough.abort()
    await sending
    const waiting = await waitUntilDrained(reader, signal)
    const drainedMs = performance.now() - ended

    const records = await reader.all()
    const ids = [...records.keys()]
    const poison = await reader.takePoison()
    const result = audit({
      ledger,
      final: {
        records,
        poison: poison.texts,
        waiting,
        responses: await readAll(http, new Set(ids), signal),
      },
      journal,
      changed: new Set(),
      maxDequeueCount: maxDequeueCount({}),
      killedBetween: () => false,
      outageBetween: (from, to) => system.outages.overlaps(from, to),
    })
    const during = [...ledger.orders, ...ledger.reads].filter(
      (call) => call.begun >= begun && call.begun < ended,
    )
    return {
      audit: result,
      poisoned: poison.texts.length,
      rows: [
        ['away', `${options.away}, ${options.style}, ${options.seconds} s`],
        ['HTTP calls in the outage', during.length],
        ['… statuses', statuses(during)],
        ['… slowest', `${(slowest(during) / 1000).toFixed(1)} s`],
        ['… 503 without Retry-After', during.filter(lacksRetryAfter).length],
        ['messages waiting when it ended', waitingAtEnd],
        ['acknowledged', result.acknowledged],
        ['processed', result.processed],
        ['deliveries of one message, at most', journal.mostDeliveries()],
        ['POISONED BY THE OUTAGE', poison.texts.length],
        ['all processed after', `${(drainedMs / 1000).toFixed(0)} s`],
      ],
    }
  }
  try {
    return await Promise.race([work(), stopped(signal, signal)])
  } finally {
    http.close()
    await system.stop()
  }
}

function statuses(calls: readonly Call[]): string {
  const counts = new Map<string, number>()
  for (const { response } of calls) {
    const status = String(response?.status ?? 'none')
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }
  return [...counts].map(([status, times]) => `${times} × ${status}`).join(', ')
}

function slowest(calls: readonly Call[]): number {
  return Math.max(0, ...calls.map(({ begun, ended }) => ended - begun))
}

function lacksRetryAfter({ response }: Call): boolean {
  return response?.status === 503 && response.retryAfter === undefined
}
