import { setTimeout as delay } from 'node:timers/promises'
import { maxDequeueCount } from '../../../src/functions/maxDequeueCount.ts'
import { account, type Account } from './account.ts'
import { drained, inLanes, lookUpAll, stopped } from './soak.ts'
import { faultPlan, type OutageStyle } from './faults.ts'
import { httpClient } from './httpClient.ts'
import { createJournal, type StorageService } from './journal.ts'
import { createLedger, type Call } from './ledger.ts'
import { seededRandom } from './random.ts'
import type { Rows } from './report.ts'
import { createSender } from './sender.ts'
import { storageReader } from './storedOrders.ts'
import { forEachService, startSystem } from './system.ts'
import { workload } from './workload.ts'

/** One long outage. */
export interface OutageOptions {
  /** `tables`: the queues stay. */
  readonly away: 'all' | 'tables'
  readonly style: OutageStyle
  readonly seconds: number
  readonly seed: number
}

/** What the app did in it. */
export interface OutageResult {
  readonly account: Account
  /** Messages on the poison queue: all were good, so none may be there. */
  readonly poisoned: number
  readonly rows: Rows
}

const SERVICES: Readonly<Record<OutageOptions['away'], readonly StorageService[]>> = {
  all: ['blob', 'queue', 'table'],
  tables: ['table'],
}

/** Load before and after the outage. */
const AROUND_MS = 5000
/** Orders pushed past the proxy during the outage, so that there is something to wait. */
const PUSH_PAUSE_MS = 200
/** The host's own lease is 10 minutes: what it held when storage went away would come back only then. */
const LEASE_SECONDS = 30
const MORE_THAN_ENOUGH_ORDERS = 50_000

/** Takes storage away under load, with the settings of production, and accounts for every order afterwards. */
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
    const size = { orders: MORE_THAN_ENOUGH_ORDERS, duplicates: 0.05, conflicts: 0, poison: 0 }
    const enough = new AbortController()
    const sending = inLanes(workload(random.fork(), size), AbortSignal.any([signal, enough.signal]), (task) =>
      sender.send(task),
    )
    await delay(AROUND_MS)

    const begun = performance.now()
    let pushed = 0
    const away = system.outage(SERVICES[options.away], options.style, options.seconds * 1000)
    const over = new AbortController()
    const pushing = (async () => {
      while (!over.signal.aborted && !signal.aborted) {
        const content = { item: `pushed in the outage ${pushed}`, quantity: 1 }
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
            patience: 10,
            looksUp: false,
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
    const waiting = await drained(reader, signal)
    const drainedMs = performance.now() - ended

    const records = await reader.all()
    const ids = [...records.keys()]
    const poison = await reader.takePoison()
    const result = account({
      ledger,
      final: {
        records,
        poison: poison.texts,
        waiting,
        answers: await lookUpAll(http, new Set(ids), signal),
      },
      journal,
      changed: new Set(),
      maxDequeueCount: maxDequeueCount({}),
      killedBetween: () => false,
      awayBetween: (from, to) => system.outages.overlaps(from, to),
    })
    const during = [...ledger.orders, ...ledger.lookUps].filter(
      (call) => call.begun >= begun && call.begun < ended,
    )
    return {
      account: result,
      poisoned: poison.texts.length,
      rows: [
        ['away', `${options.away}, ${options.style}, ${options.seconds} s`],
        ['HTTP calls in the outage', during.length],
        ['… answered', statuses(during)],
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
  for (const { answer } of calls) {
    const status = String(answer?.status ?? 'none')
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }
  return [...counts].map(([status, times]) => `${times} × ${status}`).join(', ')
}

function slowest(calls: readonly Call[]): number {
  return Math.max(0, ...calls.map(({ begun, ended }) => ended - begun))
}

function lacksRetryAfter({ answer }: Call): boolean {
  return answer?.status === 503 && answer.retryAfter === undefined
}
