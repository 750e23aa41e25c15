import type { Apps } from './apps.ts'
import type { Row } from './report.ts'

/** What a section of the benchmarks is given. */
export interface Bench {
  /** Pairs of measurements; at least 15 for figures to be quoted. */
  readonly pairs: number
  /** The longest queue that is drained. */
  readonly longest: number
  readonly apps: Apps
  /** A folder that goes when the run ends. */
  readonly folder: string
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal
  /** Ends something when the run does, in reverse order. */
  readonly atEnd: (end: () => Promise<unknown>) => void
  /** Says what goes on. */
  readonly note: (text: string) => void
}

/** One section: a letter to choose it by, and what it measures. */
export interface Section {
  readonly letter: string
  readonly title: string
  readonly run: (bench: Bench) => Promise<readonly Row[]>
}
