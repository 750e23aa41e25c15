import { setTimeout as delay } from 'node:timers/promises'
import { accountWalls, AZURE_LIMITS, sustainedRate, WAYS_IN, type Wall } from './azureLimits.ts'
import { queueConcurrency, startConsumers, type Consumers } from './consumers.ts'
import { backlogOf, fillQueue } from './orderQueue.ts'
import { measurePairs, type Pair } from './pairs.ts'
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

/** Over how many queues orders are spread where that is compared with one. */
const SPREAD = 4
/** Pairs of the comparison on this machine: each takes some seconds. */
const MOST_SPREAD_PAIRS = 9

/** A spike in Azure: the rate for ten minutes, and the rate before and after, in messages a second. */
const SPIKE = { calm: 100, high: 1000, from: 60, to: 660 }
/** Milliseconds of one message on an instance in Azure, for three storage requests in the same region: an assumption. */
const ASSUMED_SERVICE_MS = 40
/** `maximumInstances` of the deployment, for each function of a queue. */
const MOST_INSTANCES = 40

/** The model of docs/scaling.md: checked against this machine, then asked about Azure. */
export const scaling: Section = {
  letter: 's',
  title: 'Scaling model: predicted / measured here; predicted for Azure',
  run: async (bench) => [...(await check(bench)), ...(await spreadHere(bench)), ...predictions()],
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
    await fillQueue(consumers.orders, CALIBRATION, `calibration-${run}`, signal)
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
  { orders, whileRunning }: Consumers,
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
        if (to > from) sending.push(fillQueue(orders, to - from, `${name}-${second}-${part}`, signal))
      }
      await delay(Math.max(0, begun + (second + 1) * 1000 - performance.now()))
      const backlog = await backlogOf(orders)
      samples.push({ second, backlog })
      if (count === 0 && backlog === 0) break
    }
    await Promise.all(sending)
    return samples
  })
}

/** Orders a second from their queues to their records on this machine, with one queue and with several. */
async function spreadHere({ apps, pairs, signal, atEnd }: Bench): Promise<Row[]> {
  const start = (queues: number) => startConsumers({ apps, signal, atEnd, flatQueues: true, queues })
  const [one, several] = [await start(1), await start(SPREAD)]
  const rate = (consumers: Consumers, name: string) => async (round: number) =>
    CALIBRATION / ((await consumers.drain('ours', CALIBRATION, `${name}-${round + 1}`)) / 1000)
  const measured = await measurePairs(
    Math.min(pairs, MOST_SPREAD_PAIRS),
    rate(several, 'spread'),
    rate(one, 'one'),
    { signal },
  )
  return [
    ratioRow(
      {
        section: 's',
        what: `queue drain here: ${SPREAD} queues / one`,
        unit: 'orders/s',
        bar: { kind: 'at least', value: 0.9 },
      },
      measured,
      (perSecond) => perSecond,
    ),
  ]
}

function predictions(): Row[] {
  const { batchSize, newBatchThreshold } = queueConcurrency()
  const perInstance = (batchSize + newBatchThreshold) / (ASSUMED_SERVICE_MS / 1000)
  return [...sustainedRates(), ...[1, SPREAD].flatMap((queues) => spike(queues, batchSize, perInstance))]
}

/** What one account takes for ever, by the way in and the number of queues. */
function sustainedRates(): Row[] {
  return Object.entries(WAYS_IN).flatMap(([way, requests]) => {
    const one = sustainedRate(accountWalls(requests))
    const name = `Azure, one account, ${way}`
    const row = figureRow(
      { section: 's', what: `${name}: limit, set by the ${one.wall}`, unit: 'orders/s' },
      [one.perSecond],
    )
    if (one.wall !== 'queue') return [row]
    const several = sustainedRate(accountWalls(requests, SPREAD))
    return [
      row,
      ratioRow(
        {
          section: 's',
          what: `${name}: ${SPREAD} queues, limit set by the ${several.wall} / one queue`,
          unit: 'orders/s',
          bar: { kind: 'at least', value: 2.5 },
        },
        [{ ours: several.perSecond, base: one.perSecond }],
        (perSecond) => perSecond,
      ),
    ]
  })
}

function spike(queues: number, batchSize: number, perInstance: number): Row[] {
  const seconds = simulate({
    load: (second) =>
      second >= 7200 ? 0 : second >= SPIKE.from && second < SPIKE.to ? SPIKE.high : SPIKE.calm,
    walls: accountWalls(WAYS_IN.pushed, queues),
    perInstance,
    queues,
    scaling: {
      least: 1,
      most: MOST_INSTANCES,
      messagesPerInstance: batchSize,
      atATime: AZURE_LIMITS.instancesAtATime,
      everySeconds: AZURE_LIMITS.secondsBetweenAdditions,
    },
    seconds: 7200,
  })
  const { backlog, drainedAt } = peakOf(seconds)
  const over = queues === 1 ? 'one queue' : `${queues} queues`
  const name = `Azure, pushed on ${over}, ${SPIKE.calm}/s and 10 min of ${SPIKE.high}/s`
  return [
    figureRow({ section: 's', what: `${name}: largest backlog`, unit: 'orders' }, [backlog]),
    figureRow({ section: 's', what: `${name}: time until it is gone, after the spike`, unit: 's' }, [
      Math.max(0, drainedAt - SPIKE.to),
    ]),
    figureRow({ section: 's', what: `${name}: most instances`, unit: '' }, [
      Math.max(...seconds.map(({ instances }) => instances)),
    ]),
  ]
}
