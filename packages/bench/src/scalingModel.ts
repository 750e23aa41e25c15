import type { Wall } from './azureLimits.ts'

/** What is simulated. */
export interface Scenario {
  /** Orders that arrive in a second; seconds count from 0. */
  readonly load: (second: number) => number
  readonly walls: readonly Wall[]
  /** Orders that one instance processes in a second when no limit is reached. */
  readonly perInstance: number
  /**
   * Over how many queues the orders are spread, evenly; 1 without it. Each has a function of its own, and so a group of instances
   * that scales by itself: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#per-function-scaling
   */
  readonly queues?: number
  /**
   * The queue trigger’s scaling, of each group: one instance for so many waiting messages (`batchSize`), so many added at a
   * time, between the least and the most.
   */
  readonly scaling: {
    readonly least: number
    readonly most: number
    readonly messagesPerInstance: number
    readonly atATime: number
    readonly everySeconds: number
  }
  /** The simulation ends here, or when nothing waits and nothing comes any more. */
  readonly seconds: number
}

/** One second of a simulation, at its end. */
export interface SimulatedSecond {
  readonly second: number
  readonly backlog: number
  readonly processed: number
  /** Of all groups. */
  readonly instances: number
  /** What kept it from processing more: a wall, the instances, or nothing. */
  readonly heldUpBy: string
}

/**
 * Goes through a load curve second by second. Instances follow the length of the queue as target-based scaling says
 * (waiting messages / messages per instance, some at a time); what is processed is what waits, what the instances can do,
 * or what the narrowest wall leaves after the orders that come, whichever is least.
 */
export function simulate({
  load,
  walls,
  perInstance,
  scaling,
  seconds,
  queues = 1,
}: Scenario): SimulatedSecond[] {
  const result: SimulatedSecond[] = []
  let backlog = 0
  let inGroup = scaling.least
  for (let second = 0; second < seconds; second++) {
    const coming = load(second)
    if (second % scaling.everySeconds === 0) {
      const wanted = Math.ceil((backlog + coming) / queues / scaling.messagesPerInstance)
      const most = Math.min(scaling.most, inGroup + scaling.atATime)
      inGroup = Math.max(scaling.least, Math.min(wanted, most))
    }
    const instances = inGroup * queues
    const limits = [
      { by: 'nothing', orders: backlog + coming },
      { by: 'instances', orders: instances * perInstance },
      ...walls
        .filter(({ perProcessing }) => perProcessing > 0)
        .map(({ name, perComing, perProcessing }) => ({
          by: name,
          orders: Math.max(0, 1 - coming * perComing) / perProcessing,
        })),
    ]
    const least = limits.reduce((narrowest, limit) => (limit.orders < narrowest.orders ? limit : narrowest))
    backlog += coming - least.orders
    result.push({ second, backlog, processed: least.orders, instances, heldUpBy: least.by })
    if (backlog < 0.5 && second > 0 && coming === 0) break
  }
  return result
}

/** The largest backlog of a simulation, and the second at whose end nothing waited any more after it. */
export function peakOf(seconds: readonly Pick<SimulatedSecond, 'second' | 'backlog'>[]): {
  readonly backlog: number
  readonly drainedAt: number
} {
  const backlog = Math.max(...seconds.map((second) => second.backlog))
  const peak = seconds.findIndex((second) => second.backlog === backlog)
  const drained = seconds.slice(peak).find((second) => second.backlog < 1)
  return { backlog, drainedAt: drained === undefined ? Infinity : drained.second + 1 }
}
