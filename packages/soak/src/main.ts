import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { MOST_QUEUES, STORE_SETTING } from '../../../src/storage/names.ts'
import { orderStore, type OrderStore } from '../../../src/storage/orderStore.ts'
import { StorageSettingsError } from '../../../src/storage/settingsError.ts'
import type { Audit } from './audit.ts'
import { OUTAGE_STYLES, type OutageStyle } from './faults.ts'
import { runPlanted } from './planted/runPlanted.ts'
import { runOutage } from './outage.ts'
import { violationRows, examples, isClean, soakRows, table } from './report.ts'
import { soak, SoakStoppedError, type Progress, type SoakOptions } from './soak.ts'

const USAGE = `npm run soak -- [options]

Runs the app while its worker, its host and its storage fail at random, and checks every order afterwards.
  --orders 2000       orders to send
  --kills 8           kills of the worker process, or of the whole host
  --outages 3         outages of storage, or of a part of it, of some seconds each
  --files 0.1         fraction of the orders that are sent in files
  --duplicates 0.1    fraction of the orders that are sent more than once
  --conflicts 0.03    fraction of the orders that conflict with another one under the same id
  --poison 0.02       fraction of the messages and calls that are invalid
  --faults 0.05       fraction of the storage requests that fail: refused, delayed, 5xx, or response lost
  --max-dequeue N     maximum deliveries of a message; the default is the value of host.json
  --queues 1          over how many queues orders are spread (ORDER_QUEUES)
  --queues-midway 4,1 what this number becomes during the run, with a restart of the host each time
  --store tables      where order records are: tables or cosmos (ORDER_STORE), with 429 among the faults
  --seed N            the same seed sends the same orders; the default is derived from the time
  --minutes 30        time limit of the run
  --scenario outage   instead: an outage under load with production settings, of all storage, then of the tables only
    --seconds 60      duration of the outage
    --style hanging   hanging (no response), offline (connection refused), busy (503) or mixed
  --planted           instead: runs apps with known bugs, and fails if the violation that a bug causes is not reported
    --bug TEXT        only the bugs whose name or violation contains this

E2E_HOST=func runs Core Tools instead of func-local. Exit code 1: there was a violation, or the run did not finish.`

/** Builds the app as it is deployed and prints errors. Returns whether it succeeded. */
function buildsApp(store: OrderStore = 'tables'): boolean {
  const script = path.join(import.meta.dirname, '../../../scripts/build.ts')
  const env = { ...process.env, [STORE_SETTING]: store }
  return spawnSync(process.execPath, [script], { stdio: 'inherit', env }).status === 0
}

const PROGRESS_LINE_MS = 60_000

/** A wrong argument. Only its message is printed. */
class ArgumentError extends Error {
  override readonly name = 'ArgumentError'
}

/** One long outage instead of many faults. */
interface ScenarioOptions {
  readonly seconds: number
  readonly style: OutageStyle
  readonly seed: number
  readonly limitMs: number
}

/** Known bugs instead of the app as it is. */
interface PlantedOptions {
  readonly planted: true
  readonly only: string
  readonly seed: number
  readonly limitMs: number
}

type Options = SoakOptions | ScenarioOptions | PlantedOptions

function readOptions(): Options | 'help' {
  let values
  try {
    values = parseArgs({
      options: {
        orders: { type: 'string', default: '2000' },
        kills: { type: 'string', default: '8' },
        outages: { type: 'string', default: '3' },
        files: { type: 'string', default: '0.1' },
        duplicates: { type: 'string', default: '0.1' },
        conflicts: { type: 'string', default: '0.03' },
        poison: { type: 'string', default: '0.02' },
        faults: { type: 'string', default: '0.05' },
        'max-dequeue': { type: 'string' },
        queues: { type: 'string', default: '1' },
        'queues-midway': { type: 'string' },
        store: { type: 'string', default: 'tables' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        minutes: { type: 'string', default: '30' },
        scenario: { type: 'string' },
        seconds: { type: 'string', default: '60' },
        style: { type: 'string', default: 'hanging' },
        planted: { type: 'boolean', default: false },
        bug: { type: 'string', default: '' },
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
  if (values.planted) return { planted: true, only: values.bug, seed, limitMs }
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
    files: fraction('files', values.files),
    duplicates: fraction('duplicates', values.duplicates),
    conflicts: fraction('conflicts', values.conflicts),
    poison: fraction('poison', values.poison),
    faults: fraction('faults', values.faults),
    queues: queueCount('queues', values.queues),
    queuesMidway: (values['queues-midway']?.split(',') ?? []).map((text) =>
      queueCount('queues-midway', text),
    ),
    store: orderStore({ [STORE_SETTING]: values.store }),
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

function queueCount(name: string, text: string): number {
  const value = count(name, text)
  if (value >= 1 && value <= MOST_QUEUES) return value
  throw new ArgumentError(`--${name} takes numbers from 1 to ${MOST_QUEUES}, not "${text}".`)
}

function fraction(name: string, text: string): number {
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

/** Progress for a log: one line per interval. */
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
  const kept = verdict(result.audit, options.seed)
  if (!kept) console.log(`The end of the host's output:\n${result.hostOutput}`)
  return kept
}

async function runScenario(options: ScenarioOptions, signal: AbortSignal): Promise<boolean> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(options.limitMs)])
  let kept = true
  for (const away of ['all', 'tables'] as const) {
    const { audit, poisoned, rows } = await runOutage({ ...options, away }, until)
    console.log(table([...rows, ...violationRows(audit)]))
    kept = verdict(audit, options.seed) && poisoned === 0 && kept
  }
  return kept
}

/** Returns whether every bug was found. */
async function runBugs({ seed, limitMs, only }: PlantedOptions, signal: AbortSignal): Promise<boolean> {
  let tried = 0
  let found = 0
  for await (const result of runPlanted({ seed, limitMs, only }, signal)) {
    tried++
    if (result.found) found++
    const { violation, name } = result.bug
    const reported = violationRows(result.audit).filter(([, times]) => times !== 0)
    console.log(
      `${result.found ? 'found' : 'NOT FOUND'}  ${violation.toUpperCase()}: ${name}\n` +
        `       reported: ${reported.map(([what, times]) => `${times} × ${what}`).join(', ') || 'nothing'}`,
    )
  }
  console.log(`\n${found} of ${tried} planted bugs were found. Seed: ${seed}\n`)
  return tried > 0 && found === tried
}

/** Prints and returns whether there were no violations. */
function verdict(audit: Audit, seed: number): boolean {
  if (isClean(audit)) {
    console.log('\nNo violations.\n')
    return true
  }
  console.log(`\n${examples(audit).join('\n')}\n\nThere were violations. Seed: ${seed}\n`)
  return false
}

async function run(options: Options): Promise<number> {
  if (!buildsApp('store' in options ? options.store : undefined)) return 1
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      stopping.abort()
    })
  }
  const { signal } = stopping
  return (await started(options, signal)) ? 0 : 1
}

function started(options: Options, signal: AbortSignal): Promise<boolean> {
  if ('planted' in options) return runBugs(options, signal)
  return 'orders' in options ? runSoak(options, signal) : runScenario(options, signal)
}

try {
  const options = readOptions()
  if (options === 'help') console.log(USAGE)
  else process.exitCode = await run(options)
} catch (error) {
  const known =
    error instanceof ArgumentError ||
    error instanceof SoakStoppedError ||
    error instanceof StorageSettingsError
  console.error(known ? error.message : error)
  process.exitCode = 1
}
// Everything has been stopped by now. Handles that a failed start left open must not keep the process alive.
process.exit()
