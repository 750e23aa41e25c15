import { parseArgs } from 'node:util'
import { ORDER_STORES, type OrderStore } from '../../../src/storage/orderStore.ts'
import type { Section } from './section.ts'

/** The command line's options. */
export interface BenchOptions {
  readonly sections: readonly Section[]
  readonly pairs: number
  /** Section f leaves out longer queues. */
  readonly longest: number
  /** Lines of the longest file that section i imports. */
  readonly lines: number
  readonly json: boolean
}

/** A wrong argument. Its message is all a person sees. */
export class BenchArgumentError extends Error {
  override readonly name = 'BenchArgumentError'
}

const DEFAULT_PAIRS = 15
const DEFAULT_LONGEST = 50_000
const DEFAULT_LINES = 1_000_000

/** Sections for each store: those of the default, and those that compare another one with it. */
export type SectionsByStore = Readonly<Record<OrderStore, readonly Section[]>>

/** The help text. */
export function usage({ tables, cosmos }: SectionsByStore): string {
  return [
    'npm run bench -- [options]',
    '',
    'Compares the app with the least that is possible: pairs measured alternately in one run, median and quartiles.',
    '  --only a,c      only these sections',
    `  --pairs ${DEFAULT_PAIRS}      pairs of measurements (fewer show only whether it runs)`,
    `  --longest ${DEFAULT_LONGEST} the longest queue that f drains (it takes ten minutes)`,
    `  --lines ${DEFAULT_LINES} the longest file that i imports, in lines (it takes half an hour)`,
    '  --store tables  where orders are: tables, or cosmos: Cosmos DB compared with tables, both on their emulators',
    '  --json          the figures as JSON, without the table',
    '',
    ...tables.map(titleLine),
    '',
    'With --store cosmos, orders in Cosmos DB / in tables:',
    ...cosmos.map(titleLine),
  ].join('\n')
}

function titleLine({ letter, title }: Section): string {
  return `  ${letter}  ${title}`
}

/**
 * Reads the command line.
 *
 * @throws BenchArgumentError
 */
export function readOptions(args: readonly string[], sections: SectionsByStore): BenchOptions | 'help' {
  let values
  try {
    values = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        pairs: { type: 'string', default: String(DEFAULT_PAIRS) },
        longest: { type: 'string', default: String(DEFAULT_LONGEST) },
        lines: { type: 'string', default: String(DEFAULT_LINES) },
        store: { type: 'string', default: 'tables' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new BenchArgumentError(`${(error as Error).message}\n\n${usage(sections)}`)
  }
  if (values.help) return 'help'
  const whole = (option: 'pairs' | 'longest' | 'lines', least: number): number => {
    const value = Number(values[option])
    if (Number.isInteger(value) && value >= least) return value
    throw new BenchArgumentError(`--${option} is a whole number from ${least}, not "${values[option]}".`)
  }
  const store = ORDER_STORES.find((name) => name === values.store)
  if (store === undefined)
    throw new BenchArgumentError(`--store is ${ORDER_STORES.join(' or ')}, not "${values.store}".`)
  return {
    sections: chosen(values.only, sections[store]),
    pairs: whole('pairs', 1),
    longest: whole('longest', 1000),
    lines: whole('lines', 1000),
    json: values.json,
  }
}

function chosen(only: string | undefined, sections: readonly Section[]): readonly Section[] {
  if (only === undefined) return sections
  const letters = only.split(',').map((letter) => letter.trim())
  const unknown = letters.filter((letter) => !sections.some((section) => section.letter === letter))
  if (unknown.length > 0) {
    const known = sections.map(({ letter }) => letter).join(', ')
    throw new BenchArgumentError(`--only names sections (${known}), not "${unknown.join(', ')}".`)
  }
  return sections.filter(({ letter }) => letters.includes(letter))
}
