import { setTimeout as delay } from 'node:timers/promises'
import { OUTAGE_STYLES, type OutageStyle } from './faults.ts'
import type { StorageService } from './journal.ts'
import type { Random } from './random.ts'
import type { System } from './system.ts'

const MIN_OUTAGE_MS = 2000
const MAX_OUTAGE_MS = 7000

/** Something that is killed or made unavailable, and when: 0 is the start of the run, 1 its end. */
interface Disruption {
  readonly at: number
  readonly apply: (system: System) => Promise<void>
}

/** Counts of the disruptions so far. */
export interface Disruptions {
  workerKills: number
  hostKills: number
  /** How often the number of queues was changed. */
  queueChanges: number
  /** By what was unavailable. */
  readonly outages: Map<string, number>
}

/** Disruptions at random moments of a run. */
export interface Chaos {
  readonly done: Disruptions
  /** Applies the disruptions as the run proceeds. Resolves when all are applied, or `signal` is aborted, and the system is up. */
  run(system: System, progress: () => number, signal: AbortSignal): Promise<void>
}

/**
 * Plans the disruptions: half of the kills are of the worker, half of the host; some happen during an outage of storage. The
 * changes of the number of queues are spread evenly over the run.
 */
export function createChaos(
  random: Random,
  amount: { readonly kills: number; readonly outages: number; readonly queuesMidway: readonly number[] },
): Chaos {
  const done: Disruptions = { workerKills: 0, hostKills: 0, queueChanges: 0, outages: new Map() }

  // One kill at a time: the next one waits until the process is up again.
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
    // All kinds in turn.
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

  const plannedKills: Disruption[] = Array.from({ length: amount.kills }, (_, number) => ({
    at: random.next(),
    apply: (system) => kill(system, number % 2 === 0),
  }))
  const firstStyle = random.integer(0, OUTAGE_STYLES.length - 1)
  const outages: Disruption[] = Array.from({ length: amount.outages }, (_, number) => {
    const ms = random.integer(MIN_OUTAGE_MS, MAX_OUTAGE_MS)
    const style = OUTAGE_STYLES[(number + firstStyle) % OUTAGE_STYLES.length] ?? 'mixed'
    const killAfter = random.chance(0.5) ? random.integer(0, ms) : undefined
    const whole = random.chance(0.5)
    return {
      at: random.next(),
      async apply(system) {
        const killDuringOutage = async () => {
          if (killAfter === undefined || plannedKills.length === 0) return
          await delay(killAfter)
          if (plannedKills.pop() !== undefined) await kill(system, whole)
        }
        await Promise.all([outage(system, number, ms, style), killDuringOutage()])
      },
    }
  })
  const queueChanges: Disruption[] = amount.queuesMidway.map((queues, index, { length }) => ({
    at: (index + 1) / (length + 1),
    async apply(system) {
      killing = killing.then(() => system.changeQueues(queues))
      await killing
      done.queueChanges++
    },
  }))
  for (const disruptions of [plannedKills, outages, queueChanges]) disruptions.sort((a, b) => b.at - a.at)

  async function applyInTurn(
    disruptions: Disruption[],
    system: System,
    progress: () => number,
    signal: AbortSignal,
  ): Promise<void> {
    for (let next = disruptions.at(-1); next !== undefined && !signal.aborted; next = disruptions.at(-1)) {
      if (progress() < next.at) {
        await delay(20)
        continue
      }
      disruptions.pop()
      await next.apply(system)
    }
  }
  return {
    done,
    async run(system, progress, signal) {
      await Promise.all([
        applyInTurn(plannedKills, system, progress, signal),
        applyInTurn(outages, system, progress, signal),
        applyInTurn(queueChanges, system, progress, signal),
      ])
    },
  }
}
