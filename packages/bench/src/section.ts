import type { Apps } from './apps.ts'
import type { Row } from './report.ts'

/** The input of a section. */
export interface Bench {
  /** Pairs of measurements; at least 15 for figures to be quoted. */
  readonly pairs: number
  /** The longest queue that is drained. */
  readonly longest: number
  /** Lines of the longest file that is imported. */
  readonly lines: number
  readonly apps: Apps
  /** A temporary folder, removed when the run ends. */
  readonly folder: string
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal
  /** Registers what to clean up when the section ends; in reverse order. */
  readonly atEnd: (end: () => Promise<unknown>) => void
  /** Reports progress, on standard error. */
  readonly note: (text: string) => void
}

/** One section of the benchmarks: the letter for `--only`, the title, and the measurement. */
export interface Section {
  readonly letter: string
  readonly title: string
  readonly run: (bench: Bench) => Promise<readonly Row[]>
}
