/** The periods in which something was down. */
export interface Timeline {
  /** Begins a period; the function that it returns ends it. */
  begin(): () => void
  /** Whether a period overlaps the time between these values of `performance.now()`. */
  overlaps(begun: number, ended: number): boolean
  /** The number of periods. */
  count(): number
}

/** An empty timeline. */
export function createTimeline(): Timeline {
  const spans: { readonly from: number; to: number }[] = []
  return {
    begin() {
      const span = { from: performance.now(), to: Infinity }
      spans.push(span)
      return () => {
        span.to = performance.now()
      }
    },
    overlaps: (begun, ended) => spans.some(({ from, to }) => from <= ended && to >= begun),
    count: () => spans.length,
  }
}
