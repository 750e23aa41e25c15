/** Remembers what was reported about the app, so that a save does not repeat it. */
export interface ProblemList {
  /** Of the lines that hold now, those that did not hold the last time. */
  readonly news: (lines: readonly string[]) => readonly string[]
}

/** Creates an empty list. */
export function createProblemList(): ProblemList {
  let known = new Set<string>()
  return {
    news: (lines) => {
      const before = known
      known = new Set(lines)
      return [...known].filter((line) => !before.has(line))
    },
  }
}
