import { parseArgs } from 'node:util'
import type { Section } from './section.ts'

/** The command line's options. */
export interface BenchOptions {
  readonly sections: readonly Section[]
  readonly pairs: number
  /** Section f leaves out longer queues. */
  readonly longest: number
  readonly json: boolean
}

/** A wrong argument. Its message is all a person sees. */
export class BenchArgumentError extends Error {
  override readonly name = 'BenchArgumentError'
}

const DEFAULT_PAIRS = 15
const DEFAULT_LONGEST = 50_000

/** The help text. */
export function usage(sections: readonly Section[]): string {
  return [
    'npm run bench -- [options]',
    '',
    'Compares the app with the least that is possible: pairs measured alternately in one run, median and quartiles.',
    '  --only a,c      only these sections',
    `  --pairs ${DEFAULT_PAIRS}      pairs of measurements (fewer show only whether it runs)`,
    `  --longest ${DEFAULT_LONGEST} the longest queue that f drains (it takes ten minutes)`,
    '  --json          the figures as JSON, without the table',
    '',
    ...sections.map(({ letter, title }) => `  ${letter}  ${title}`),
  ].join('\n')
}

/**
 * Reads the command line.
 *
 * @throws BenchArgumentError
 */
export function readOptions(args: readonly string[], sections: readonly Section[]): BenchOptions | 'help' {
  let values
  try {
    values = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        pairs: { type: 'string', default: String(DEFAULT_PAIRS) },
        longest: { type: 'string', default: String(DEFAULT_LONGEST) },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new BenchArgumentError(`${(error as Error).message}\n\n${usage(sections)}`)
  }
  if (values.help) return 'help'
  const pairs = Number(values.pairs)
  if (!Number.isInteger(pairs) || pairs < 1) {
    throw new BenchArgumentError(`--pairs is a whole number from 1, not "${values.pairs}".`)
  }
  const longest = Number(values.longest)
  if (!Number.isInteger(longest) || longest < 1000) {
    throw new BenchArgumentError(`--longest is a whole number from 1000, not "${values.longest}".`)
  }
  return { sections: chosen(values.only, sections), pairs, longest, json: values.json }
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
