import { startConsumers } from './consumers.ts'
import { measurePairs } from './pairs.ts'
import { ratioRow } from './report.ts'
import type { Section } from './section.ts'

/** Enough that how soon a consumer finds the first of them hardly counts. */
const ORDERS = 1000

/** Orders a second from the queue to their records, through the whole app, and through a bare loop. */
export const queueDrain: Section = {
  letter: 'd',
  title: 'Queue drain',
  async run({ apps, pairs, signal, atEnd }) {
    const consumers = await startConsumers({ apps, signal, atEnd })
    const rate = (who: 'ours' | 'bare') => async (round: number) =>
      ORDERS / ((await consumers.drain(who, ORDERS, `${who}-${round + 1}`)) / 1000)
    const measured = await measurePairs(pairs, rate('ours'), rate('bare'), { signal })
    return [
      ratioRow(
        {
          section: 'd',
          what: 'queue drain: whole app / bare SDK loop',
          unit: 'orders/s',
          bar: { kind: 'at least', value: 0.9 },
        },
        measured,
        (perSecond) => perSecond,
      ),
    ]
  },
}
