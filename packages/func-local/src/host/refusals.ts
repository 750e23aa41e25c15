/** A function that cannot run, and why. */
export interface Refusal {
  readonly name: string
  readonly reason: string
}

const WORTH_GROUPING = 3

/** One line for each function that cannot run; where many have the same reason, one for all of them. */
export function describeRefusals(refusals: readonly Refusal[]): string[] {
  const byReason = new Map<string, string[]>()
  for (const { name, reason } of refusals) byReason.set(reason, [...(byReason.get(reason) ?? []), name])
  return [...byReason].flatMap(([reason, names]) => {
    const [first = '', ...others] = names
    if (names.length < WORTH_GROUPING) return names.map((name) => line(name, reason))
    return [`${line(first, reason)} The same holds for ${others.length} more: ${others.join(', ')}.`]
  })
}

function line(name: string, reason: string): string {
  return `The '${name}' function is in error: ${reason}`
}
