import { startBenchAzurite } from './storage.ts'
import { startBenchHost, type BenchHost } from './host.ts'
import { loadResult, openHttpLoad, requestBytes, type LoadResult } from './httpLoad.ts'
import { measurePairs, type Pair } from './pairs.ts'
import { ratioRow, type Row } from './report.ts'
import type { Section } from './section.ts'

const ORDER = JSON.stringify({ item: 'widget', quantity: 2 })
/** How many calls one measurement makes, for each number of calls at a time. */
const LOADS = [
  { concurrency: 1, calls: 800 },
  { concurrency: 32, calls: 2000 },
] as const
/** Both take so many turns within a pair, some hundred milliseconds each. */
const TURNS = 10
/** Calls of each kind before anything is measured, so many at a time. */
const WARM_UP = { concurrency: 32, calls: 2000 } as const
/** Azurite writes some hundred records a second. */
const AZURITE_PART = 1 / 4

const NOOP = { get: requestBytes('GET', '/api/noop'), post: requestBytes('POST', '/api/noop', ORDER) }
const HELLO = requestBytes('GET', '/api/hello')
const PLACE = requestBytes('POST', '/api/order', ORDER)

interface Subject {
  readonly name: string
  readonly app: 'ours' | 'memory'
  readonly request: Buffer
  /** The same method and body goes to the function that does nothing: the host's work on them is not ours. */
  readonly noop: Buffer
  readonly leastRate?: number
  /** Of the calls that the function that does nothing gets. */
  readonly part: number
}

const SUBJECTS: readonly Subject[] = [
  { name: 'hello', app: 'ours', request: HELLO, noop: NOOP.get, leastRate: 0.95, part: 1 },
  { name: 'order, in memory', app: 'memory', request: PLACE, noop: NOOP.post, leastRate: 0.85, part: 1 },
  { name: 'order, Azurite', app: 'ours', request: PLACE, noop: NOOP.post, part: AZURITE_PART },
]

/** Calls of a warm app, compared with a function that does nothing, on the same kind of host. */
export const warmHttp: Section = {
  letter: 'c',
  title: 'Warm HTTP',
  async run({ apps, pairs, signal, atEnd, note }) {
    const azurite = await startBenchAzurite()
    atEnd(() => azurite.stop())
    const environment = { AzureWebJobsStorage: azurite.connectionString }
    const start = async (app: string, path: string) => {
      const firstCall = { path, method: 'GET', status: 200 } as const
      const host = await startBenchHost({ host: apps.host, app, environment, firstCall })
      atEnd(() => host.stop())
      return host
    }

    const rows: Row[] = []
    for (const subject of SUBJECTS) {
      const measured = LOADS.map((): Pair<LoadResult>[] => [])
      // How many calls a process has had, and so how much of it V8 has optimized, weighs more than what is measured: every
      // pair has processes of its own, and both get the same number of calls to warm up.
      for (let pair = 0; pair < pairs; pair++) {
        if (signal.aborted && rows.length > 0) return rows
        signal.throwIfAborted()
        note(`${subject.name}, pair ${pair + 1} of ${pairs}`)
        const noop = await start(apps.empty, '/api/noop')
        const ours = await start(apps[subject.app], '/api/hello')
        await warmUp(noop, subject.noop)
        await warmUp(ours, subject.request)
        for (const [index, load] of LOADS.entries()) {
          measured[index]?.push(await onePair(noop, ours, { ...load, subject }, signal))
        }
        await noop.stop()
        await ours.stop()
      }
      for (const [index, { concurrency }] of LOADS.entries()) {
        const what = `${subject.name} / no-op, ${concurrency} at a time`
        rows.push(...loadRows(what, subject, measured[index] ?? []))
      }
    }
    return rows
  },
}

/** One subject and the function that does nothing, in turns. */
async function onePair(
  noop: BenchHost,
  ours: BenchHost,
  { concurrency, calls, subject }: (typeof LOADS)[number] & { readonly subject: Subject },
  signal: AbortSignal,
): Promise<Pair<LoadResult>> {
  const base = await openHttpLoad(noop.port, concurrency)
  const load = await openHttpLoad(ours.port, concurrency)
  try {
    const turns = await measurePairs(
      TURNS,
      () => load.run(Math.ceil((calls * subject.part) / TURNS), subject.request),
      () => base.run(Math.ceil(calls / TURNS), subject.noop),
      { signal },
    )
    return {
      ours: loadResult(turns.map(({ ours }) => ours)),
      base: loadResult(turns.map(({ base }) => base)),
    }
  } finally {
    base.close()
    load.close()
  }
}

async function warmUp({ port }: BenchHost, request: Buffer): Promise<void> {
  const load = await openHttpLoad(port, WARM_UP.concurrency)
  await load.run(WARM_UP.calls, request)
  load.close()
}

function loadRows(what: string, { leastRate }: Subject, measured: readonly Pair<LoadResult>[]): Row[] {
  const bars = leastRate !== undefined
  return [
    ratioRow(
      {
        section: 'c',
        what,
        unit: 'calls/s',
        ...(bars && { bar: { kind: 'at least', value: leastRate } }),
      },
      measured,
      ({ callsPerSecond }) => callsPerSecond,
    ),
    ratioRow({ section: 'c', what: `${what}: p50`, unit: 'ms' }, measured, ({ p50 }) => p50),
    ratioRow(
      {
        section: 'c',
        what: `${what}: p99`,
        unit: 'ms',
        ...(bars && { bar: { kind: 'at most', value: 1.3 } }),
      },
      measured,
      ({ p99 }) => p99,
    ),
  ]
}
