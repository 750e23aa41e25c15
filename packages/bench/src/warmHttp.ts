import type { Apps } from './apps.ts'
import { startAzurite } from 'testkit/azurite'
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

const HELLO = requestBytes('GET', '/api/hello')
const PLACE = requestBytes('POST', '/api/order', ORDER)

/** A function of an app, and the path that says that the app is up. */
interface Target {
  readonly app: keyof Omit<Apps, 'host' | 'worker'>
  readonly request: Buffer
  readonly firstPath: string
}

interface Subject {
  readonly name: string
  readonly ours: Target
  readonly base: Target
  readonly bars?: { readonly leastRate: number; readonly mostP99: number }
  /** Of the calls that the base gets. */
  readonly part: number
}

const target = (app: Target['app'], request: Buffer, firstPath = '/api/hello'): Target => ({
  app,
  request,
  firstPath,
})
// The same method and body: the host's work on them is not ours.
const NOOP_GET = target('empty', requestBytes('GET', '/api/noop'), '/api/noop')
const NOOP_POST = target('empty', requestBytes('POST', '/api/noop', ORDER), '/api/noop')

const SUBJECTS: readonly Subject[] = [
  {
    name: 'hello / no-op',
    ours: target('ours', HELLO),
    base: NOOP_GET,
    bars: { leastRate: 0.95, mostP99: 1.3 },
    part: 1,
  },
  {
    name: 'order, in memory / no-op',
    ours: target('memory', PLACE),
    base: NOOP_POST,
    bars: { leastRate: 0.85, mostP99: 1.3 },
    part: 1,
  },
  {
    name: 'hello / its response alone',
    ours: target('ours', HELLO),
    base: target('answers', HELLO),
    part: 1,
  },
  {
    name: 'order, in memory / its response alone',
    ours: target('memory', PLACE),
    base: target('answers', PLACE),
    part: 1,
  },
  { name: 'order, Azurite / no-op', ours: target('ours', PLACE), base: NOOP_POST, part: AZURITE_PART },
]

/** Calls of a warm app, compared with a function that does nothing, or only sends the same response, on the same kind of host. */
export const warmHttp: Section = {
  letter: 'c',
  title: 'Warm HTTP',
  async run({ apps, pairs, signal, atEnd, note }) {
    const azurite = await startAzurite({})
    atEnd(() => azurite.stop())
    const environment = { AzureWebJobsStorage: azurite.connectionString }
    const start = async ({ app, firstPath: path }: Target) => {
      const firstCall = { path, method: 'GET', status: 200 } as const
      const host = await startBenchHost({ host: apps.host, app: apps[app], environment, firstCall })
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
        const base = await start(subject.base)
        const ours = await start(subject.ours)
        await warmUp(base, subject.base.request)
        await warmUp(ours, subject.ours.request)
        for (const [index, { concurrency, calls }] of LOADS.entries()) {
          measured[index]?.push(
            await inTurns(
              { host: ours, request: subject.ours.request, calls: calls * subject.part },
              { host: base, request: subject.base.request, calls },
              { concurrency, signal },
            ),
          )
        }
        await base.stop()
        await ours.stop()
      }
      for (const [index, { concurrency }] of LOADS.entries()) {
        const what = `${subject.name}, ${concurrency} at a time`
        rows.push(...loadRows(what, subject, measured[index] ?? []))
      }
    }
    return rows
  },
}

/** A number of calls of a host. */
interface HostCalls {
  readonly host: BenchHost
  readonly request: Buffer
  readonly calls: number
}

/** Calls of two hosts, in turns of a few hundred milliseconds. */
export async function inTurns(
  ours: HostCalls,
  base: HostCalls,
  { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal },
): Promise<Pair<LoadResult>> {
  const baseLoad = await openHttpLoad(base.host.port, concurrency)
  const load = await openHttpLoad(ours.host.port, concurrency)
  try {
    const turns = await measurePairs(
      TURNS,
      () => load.run(Math.ceil(ours.calls / TURNS), ours.request),
      () => baseLoad.run(Math.ceil(base.calls / TURNS), base.request),
      { signal },
    )
    return {
      ours: loadResult(turns.map(({ ours }) => ours)),
      base: loadResult(turns.map(({ base }) => base)),
    }
  } finally {
    baseLoad.close()
    load.close()
  }
}

/** The calls before anything is measured. */
export async function warmUp({ port }: BenchHost, request: Buffer): Promise<void> {
  const load = await openHttpLoad(port, WARM_UP.concurrency)
  await load.run(WARM_UP.calls, request)
  load.close()
}

function loadRows(what: string, { bars }: Subject, measured: readonly Pair<LoadResult>[]): Row[] {
  return [
    ratioRow(
      {
        section: 'c',
        what,
        unit: 'calls/s',
        ...(bars !== undefined && { bar: { kind: 'at least', value: bars.leastRate } }),
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
        ...(bars !== undefined && { bar: { kind: 'at most', value: bars.mostP99 } }),
      },
      measured,
      ({ p99 }) => p99,
    ),
  ]
}
