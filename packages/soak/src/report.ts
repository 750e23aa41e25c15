import { BREACHES, type Breaches } from './breaches.ts'
import type { SoakOptions, SoakResult } from './soak.ts'

/** Examples shown of each broken promise. */
const MAX_EXAMPLES = 5
const MAX_EXAMPLE_LENGTH = 600

/** Rows of a table, a name and a value each. */
export type Rows = readonly (readonly [string, string | number])[]

/** A table as text. */
export function table(rows: Rows): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** The rows of a soak run. */
export function soakRows(options: SoakOptions, result: SoakResult): Rows {
  const { account, ledger, blows } = result
  const calls = (way: string) => ledger.orders.filter((call) => call.way === way).length
  const orders = ledger.pushes.filter(({ order }) => order !== undefined)
  const seconds = result.sendMs / 1000
  return [
    ['seed', options.seed],
    ['orders', options.orders],
    ['sent over HTTP, sync', calls('sync')],
    ['sent over HTTP, async', calls('async')],
    [
      'pushed onto the queue',
      `${orders.length} (${orders.filter((push) => push.acknowledged).length} acknowledged)`,
    ],
    ['bad messages, bad calls', `${ledger.pushes.length - orders.length}, ${ledger.refused.length}`],
    ['looked up at once', ledger.lookUps.length],
    ['acknowledged', account.acknowledged],
    ['processed', account.processed],
    ['on the poison queue instead, after the last delivery', account.exhausted],
    ['conflicts answered (409)', account.conflicts],
    ['poison expected', account.poisonExpected],
    [
      'poison preserved',
      `${account.poisonPreserved} (${percentage(account.poisonPreserved, account.poisonExpected)})`,
    ],
    ['poison duplicates', account.poisonDuplicates],
    ['poison copies that expire', result.expiringPoison],
    ['storage unavailable (503)', account.unavailable],
    ['cut off by a kill', account.interrupted],
    ['slowest answer', `${(account.slowestMs / 1000).toFixed(1)} s`],
    ['looks at processed records', result.looks],
    ['worker killed', blows.workerKills],
    ['host killed', blows.hostKills],
    ['outages', [...blows.outages].map(([what, times]) => `${times} × ${what}`).join('; ') || 0],
    ['storage requests', result.storageRequests],
    ['storage itself slower than 1 s', result.slowStorageAnswers],
    ['longest queue', result.longestQueue],
    ['faults injected', [...result.faults].map(([kind, times]) => `${times} ${kind}`).join(', ') || 0],
    ['maxDequeueCount', result.maxDequeueCount],
    ['seconds', `${seconds.toFixed(0)} sending, ${(result.totalMs / 1000).toFixed(0)} in all`],
    ['orders/s', (options.orders / seconds).toFixed(0)],
    ...breachRows(account),
  ]
}

/** What was broken: how often each promise. */
export function breachRows({ breaches }: { readonly breaches: Breaches }): Rows {
  return BREACHES.map((breach) => [breach.toUpperCase(), breaches.get(breach)?.length ?? 0])
}

/** Examples of what was broken, one a line. */
export function examples({ breaches }: { readonly breaches: Breaches }): readonly string[] {
  return [...breaches].flatMap(([breach, all]) =>
    all.slice(0, MAX_EXAMPLES).map((example) => `${breach}: ${example}`.slice(0, MAX_EXAMPLE_LENGTH)),
  )
}

/** Whether every promise was kept. */
export function isClean({ breaches }: { readonly breaches: Breaches }): boolean {
  return [...breaches.values()].every((all) => all.length === 0)
}

function percentage(part: number, whole: number): string {
  return whole === 0 ? '100 %' : `${((100 * part) / whole).toFixed(part === whole ? 0 : 2)} %`
}
