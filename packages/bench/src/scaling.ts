import { setTimeout as delay } from 'node:timers/promises'
import { accountWalls, AZURE_LIMITS, sustainedRate, WAYS_IN, type Wall } from './azureLimits.ts'
import { queueConcurrency, startConsumers, type Consumers } from './consumers.ts'
import { backlogOf, fillQueue } from './orderQueue.ts'
import type { Pair } from './pairs.ts'
import { figureRow, ratioRow, type Row } from './report.ts'
import { peakOf, simulate, type SimulatedSecond } from './scalingModel.ts'
import type { Bench, Section } from './section.ts'

/** One run takes half a minute. */
const MOST_RUNS = 3
const CALIBRATION = 1500
/** The load curve: up to which second, and the arriving orders as a fraction of the app’s capacity. */
const CURVE = [
  { seconds: 6, part: 0.4 },
  { seconds: 10, part: 1.3 },
  { seconds: 120, part: 0 },
] as const

/** A spike in Azure: the rate for ten minutes, and the rate before and after, in messages a second. */
const SPIKE = { calm: 100, high: 1000, from: 60, to: 660 }
/** Milliseconds of one message on an instance in Azure, for three storage requests in the same region: an assumption. */
const ASSUMED_SERVICE_MS = 40
/** `maximumInstances` of the deployment. */
const MOST_INSTANCES = 40

/** The model of docs/scaling.md: checked against this machine, then asked about Azure. */
export const scaling: Section = {
  letter: 's',
  title: 'Scaling model: predicted / measured here; predicted for Azure',
  run: async (bench) => [...(await check(bench)), ...predictions()],
}

/**
 * Azurite is one process: its second is the wall, and what comes and what is processed share it. The model's walls stand
 * where they stand, as Azure's are documented to; Azurite's own queues are slower the more messages wait.
 */
async function check({ apps, pairs, signal, atEnd, note }: Bench): Promise<Row[]> {
  const consumers = await startConsumers({ apps, signal, atEnd, flatQueues: true })
  const runs: Pair<{ readonly backlog: number; readonly drainedAt: number }>[] = []
  for (let run = 0; run < Math.min(pairs, MOST_RUNS); run++) {
    signal.throwIfAborted()
    const begun = performance.now()
    await fillQueue(consumers.ordersQueue, CALIBRATION, `calibration-${run}`, signal)
    const putsPerSecond = CALIBRATION / ((performance.now() - begun) / 1000)
    const capacity = CALIBRATION / ((await consumers.drainFilled('ours', CALIBRATION)) / 1000)
    note(`${putsPerSecond.toFixed(0)} messages put a second, ${capacity.toFixed(0)} orders processed`)

    const load = loadCurve(capacity)
    const storage: Wall = { name: 'Azurite', perComing: 1 / putsPerSecond, perProcessing: 1 / capacity }
    const predicted = simulate({
      load,
      walls: [storage],
      perInstance: capacity,
      scaling: { least: 1, most: 1, messagesPerInstance: 1, atATime: 1, everySeconds: 1 },
      seconds: 120,
    })
    const measured = await runLoad(consumers, load, `load-${run}`, signal)
    runs.push({ ours: peakOf(predicted), base: peakOf(measured) })
  }
  return [
    ratioRow(
      { section: 's', what: 'largest backlog: predicted / measured', unit: 'orders' },
      runs,
      ({ backlog }) => backlog,
    ),
    ratioRow(
      { section: 's', what: 'time until the backlog is gone: predicted / measured', unit: 's' },
      runs,
      ({ drainedAt }) => drainedAt,
    ),
  ]
}

function loadCurve(capacity: number): (second: number) => number {
  return (second) => {
    let until = 0
    for (const { seconds, part } of CURVE) {
      until += seconds
      if (second < until) return Math.round(capacity * part)
    }
    return 0
  }
}

/** Sends orders as the load curve says, and measures the backlog until there is none. */
async function runLoad(
  { ordersQueue, whileRunning }: Consumers,
  load: (second: number) => number,
  name: string,
  signal: AbortSignal,
): Promise<Pick<SimulatedSecond, 'second' | 'backlog'>[]> {
  return whileRunning('ours', async () => {
    const samples: Pick<SimulatedSecond, 'second' | 'backlog'>[] = []
    const begun = performance.now()
    const sending: Promise<void>[] = []
    for (let second = 0; ; second++) {
      signal.throwIfAborted()
      const count = load(second)
      // Spread over the second in ten parts: a sender does not send all at once.
      for (let part = 0; part < 10; part++) {
        const until = begun + (second + part / 10) * 1000
        await delay(Math.max(0, until - performance.now()))
        const from = Math.floor((count * part) / 10)
        const to = Math.floor((count * (part + 1)) / 10)
        if (to > from) sending.push(fillQueue(ordersQueue, to - from, `${name}-${second}-${part}`, signal))
      }
      await delay(Math.max(0, begun + (second + 1) * 1000 - performance.now()))
      const backlog = await backlogOf(ordersQueue)
      samples.push({ second, backlog })
      if (count === 0 && backlog === 0) break
    }
    await Promise.all(sending)
    return samples
  })
}

function predictions(): Row[] {
  const { batchSize, newBatchThreshold } = queueConcurrency()
  const perInstance = (batchSize + newBatchThreshold) / (ASSUMED_SERVICE_MS / 1000)
  const rates = Object.entries(WAYS_IN).map(([way, requests]) => {
    const { perSecond, wall } = sustainedRate(accountWalls(requests))
    return figureRow(
      { section: 's', what: `Azure, one account, ${way}: limit, set by the ${wall}`, unit: 'orders/s' },
      [perSecond],
    )
  })
  const spike = simulate({
    load: (second) =>
      second >= 7200 ? 0 : second >= SPIKE.from && second < SPIKE.to ? SPIKE.high : SPIKE.calm,
    walls: accountWalls(WAYS_IN.pushed),
    perInstance,
    scaling: {
      least: 1,
      most: MOST_INSTANCES,
      messagesPerInstance: batchSize,
      atATime: AZURE_LIMITS.instancesAtATime,
      everySeconds: AZURE_LIMITS.secondsBetweenAdditions,
    },
    seconds: 7200,
  })
  const { backlog, drainedAt } = peakOf(spike)
  const name = `Azure, pushed, ${SPIKE.calm}/s and 10 min of ${SPIKE.high}/s`
  return [
    ...rates,
    figureRow({ section: 's', what: `${name}: largest backlog`, unit: 'orders' }, [backlog]),
    figureRow({ section: 's', what: `${name}: time until it is gone, after the spike`, unit: 's' }, [
      Math.max(0, drainedAt - SPIKE.to),
    ]),
    figureRow({ section: 's', what: `${name}: most instances`, unit: '' }, [
      Math.max(...spike.map(({ instances }) => instances)),
    ]),
  ]
}
