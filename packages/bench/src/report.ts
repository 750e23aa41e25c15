import { spreadOf, type Pair, type Spread } from './pairs.ts'

/** The limit for a ratio, or for a figure without one. */
export interface Bar {
  readonly kind: 'at most' | 'at least'
  readonly value: number
}

/** One line of the report. */
export interface Row {
  readonly section: string
  readonly what: string
  readonly unit: string
  readonly ours: Spread
  /** What ours is compared with. */
  readonly base?: Spread
  /** Ours over base, pair by pair. */
  readonly ratio?: Spread
  readonly pairs: number
  /** For the ratio if there is one, else for our figure. */
  readonly bar?: Bar
  readonly met?: boolean
}

/** A row of pairs. The ratio is taken pair by pair, so that a slow minute of the machine cancels out. */
export function ratioRow<T>(
  line: { readonly section: string; readonly what: string; readonly unit: string; readonly bar?: Bar },
  pairs: readonly Pair<T>[],
  figure: (measured: T) => number,
): Row {
  const ratio = spreadOf(pairs.map(({ ours, base }) => figure(ours) / figure(base)))
  return {
    ...line,
    ours: spreadOf(pairs.map(({ ours }) => figure(ours))),
    base: spreadOf(pairs.map(({ base }) => figure(base))),
    ratio,
    pairs: pairs.length,
    ...(line.bar && { met: meets(ratio.median, line.bar) }),
  }
}

/** A row of a figure without a base. */
export function figureRow(
  line: { readonly section: string; readonly what: string; readonly unit: string; readonly bar?: Bar },
  figures: readonly number[],
): Row {
  const ours = spreadOf(figures)
  return {
    ...line,
    ours,
    pairs: figures.length,
    ...(line.bar && { met: meets(ours.median, line.bar) }),
  }
}

function meets(value: number, bar: Bar): boolean {
  return bar.kind === 'at most' ? value <= bar.value : value >= bar.value
}

const HEADER = ['', 'what', 'ours', 'base', 'unit', 'ratio', 'quartiles', 'n', 'bar', '']

/** The rows as a Markdown table, aligned for the terminal. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.section,
    row.what,
    figureText(row.ours.median),
    row.base === undefined ? '' : figureText(row.base.median),
    row.unit,
    row.ratio === undefined ? '' : row.ratio.median.toFixed(3),
    row.ratio === undefined
      ? `${figureText(row.ours.lower)} – ${figureText(row.ours.upper)}`
      : `${row.ratio.lower.toFixed(3)} – ${row.ratio.upper.toFixed(3)}`,
    String(row.pairs),
    row.bar === undefined ? '' : `${row.bar.kind === 'at most' ? '≤' : '≥'} ${row.bar.value}`,
    row.met === undefined ? '' : row.met ? 'met' : 'NOT MET',
  ])
  const widths = HEADER.map((name, column) =>
    Math.max(3, name.length, ...cells.map((line) => line[column]?.length ?? 0)),
  )
  const text = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [text(HEADER), rule, ...cells.map(text)].join('\n')
}

function figureText(figure: number): string {
  if (!Number.isFinite(figure)) return '–'
  if (figure >= 1000) return Math.round(figure).toLocaleString('en')
  return figure >= 100 ? figure.toFixed(0) : figure >= 10 ? figure.toFixed(1) : figure.toFixed(2)
}
