/** The same thing measured of two subjects, one right after the other. */
export interface Pair<T> {
  readonly ours: T
  readonly base: T
}

/** The middle of several figures, and the quarter below and above it. */
export interface Spread {
  readonly median: number
  readonly lower: number
  readonly upper: number
}

/** Measures one subject once. */
export type Measure<T> = (round: number) => Promise<T>

/**
 * Measures two subjects alternately, so that whatever else the machine does meets both alike. Who goes first changes
 * from pair to pair. One round of each goes before and is not counted. When the run is stopped, what has been measured
 * till then counts.
 */
export async function measurePairs<T>(
  count: number,
  ours: Measure<T>,
  base: Measure<T>,
  options: { readonly warmUp?: boolean; readonly signal?: AbortSignal } = {},
): Promise<Pair<T>[]> {
  if (options.warmUp !== false) {
    await base(-1)
    await ours(-1)
  }
  const pairs: Pair<T>[] = []
  try {
    for (let round = 0; round < count; round++) {
      options.signal?.throwIfAborted()
      if (round % 2 === 0) {
        const second = await base(round)
        pairs.push({ ours: await ours(round), base: second })
      } else {
        const first = await ours(round)
        pairs.push({ ours: first, base: await base(round) })
      }
    }
  } catch (error) {
    if (options.signal?.aborted !== true || pairs.length === 0) throw error
  }
  return pairs
}

/** Median and quartiles, interpolated. NaN for no figures at all. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) }
}

/** The figure that this part of a sorted list lies below, interpolated. */
export function quantile(sorted: readonly number[], part: number): number {
  const position = (sorted.length - 1) * part
  const below = sorted[Math.floor(position)] ?? NaN
  const above = sorted[Math.ceil(position)] ?? NaN
  return below + (above - below) * (position - Math.floor(position))
}
