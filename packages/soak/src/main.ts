import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import type { Account } from './account.ts'
import { OUTAGE_STYLES, type OutageStyle } from './faults.ts'
import { runOutage } from './outage.ts'
import { breachRows, examples, isClean, soakRows, table } from './report.ts'
import { soak, SoakStoppedError, type Progress, type SoakOptions } from './soak.ts'

const USAGE = `npm run soak -- [options]

Runs the app while its worker, its host and its storage die at random, and accounts for every order.
  --orders 2000       orders to send
  --kills 8           kills of the worker process, or of the whole host
  --outages 3         times that storage, or a part of it, is away for some seconds
  --duplicates 0.1    part of the orders that is sent more than once
  --conflicts 0.03    part of the orders that meets another one with the same id
  --poison 0.02       part of the messages and calls that can't be processed
  --faults 0.05       part of the storage requests that is refused, delayed, answered 5xx, or whose answer is lost
  --max-dequeue N     deliveries of a message; the default is host.json's
  --seed N            the same seed sends the same orders; the default is the time
  --minutes 30        the run is given up after this long
  --scenario outage   instead: storage away under load, with the settings of production; all of it, then tables alone
    --seconds 60      for this long
    --style hanging   hanging, offline, busy or mixed: connections that nobody answers, nobody there, 503, all of these

E2E_HOST=func runs Core Tools instead of func-local. Exit code 1: a promise was broken, or the run did not finish.`

/** Builds the app as it is deployed; what is wrong with it is printed. Returns whether it succeeded. */
function buildsApp(): boolean {
  const script = path.join(import.meta.dirname, '../../../scripts/build.ts')
  return spawnSync(process.execPath, [script], { stdio: 'inherit' }).status === 0
}

const PROGRESS_LINE_MS = 60_000

/** A wrong argument. Its message is all a person sees. */
class ArgumentError extends Error {
  override readonly name = 'ArgumentError'
}

/** Storage away for long, instead of many faults. */
interface ScenarioOptions {
  readonly seconds: number
  readonly style: OutageStyle
  readonly seed: number
  readonly limitMs: number
}

function readOptions(): SoakOptions | ScenarioOptions | 'help' {
  let values
  try {
    values = parseArgs({
      options: {
        orders: { type: 'string', default: '2000' },
        kills: { type: 'string', default: '8' },
        outages: { type: 'string', default: '3' },
        duplicates: { type: 'string', default: '0.1' },
        conflicts: { type: 'string', default: '0.03' },
        poison: { type: 'string', default: '0.02' },
        faults: { type: 'string', default: '0.05' },
        'max-dequeue': { type: 'string' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        minutes: { type: 'string', default: '30' },
        scenario: { type: 'string' },
        seconds: { type: 'string', default: '60' },
        style: { type: 'string', default: 'hanging' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new ArgumentError(`${(error as Error).message}\n\n${USAGE}`)
  }
  if (values.help) return 'help'
  const maxDequeue = values['max-dequeue']
  const seed = count('seed', values.seed)
  const limitMs = count('minutes', values.minutes) * 60_000
  if (values.scenario === 'outage') {
    return { seed, limitMs, seconds: count('seconds', values.seconds), style: outageStyle(values.style) }
  }
  if (values.scenario !== undefined) {
    throw new ArgumentError(`--scenario is outage, not "${values.scenario}".`)
  }
  return {
    orders: count('orders', values.orders),
    kills: count('kills', values.kills),
    outages: count('outages', values.outages),
    duplicates: part('duplicates', values.duplicates),
    conflicts: part('conflicts', values.conflicts),
    poison: part('poison', values.poison),
    faults: part('faults', values.faults),
    maxDequeueCount: maxDequeue === undefined ? undefined : count('max-dequeue', maxDequeue),
    seed,
    limitMs,
  }
}

function outageStyle(text: string): OutageStyle {
  const style = OUTAGE_STYLES.find((known) => known === text)
  if (style !== undefined) return style
  throw new ArgumentError(`--style is ${OUTAGE_STYLES.join(', ')}, not "${text}".`)
}

function count(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new ArgumentError(`--${name} is a whole number, not "${text}".`)
}

function part(name: string, text: string): number {
  const value = Number(text)
  if (text !== '' && value >= 0 && value <= 1) return value
  throw new ArgumentError(`--${name} is a number from 0 to 1, not "${text}".`)
}

function progressBar(): { readonly onProgress: Progress; stop(): void } {
  if (!process.stderr.isTTY) return progressLines()
  const bar = new SingleBar({ format: '{stage} {bar} {value}/{total}, {duration_formatted}', fps: 5 })
  bar.start(1, 0, { stage: 'starting' })
  return {
    onProgress(stage, done, total) {
      bar.setTotal(total)
      bar.update(done, { stage })
    },
    stop() {
      bar.stop()
    },
  }
}

/** Progress for a log: a line now and then. */
function progressLines(): ReturnType<typeof progressBar> {
  let next = performance.now() + PROGRESS_LINE_MS
  return {
    onProgress(stage, done, total) {
      if (performance.now() < next) return
      next += PROGRESS_LINE_MS
      console.error(`${stage} ${done}/${total}`)
    },
    stop: () => undefined,
  }
}

async function runSoak(options: SoakOptions, signal: AbortSignal): Promise<boolean> {
  const bar = progressBar()
  let result
  try {
    result = await soak(options, signal, bar.onProgress)
  } finally {
    bar.stop()
  }
  console.log(table(soakRows(options, result)))
  const kept = verdict(result.account, options.seed)
  if (!kept) console.log(`The host printed last:\n${result.hostOutput}`)
  return kept
}

async function runScenario(options: ScenarioOptions, signal: AbortSignal): Promise<boolean> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(options.limitMs)])
  let kept = true
  for (const away of ['all', 'tables'] as const) {
    const { account, poisoned, rows } = await runOutage({ ...options, away }, until)
    console.log(table([...rows, ...breachRows(account)]))
    kept = verdict(account, options.seed) && poisoned === 0 && kept
  }
  return kept
}

/** Says whether every promise was kept. */
function verdict(account: Account, seed: number): boolean {
  if (isClean(account)) {
    console.log('\nEvery promise was kept.\n')
    return true
  }
  console.log(`\n${examples(account).join('\n')}\n\nA promise was broken. Seed: ${seed}\n`)
  return false
}

async function run(options: SoakOptions | ScenarioOptions): Promise<number> {
  if (!buildsApp()) return 1
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      stopping.abort()
    })
  }
  const { signal } = stopping
  const kept = 'orders' in options ? await runSoak(options, signal) : await runScenario(options, signal)
  return kept ? 0 : 1
}

try {
  const options = readOptions()
  if (options === 'help') console.log(USAGE)
  else process.exitCode = await run(options)
} catch (error) {
  const known = error instanceof ArgumentError || error instanceof SoakStoppedError
  console.error(known ? error.message : error)
  process.exitCode = 1
}
// Everything has been stopped by now. What a failed start has left open must not keep a script waiting.
process.exit()
