/** The kinds of violations of the service's promises. A run must have none. */
export const VIOLATIONS = [
  'lost',
  'processed twice',
  'changed after processed',
  'processed, never sent',
  'wrong responses',
  'wrong reports',
  'unexplained failures',
  'slow responses',
  'poison missing',
  'unexpected poison',
  'poisoned too early',
  'left on the queue',
  'events missing',
  'untrue events',
] as const
export type Violation = (typeof VIOLATIONS)[number]

/** All violations by kind, each with a description. */
export type Violations = ReadonlyMap<Violation, readonly string[]>

/** Records a violation. With an id, each kind counts once per order. */
export type ReportViolation = (violation: Violation, how: string, id?: string) => void

/** An empty list of violations, and the function that adds to it. */
export function createViolations(): { readonly violations: Violations; readonly report: ReportViolation } {
  const violations = new Map<Violation, string[]>(VIOLATIONS.map((violation) => [violation, []]))
  const known = new Set<string>()
  return {
    violations,
    report(violation, how, id) {
      const key = `${violation} ${id ?? ''}`
      if (id !== undefined && known.has(key)) return
      known.add(key)
      violations.get(violation)?.push(how)
    },
  }
}
