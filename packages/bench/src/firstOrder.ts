import { startAzurite } from 'testkit/azurite'
import { storageClients } from '../../../src/storage/azure.ts'
import { ORDERS_QUEUE } from '../../../src/storage/names.ts'
import { loadAndFirstCall, measureColdStart, PAUSES_MS } from './coldStart.ts'
import { startBenchHost } from './host.ts'
import { measurePairs, measureRounds, pairsOf } from './pairs.ts'
import { ratioRow, type Bar, type Row } from './report.ts'
import type { Section } from './section.ts'

const ROUNDS_FACTOR = 2
const ORDER = JSON.stringify({ item: 'widget', quantity: 2 })

const BARS = new Map<number, Bar>([
  [0, { kind: 'at most', value: 1 }],
  [300, { kind: 'at most', value: 0.7 }],
])

/** From the load of the app until the first order's response is 200: it is stored. */
export const firstOrder: Section = {
  letter: 'b',
  title: 'Cold start in a fresh worker process: load of the app and first order',
  async run({ apps, pairs, signal, atEnd }) {
    const azurite = await startAzurite({})
    atEnd(() => azurite.stop())
    const environment = { AzureWebJobsStorage: azurite.connectionString }
    const { table, queues } = await storageClients(environment)
    await Promise.all([table.createTable(), queues.createQueue(ORDERS_QUEUE)])

    const call = { function: 'order', method: 'POST', path: '/api/order', body: ORDER } as const
    const inWorker = (app: string, pauseMs: number) => () =>
      measureColdStart({ worker: apps.worker, app, call, pauseMs, environment })
    const rows: Row[] = []
    for (const pauseMs of PAUSES_MS) {
      const rounds = await measureRounds(
        pairs * ROUNDS_FACTOR,
        { cold: inWorker(apps.withoutWarmUp, pauseMs), ours: inWorker(apps.ours, pauseMs) },
        { signal },
      )
      const bar = BARS.get(pauseMs)
      const paired = pairsOf(rounds, 'ours', 'cold')
      const line = { section: 'b', unit: 'ms' }
      rows.push(
        ratioRow(
          {
            ...line,
            what: `load + first order, pause of ${pauseMs} ms: ours / without warm-up`,
            ...(bar && { bar }),
          },
          paired,
          loadAndFirstCall,
        ),
        ratioRow({ ...line, what: '… CPU time' }, paired, ({ cpu }) => cpu),
        ratioRow({ ...line, what: '… first call' }, paired, ({ firstCall }) => firstCall),
      )
    }

    const overHttp = (app: string) => async () => {
      const firstCall = { path: '/api/order', method: 'POST', body: ORDER, status: 200 } as const
      const host = await startBenchHost({ host: apps.host, app, environment, firstCall })
      await host.stop()
      return host.firstResponseMs
    }
    const unbundled = await measurePairs(pairs, inWorker(apps.ours, 0), inWorker(apps.unbundled, 0), {
      signal,
    })
    const host = await measurePairs(pairs, overHttp(apps.ours), overHttp(apps.unbundled), { signal })
    return [
      ...rows,
      ratioRow(
        {
          section: 'b',
          what: 'start of the process to first order: ours / unbundled',
          unit: 'ms',
          bar: { kind: 'at most', value: 0.6 },
        },
        unbundled,
        (steps) => steps.connect + loadAndFirstCall(steps),
      ),
      ratioRow(
        { section: 'b', what: 'the same, with the local host around it, over HTTP', unit: 'ms' },
        host,
        (ms) => ms,
      ),
    ]
  },
}
