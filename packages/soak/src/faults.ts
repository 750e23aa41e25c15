import type { Fault, FaultKind } from 'testkit/faultProxy'
import type { Random } from './random.ts'

/** How often each kind is drawn among the faults. */
const WEIGHTS: Readonly<Record<Exclude<FaultKind, 'pass'>, number>> = {
  refuse: 20,
  delay: 25,
  answer: 20,
  drop: 25,
  cut: 8,
  late: 1.5,
  hang: 0.5,
}

/** Longer than one storage operation of the app may take: what is late arrives after the app has given up. */
const LATE_MS = { least: 2100, most: 3500 }
const DELAY_MS = { least: 5, most: 500 }
const HANG_MS = 30_000

/**
 * How storage can be away: nobody listens; connections are taken and nobody answers; 503 to everything; each request
 * meets another of these.
 */
export const OUTAGE_STYLES = ['offline', 'hanging', 'busy', 'mixed'] as const
export type OutageStyle = (typeof OUTAGE_STYLES)[number]

/** Decides what happens to each storage request. */
export interface FaultPlan {
  /** The fault of one request. */
  draw(): Fault
  /** From now on every request meets this, or again single faults at random. */
  outage(style: Exclude<OutageStyle, 'offline'> | undefined): void
  /** From now on every request passes. */
  end(): void
}

/** Faults at random: `rate` is the part of the requests that meet one. */
export function faultPlan(random: Random, rate: number): FaultPlan {
  const kinds = Object.entries(WEIGHTS) as [Exclude<FaultKind, 'pass'>, number][]
  const total = kinds.reduce((sum, [, weight]) => sum + weight, 0)
  let away: Exclude<OutageStyle, 'offline'> | undefined
  let ended = false

  function single(): Fault {
    if (!random.chance(rate)) return { kind: 'pass' }
    let left = random.next() * total
    const kind = kinds.find(([, weight]) => (left -= weight) < 0)?.[0] ?? 'refuse'
    switch (kind) {
      case 'delay':
        return { kind, ms: random.integer(DELAY_MS.least, DELAY_MS.most) }
      case 'late':
        return { kind, ms: random.integer(LATE_MS.least, LATE_MS.most) }
      case 'hang':
        return { kind, ms: HANG_MS }
      case 'answer':
        return { kind, status: random.pick([500, 503]) }
      default:
        return { kind }
    }
  }
  function duringOutage(style: Exclude<OutageStyle, 'offline'>): Fault {
    switch (style) {
      case 'hanging':
        return { kind: 'hang', ms: HANG_MS }
      case 'busy':
        return { kind: 'answer', status: 503 }
      case 'mixed':
        return random.pick<Fault>([
          { kind: 'refuse' },
          { kind: 'answer', status: 503 },
          { kind: 'hang', ms: HANG_MS },
        ])
    }
  }
  return {
    draw() {
      if (ended) return { kind: 'pass' }
      return away === undefined ? single() : duringOutage(away)
    },
    outage(style) {
      away = style
    },
    end() {
      ended = true
      away = undefined
    },
  }
}
