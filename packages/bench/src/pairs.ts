/** One measurement of each of two subjects, taken one right after the other. */
export interface Pair<T> {
  readonly ours: T
  readonly base: T
}

/** Median and quartiles of several figures. */
export interface Spread {
  readonly median: number
  readonly lower: number
  readonly upper: number
}

/** Measures one subject once. */
export type Measure<T> = (round: number) => Promise<T>

/** How a series of measurements is taken. */
export interface SeriesOptions {
  /** One round before the others, which is not counted: the default. */
  readonly warmUp?: boolean
  /** Stops the series; what has been measured till then counts. */
  readonly signal?: AbortSignal
}

/**
 * Measures several subjects in turn, so that whatever else the machine does meets all of them. Who goes first changes from
 * round to round.
 */
export async function measureRounds<Name extends string, T>(
  count: number,
  subjects: Readonly<Record<Name, Measure<T>>>,
  options: SeriesOptions = {},
): Promise<Readonly<Record<Name, T>>[]> {
  const entries = Object.entries(subjects) as [Name, Measure<T>][]
  const measure = async (round: number): Promise<Readonly<Record<Name, T>>> => {
    const measured = new Map<Name, T>()
    const first = Math.max(0, round) % entries.length
    for (const [name, subject] of [...entries.slice(first), ...entries.slice(0, first)]) {
      measured.set(name, await subject(round))
    }
    return Object.fromEntries(measured) as Record<Name, T>
  }
  if (options.warmUp !== false) await measure(-1)
  const rounds: Readonly<Record<Name, T>>[] = []
  try {
    for (let round = 0; round < count; round++) {
      options.signal?.throwIfAborted()
      rounds.push(await measure(round))
    }
  } catch (error) {
    if (options.signal?.aborted !== true || rounds.length === 0) throw error
  }
  return rounds
}

/** Two subjects of every round, as pairs. */
export function pairsOf<Name extends string, T>(
  rounds: readonly Readonly<Record<Name, T>>[],
  ours: Name,
  base: Name,
): Pair<T>[] {
  return rounds.map((round) => ({ ours: round[ours], base: round[base] }))
}

/** Measures two subjects alternately, see {@link measureRounds}. */
export async function measurePairs<T>(
  count: number,
  ours: Measure<T>,
  base: Measure<T>,
  options: SeriesOptions = {},
): Promise<Pair<T>[]> {
  return pairsOf(await measureRounds(count, { base, ours }, options), 'ours', 'base')
}

/** Median and quartiles, interpolated. NaN for no figures at all. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) }
}

/** A quantile of a sorted list, interpolated. */
export function quantile(sorted: readonly number[], part: number): number {
  const position = (sorted.length - 1) * part
  const below = sorted[Math.floor(position)] ?? NaN
  const above = sorted[Math.ceil(position)] ?? NaN
  return below + (above - below) * (position - Math.floor(position))
}
