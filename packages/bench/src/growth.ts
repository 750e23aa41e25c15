import { startAzurite } from 'testkit/azurite'
import { startConsumers } from './consumers.ts'
import { startBenchHost } from './host.ts'
import { loadResult, openHttpLoad, requestBytes } from './httpLoad.ts'
import { measurePairs, spreadOf, type Pair } from './pairs.ts'
import { figureRow, ratioRow, type Row } from './report.ts'
import type { Bench, Section } from './section.ts'
import { ordersTable, storedId, storeOrders } from './storedOrders.ts'

/** Queue lengths, and how often each is drained at most: the last one takes minutes. */
const BACKLOGS = [
  { orders: 1000, times: 5 },
  { orders: 10_000, times: 3 },
  { orders: 50_000, times: 1 },
] as const
/** Orders that are drained first, so that a long drain is not faster only because V8 optimises during it. */
const WARM_UP = 3000
const STORED = { few: 1000, many: 100_000 }
const LOOKUPS = 300
/** Within 15 %. */
const FLAT = { kind: 'at most', value: 1.15 } as const

/** Whether a longer queue, or more stored orders, make the next order slower. */
export const growth: Section = {
  letter: 'f',
  title: 'Growth: longer queues, more stored orders',
  run: async (bench) => [...(await drains(bench)), ...(await lookups(bench))],
}

async function drains({ apps, pairs, longest, signal, atEnd, note }: Bench): Promise<Row[]> {
  const rows: Row[] = []
  const medians: { readonly orders: number; readonly perOrder: number; readonly ratio: number }[] = []
  for (const { orders, times } of BACKLOGS.filter((backlog) => backlog.orders <= longest)) {
    const measured: Pair<number>[] = []
    for (let time = 0; time < Math.min(pairs, times); time++) {
      note(`${orders} queued orders, ${time + 1} of ${Math.min(pairs, times)}`)
      const ends: (() => Promise<unknown>)[] = []
      // After a failure the run cleans up; otherwise each drain's storage ends here, so that the next one starts empty.
      let ended = false
      const end = async () => {
        if (ended) return
        ended = true
        for (const step of ends.reverse()) await step()
      }
      atEnd(end)
      if (signal.aborted && rows.length > 0) return rows
      const consumers = await startConsumers({
        apps,
        signal,
        atEnd: (step) => ends.push(step),
        flatQueues: true,
        warmUp: WARM_UP,
      })
      const perOrder = (who: 'ours' | 'bare') => async () =>
        (await consumers.drain(who, orders, `${who}-${time}`)) / orders
      // Who goes first changes from pair to pair here, too.
      const first = time % 2 === 0 ? 'ours' : 'bare'
      const one = await perOrder(first)()
      const two = await perOrder(first === 'ours' ? 'bare' : 'ours')()
      measured.push(first === 'ours' ? { ours: one, base: two } : { ours: two, base: one })
      await end()
    }
    const row = ratioRow(
      {
        section: 'f',
        what: `drain of ${orders.toLocaleString('en')} orders: app / bare loop`,
        unit: 'ms/order',
      },
      measured,
      (ms) => ms,
    )
    rows.push(row)
    medians.push({ orders, perOrder: row.ours.median, ratio: row.ratio?.median ?? NaN })
  }
  const [few, many] = [medians.at(0), medians.at(-1)]
  if (few !== undefined && many !== undefined && many !== few) {
    const sizes = `${many.orders.toLocaleString('en')} orders / of ${few.orders.toLocaleString('en')}`
    rows.push(
      figureRow({ section: 'f', what: `drain time per order, of ${sizes}`, unit: '×', bar: FLAT }, [
        many.perOrder / few.perOrder,
      ]),
      figureRow({ section: 'f', what: `the same, relative to the bare loop`, unit: '×', bar: FLAT }, [
        many.ratio / few.ratio,
      ]),
    )
  }
  return rows
}

/** A look-up over HTTP with many and with few stored orders: two hosts on two storages, in turn. */
async function lookups({ apps, pairs, signal, atEnd, note }: Bench): Promise<Row[]> {
  const storageWith = async (stored: number) => {
    note(`storing ${stored} orders`)
    const azurite = await startAzurite({})
    atEnd(() => azurite.stop())
    const table = ordersTable(azurite.connectionString)
    await storeOrders(table, stored, signal)
    const host = await startBenchHost({
      host: apps.host,
      app: apps.ours,
      environment: { AzureWebJobsStorage: azurite.connectionString },
      firstCall: { path: `/api/order/${storedId(0)}`, method: 'GET', status: 200 },
    })
    atEnd(() => host.stop())
    const load = await openHttpLoad(host.port, 1)
    const request = () => requestBytes('GET', `/api/order/${storedId(Math.floor(Math.random() * stored))}`)
    return async () => {
      const { p50 } = loadResult([await load.run(LOOKUPS, request)])
      return p50
    }
  }
  const few = await storageWith(STORED.few)
  const many = await storageWith(STORED.many)
  note('looking up')
  const measured = await measurePairs(pairs, many, few, { signal })
  const what = `look-up, ${STORED.many.toLocaleString('en')} stored / ${STORED.few.toLocaleString('en')}: p50`
  return [
    ratioRow({ section: 'f', what, unit: 'ms', bar: FLAT }, measured, (ms) => ms),
    figureRow(
      { section: 'f', what: 'slower look-up / faster look-up', unit: '×', bar: FLAT },
      [spreadOf(measured.map(({ ours, base }) => ours / base)).median].map((ratio) =>
        Math.max(ratio, 1 / ratio),
      ),
    ),
  ]
}
