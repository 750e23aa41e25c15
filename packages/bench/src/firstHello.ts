import { loadAndFirstCall, measureColdStart, PAUSES_MS, type ColdStartSteps } from './coldStart.ts'
import { measureRounds, pairsOf } from './pairs.ts'
import { ratioRow, type Bar, type Row } from './report.ts'
import type { Section } from './section.ts'

/** A fresh process has one chance: more rounds than elsewhere, for they are short. */
const ROUNDS_FACTOR = 3

const HELLO = { function: 'hello', method: 'GET', path: '/api/hello' } as const
const NO_OP = { function: 'noop', method: 'GET', path: '/api/noop' } as const

const BARS = new Map<number, Bar>([
  [0, { kind: 'at most', value: 1.05 }],
  [300, { kind: 'at most', value: 0.85 }],
])

/** From the load of the app until `hello` has responded, in a fresh worker process. */
export const firstHello: Section = {
  letter: 'a',
  title: 'Cold start in a fresh worker process: load of the app and first hello',
  async run({ apps, pairs, signal }) {
    const { worker } = apps
    const rows: Row[] = []
    for (const pauseMs of PAUSES_MS) {
      const rounds = await measureRounds(
        pairs * ROUNDS_FACTOR,
        {
          empty: () => measureColdStart({ worker, app: apps.empty, call: NO_OP, pauseMs }),
          response: () => measureColdStart({ worker, app: apps.answers, call: HELLO, pauseMs }),
          cold: () => measureColdStart({ worker, app: apps.withoutWarmUp, call: HELLO, pauseMs }),
          ours: () => measureColdStart({ worker, app: apps.ours, call: HELLO, pauseMs }),
        },
        { signal },
      )
      const row = (
        what: string,
        base: 'empty' | 'response' | 'cold',
        figure: (steps: ColdStartSteps) => number,
        bar?: Bar,
      ) =>
        ratioRow(
          { section: 'a', what, unit: 'ms', ...(bar && { bar }) },
          pairsOf(rounds, 'ours', base),
          figure,
        )

      const sum = `load + first hello, pause of ${pauseMs} ms`
      rows.push(row(`${sum}: ours / an empty app`, 'empty', loadAndFirstCall, BARS.get(pauseMs)))
      rows.push(row(`${sum}: ours / its response alone`, 'response', loadAndFirstCall))
      rows.push(row(`${sum}: ours / without warm-up`, 'cold', loadAndFirstCall))
      if (pauseMs === 0) {
        rows.push(
          row('… connect: ours / an empty app', 'empty', ({ connect }) => connect),
          row('… init', 'empty', ({ init }) => init),
          row('… metadata', 'empty', ({ metadata }) => metadata),
          row('… load of every function', 'empty', ({ load }) => load),
        )
      }
      rows.push(row('… CPU time: ours / an empty app', 'empty', ({ cpu }) => cpu))
      rows.push(row('… CPU time: ours / its response alone', 'response', ({ cpu }) => cpu))
      rows.push(row('… first call: ours / an empty app', 'empty', ({ firstCall }) => firstCall))
    }
    return rows
  },
}
