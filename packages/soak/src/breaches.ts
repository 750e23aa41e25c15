/** Ways in which a promise can be broken; all must be 0. */
export const BREACHES = [
  'lost',
  'processed twice',
  'changed after processed',
  'processed, never sent',
  'untrue answers',
  'unexplained failures',
  'slow answers',
  'poison missing',
  'poison unaccounted for',
  'poisoned too early',
  'left on the queue',
] as const
export type Breach = (typeof BREACHES)[number]

/** What was broken, each with the words that say how. */
export type Breaches = ReadonlyMap<Breach, readonly string[]>

/** Takes down what was broken; what is said of an order by its id counts once. */
export type ReportBreach = (breach: Breach, how: string, id?: string) => void

/** An empty list of breaches, and how to add to it. */
export function createBreaches(): { readonly breaches: Breaches; readonly broken: ReportBreach } {
  const breaches = new Map<Breach, string[]>(BREACHES.map((breach) => [breach, []]))
  const known = new Set<string>()
  return {
    breaches,
    broken(breach, how, id) {
      const key = `${breach} ${id ?? ''}`
      if (id !== undefined && known.has(key)) return
      known.add(key)
      breaches.get(breach)?.push(how)
    },
  }
}
