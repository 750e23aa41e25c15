import { soak, type SoakOptions, type SoakResult } from '../soak.ts'
import { PLANTED_BUGS, type PlantedBug } from './bugs.ts'
import { buildPlanted } from './plantedApp.ts'

/** A run that shows most bugs within seconds; each bug adds what it needs. */
const SMALL_RUN: Omit<SoakOptions, 'seed' | 'limitMs'> = {
  orders: 150,
  kills: 0,
  outages: 0,
  duplicates: 0.2,
  conflicts: 0.05,
  poison: 0.05,
  files: 0.1,
  faults: 0,
  maxDequeueCount: undefined,
  queues: 1,
  queuesMidway: [],
  drainLimitMs: 15_000,
}

/** What the harness reported about a planted bug. */
export interface PlantedResult {
  readonly bug: PlantedBug
  readonly audit: SoakResult['audit']
  /** Whether the expected violation is among those reported. */
  readonly found: boolean
}

/**
 * Runs the harness on an app with each planted bug in turn.
 *
 * @param only a part of the bugs' names; all bugs without it
 */
export async function* runPlanted(
  { seed, limitMs, only = '' }: { readonly seed: number; readonly limitMs: number; readonly only?: string },
  signal: AbortSignal,
): AsyncGenerator<PlantedResult> {
  for (const bug of PLANTED_BUGS.filter(({ name, violation }) => `${name} ${violation}`.includes(only))) {
    const app = await buildPlanted(bug.edits, bug.options.store)
    try {
      const options = { ...SMALL_RUN, ...bug.options, seed, limitMs, app: app.folder }
      const { audit } = await soak(options, signal)
      yield { bug, audit, found: (audit.violations.get(bug.violation)?.length ?? 0) > 0 }
    } finally {
      await app.remove()
    }
  }
}
