import { startAzurite } from 'testkit/azurite'
import { storageClients } from '../../../src/storage/azure.ts'
import { runFresh, workerScript } from './freshProcess.ts'
import { startBenchHost } from './host.ts'
import { measurePairs } from './pairs.ts'
import { ratioRow } from './report.ts'
import type { Section } from './section.ts'

const ORDER = JSON.stringify({ item: 'widget', quantity: 2 })

/** From the start of a process until the first order is answered 200, and so is stored. */
export const firstOrder: Section = {
  letter: 'b',
  title: 'First order after a cold start',
  async run({ apps, folder, pairs, signal, atEnd }) {
    const azurite = await startAzurite({})
    atEnd(() => azurite.stop())
    const environment = { AzureWebJobsStorage: azurite.connectionString }
    const { table, orders } = await storageClients(environment)
    await Promise.all([table.createTable(), orders.createIfNotExists()])

    const script = await workerScript(folder, 'firstOrder')
    const inWorker = (app: string) => async () => {
      const { printed, elapsedMs } = await runFresh(script, [app], environment)
      const { status } = printed as { readonly status: number }
      if (status !== 200) throw new Error(`The first order was answered ${status}.`)
      return elapsedMs
    }
    const overHttp = (app: string) => async () => {
      const firstCall = { path: '/api/order', method: 'POST', body: ORDER, status: 200 } as const
      const host = await startBenchHost({ host: apps.host, app, environment, firstCall })
      await host.stop()
      return host.firstAnswerMs
    }
    const bar = { kind: 'at most', value: 0.6 } as const
    const worker = await measurePairs(pairs, inWorker(apps.ours), inWorker(apps.unbundled), { signal })
    const host = await measurePairs(pairs, overHttp(apps.ours), overHttp(apps.unbundled), { signal })
    return [
      ratioRow(
        { section: 'b', what: 'first order, worker process: ours / unbundled', unit: 'ms', bar },
        worker,
        (ms) => ms,
      ),
      ratioRow(
        { section: 'b', what: 'first order over HTTP, local host and worker: ours / unbundled', unit: 'ms' },
        host,
        (ms) => ms,
      ),
    ]
  },
}
