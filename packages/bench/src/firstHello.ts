import { runFresh, workerScript } from './freshProcess.ts'
import { measurePairs } from './pairs.ts'
import { ratioRow } from './report.ts'
import type { Section } from './section.ts'

/** The file is read from the disk's cache, and a fresh process has one chance: more pairs than elsewhere, for they are short. */
const PAIRS_FACTOR = 3

/** How long the worker waits for the app to load. */
export const appLoad: Section = {
  letter: 'a',
  title: 'App load in the worker process',
  async run({ apps, folder, pairs, signal }) {
    const script = await workerScript(folder, 'load')
    const load = (app: string) => async () =>
      ((await runFresh(script, [app])).printed as { readonly loadMs: number }).loadMs
    const measured = await measurePairs(pairs * PAIRS_FACTOR, load(apps.ours), load(apps.empty), { signal })
    return [
      ratioRow(
        {
          section: 'a',
          what: 'app load: ours / an empty app',
          unit: 'ms',
          bar: { kind: 'at most', value: 1.05 },
        },
        measured,
        (ms) => ms,
      ),
    ]
  },
}
