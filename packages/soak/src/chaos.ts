import { setTimeout as delay } from 'node:timers/promises'
import { OUTAGE_STYLES, type OutageStyle } from './faults.ts'
import type { StorageService } from './journal.ts'
import type { Random } from './random.ts'
import type { System } from './system.ts'

const MIN_OUTAGE_MS = 2000
const MAX_OUTAGE_MS = 7000

/** What dies, and how far the run has come by then: 0 at its beginning, 1 at its end. */
interface Blow {
  readonly at: number
  readonly strike: (system: System) => Promise<void>
}

/** What has been done to the system. */
export interface Blows {
  workerKills: number
  hostKills: number
  /** By what was away. */
  readonly outages: Map<string, number>
}

/** Destruction at random moments of a run. */
export interface Chaos {
  readonly done: Blows
  /** Strikes as the run proceeds. Resolves when everything has been done, or `signal` ends it, and the system is up. */
  run(system: System, progress: () => number, signal: AbortSignal): Promise<void>
}

/** Plans it: half of the kills hit the worker, half the host; some of them while storage is away. */
export function createChaos(
  random: Random,
  amount: { readonly kills: number; readonly outages: number },
): Chaos {
  const done: Blows = { workerKills: 0, hostKills: 0, outages: new Map() }

  // One dies at a time; what was killed is up again before the next.
  let killing: Promise<void> = Promise.resolve()
  function kill(system: System, whole: boolean): Promise<void> {
    killing = killing.then(async () => {
      if (whole) {
        await system.killHost()
        done.hostKills++
      } else {
        await system.killWorker()
        done.workerKills++
      }
    })
    return killing
  }
  async function outage(system: System, number: number, ms: number, style: OutageStyle): Promise<void> {
    // Each kind has its turn.
    const kind = (['queues away', 'tables away', 'Azurite restarted', 'all away'] as const)[number % 4]
    const services: Partial<Record<string, readonly StorageService[]>> = {
      'tables away': ['table'],
      'queues away': ['queue'],
      'all away': ['blob', 'queue', 'table'],
    }
    const name = kind ?? 'Azurite restarted'
    const away = services[name]
    if (away === undefined) await system.restartAzurite(ms)
    else await system.outage(away, style, ms)
    const label = away === undefined ? name : `${name}, ${style}`
    done.outages.set(label, (done.outages.get(label) ?? 0) + 1)
  }

  const killings: Blow[] = Array.from({ length: amount.kills }, (_, number) => ({
    at: random.next(),
    strike: (system) => kill(system, number % 2 === 0),
  }))
  const firstStyle = random.integer(0, OUTAGE_STYLES.length - 1)
  const outages: Blow[] = Array.from({ length: amount.outages }, (_, number) => {
    const ms = random.integer(MIN_OUTAGE_MS, MAX_OUTAGE_MS)
    const style = OUTAGE_STYLES[(number + firstStyle) % OUTAGE_STYLES.length] ?? 'mixed'
    const killAfter = random.chance(0.5) ? random.integer(0, ms) : undefined
    const whole = random.chance(0.5)
    return {
      at: random.next(),
      async strike(system) {
        const dying = async () => {
          if (killAfter === undefined || killings.length === 0) return
          await delay(killAfter)
          if (killings.pop() !== undefined) await kill(system, whole)
        }
        await Promise.all([outage(system, number, ms, style), dying()])
      },
    }
  })
  for (const blows of [killings, outages]) blows.sort((a, b) => b.at - a.at)

  async function strikeInTurn(
    blows: Blow[],
    system: System,
    progress: () => number,
    signal: AbortSignal,
  ): Promise<void> {
    for (let next = blows.at(-1); next !== undefined && !signal.aborted; next = blows.at(-1)) {
      if (progress() < next.at) {
        await delay(20)
        continue
      }
      blows.pop()
      await next.strike(system)
    }
  }
  return {
    done,
    async run(system, progress, signal) {
      await Promise.all([
        strikeInTurn(killings, system, progress, signal),
        strikeInTurn(outages, system, progress, signal),
      ])
    },
  }
}
