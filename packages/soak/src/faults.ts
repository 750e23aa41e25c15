import type { Fault, FaultKind } from 'testkit/faultProxy'
import type { OrderStore } from '../../../src/storage/orderStore.ts'
import type { Random } from './random.ts'

/** The relative frequency of each kind of fault. */
const WEIGHTS: Readonly<Record<Exclude<FaultKind, 'pass'>, number>> = {
  refuse: 20,
  delay: 25,
  error: 20,
  drop: 25,
  cut: 8,
  late: 1.5,
  hang: 0.5,
}

/** Longer than the app's timeout of a storage operation: a late request arrives after the app has given up. */
const LATE_MS = { least: 2100, most: 3500 }
const DELAY_MS = { least: 5, most: 500 }
const HANG_MS = 30_000

/**
 * Kinds of outages: no server listens; connections are accepted but get no response; every response is 503; a random one of
 * these for each request.
 */
export const OUTAGE_STYLES = ['offline', 'hanging', 'busy', 'mixed'] as const
export type OutageStyle = (typeof OUTAGE_STYLES)[number]

/** The status of an error response, as a fault. */
export type ErrorStatus = Extract<Fault, { readonly kind: 'error' }>['status']

/** Error responses of each store of records; the last one says that there is too much to do. */
export const ERRORS: Readonly<Record<OrderStore, readonly [ErrorStatus, ...ErrorStatus[]]>> = {
  tables: [500, 503],
  cosmos: [500, 503, 429],
}

/** Decides which fault each storage request gets. */
export interface FaultPlan {
  /** The fault for the next request. */
  draw(): Fault
  /** Begins an outage, or ends it: then single requests get random faults again. */
  outage(style: Exclude<OutageStyle, 'offline'> | undefined): void
  /** Ends all faults: from now on every request passes. */
  end(): void
}

/**
 * Random faults.
 *
 * @param rate the fraction of requests that get one
 * @param errors the statuses of error responses
 */
export function faultPlan(random: Random, rate: number, errors = ERRORS.tables): FaultPlan {
  const kinds = Object.entries(WEIGHTS) as [Exclude<FaultKind, 'pass'>, number][]
  const total = kinds.reduce((sum, [, weight]) => sum + weight, 0)
  let away: Exclude<OutageStyle, 'offline'> | undefined
  let ended = false
  const busy: Fault = { kind: 'error', status: errors.at(-1) ?? 503 }

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
      case 'error':
        return { kind, status: random.pick(errors) }
      default:
        return { kind }
    }
  }
  function duringOutage(style: Exclude<OutageStyle, 'offline'>): Fault {
    switch (style) {
      case 'hanging':
        return { kind: 'hang', ms: HANG_MS }
      case 'busy':
        return busy
      case 'mixed':
        return random.pick<Fault>([{ kind: 'refuse' }, busy, { kind: 'hang', ms: HANG_MS }])
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
