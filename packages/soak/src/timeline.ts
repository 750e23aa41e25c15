/** What is wrong at times, and when. */
export interface Timeline {
  /** Something is wrong from now on, until the function it answers is called. */
  begin(): () => void
  /** Whether it was wrong at any time between these two, of `performance.now()`. */
  overlaps(begun: number, ended: number): boolean
  /** How often it began. */
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
