import { startAzurite } from '../scripts/azurite.ts'
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
/** Azurite writes some hundred records a second. */
const AZURITE_PART = 1 / 4

interface Subject {
  readonly name: string
  readonly host: BenchHost
  /** The same method and body goes to the function that does nothing: the host's work on them is not ours. */
  readonly request: Buffer
  readonly noop: Buffer
  readonly leastRate?: number
  readonly part?: number
}

/** Calls of a warm app, compared with a function that does nothing, on the same kind of host. */
export const warmHttp: Section = {
  letter: 'c',
  title: 'Warm HTTP',
  async run({ apps, pairs, signal, atEnd, note }) {
    const azurite = await startAzurite({})
    atEnd(() => azurite.stop())
    const start = async (app: string, path: string, status: number) => {
      const firstCall = { path, method: 'GET', status } as const
      const environment = { AzureWebJobsStorage: azurite.connectionString }
      const host = await startBenchHost({ host: apps.host, app, environment, firstCall })
      atEnd(() => host.stop())
      return host
    }
    const noop = await start(apps.empty, '/api/noop', 200)
    const memory = await start(apps.memory, '/api/hello', 200)
    const ours = await start(apps.ours, '/api/hello', 200)

    const get = requestBytes('GET', '/api/noop')
    const post = requestBytes('POST', '/api/noop', ORDER)
    const order = requestBytes('POST', '/api/order', ORDER)
    const subjects: readonly Subject[] = [
      { name: 'hello', host: ours, request: requestBytes('GET', '/api/hello'), noop: get, leastRate: 0.95 },
      { name: 'order, in memory', host: memory, request: order, noop: post, leastRate: 0.85 },
      { name: 'order, Azurite', host: ours, request: order, noop: post, part: AZURITE_PART },
    ]
    const rows: Row[] = []
    for (const { concurrency, calls } of LOADS) {
      const base = await openHttpLoad(noop.port, concurrency)
      for (const subject of subjects) {
        note(`${subject.name}, ${concurrency} at a time`)
        const load = await openHttpLoad(subject.host.port, concurrency)
        const count = calls * (subject.part ?? 1)
        const ourTurn = (part: number) => load.run(Math.ceil(count / part), subject.request)
        const baseTurn = (part: number) => base.run(Math.ceil(calls / part), subject.noop)
        await baseTurn(1)
        await ourTurn(1)
        const measured: Pair<LoadResult>[] = []
        while (measured.length < pairs) {
          signal.throwIfAborted()
          const turns = await measurePairs(
            TURNS,
            () => ourTurn(TURNS),
            () => baseTurn(TURNS),
            { warmUp: false },
          )
          measured.push({
            ours: loadResult(turns.map(({ ours }) => ours)),
            base: loadResult(turns.map(({ base }) => base)),
          })
        }
        load.close()
        rows.push(...loadRows(`${subject.name} / no-op, ${concurrency} at a time`, subject, measured))
      }
      base.close()
    }
    return rows
  },
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
