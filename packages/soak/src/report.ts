import { VIOLATIONS, type Violations } from './violations.ts'
import type { SoakOptions, SoakResult } from './soak.ts'

/** Number of examples for each kind of violation. */
const MAX_EXAMPLES = 5
const MAX_EXAMPLE_LENGTH = 600

/** Rows of a table: a name and a value each. */
export type Rows = readonly (readonly [string, string | number])[]

/** A table as text. */
export function table(rows: Rows): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** The rows of a soak run. */
export function soakRows(options: SoakOptions, result: SoakResult): Rows {
  const { audit, ledger, disruptions } = result
  const calls = (way: string) => ledger.orders.filter((call) => call.way === way).length
  const orders = ledger.pushes.filter(({ order }) => order !== undefined)
  const seconds = result.sendMs / 1000
  return [
    ['seed', options.seed],
    ['records in', options.store ?? 'tables'],
    ['orders', options.orders],
    ['sent over HTTP, sync', calls('sync')],
    ['sent over HTTP, async', calls('async')],
    [
      'pushed onto the queue',
      `${orders.length} (${orders.filter((push) => push.acknowledged).length} acknowledged)`,
    ],
    ['bad messages, bad calls', `${ledger.pushes.length - orders.length}, ${ledger.refused.length}`],
    ['read back at once', ledger.reads.length],
    ['acknowledged', audit.acknowledged],
    ['processed', audit.processed],
    ['on the poison queue instead, after the last delivery', audit.exhausted],
    ['files, their lines, refused', `${audit.files}, ${audit.fileLines}, ${audit.fileLinesRefused}`],
    ...(options.store === 'cosmos'
      ? [
          ['orders with the event that they were processed', audit.events] as const,
          ['events again', audit.eventDuplicates] as const,
        ]
      : []),
    ['conflicts (409)', audit.conflicts],
    ['poison expected', audit.poisonExpected],
    [
      'poison preserved',
      `${audit.poisonPreserved} (${percentage(audit.poisonPreserved, audit.poisonExpected)})`,
    ],
    ['poison duplicates', audit.poisonDuplicates],
    ['poison copies that expire', result.expiringPoison],
    ['storage unavailable (503)', audit.unavailable],
    ['cut off by a kill', audit.interrupted],
    ['slowest response', `${(audit.slowestMs / 1000).toFixed(1)} s`],
    ['checks of processed records', result.checks],
    ['queues of orders', [options.queues, ...options.queuesMidway].join(', then ')],
    ['worker killed', disruptions.workerKills],
    ['host killed', disruptions.hostKills],
    ['outages', [...disruptions.outages].map(([what, times]) => `${times} × ${what}`).join('; ') || 0],
    ['storage requests', result.storageRequests],
    ['storage itself slower than 1 s', result.slowStorageResponses],
    ['longest queue', result.longestQueue],
    ['faults injected', [...result.faults].map(([kind, times]) => `${times} ${kind}`).join(', ') || 0],
    ['maxDequeueCount', result.maxDequeueCount],
    ['seconds', `${seconds.toFixed(0)} sending, ${(result.totalMs / 1000).toFixed(0)} in all`],
    ['orders/s', (options.orders / seconds).toFixed(0)],
    ...violationRows(audit),
  ]
}

/** The number of violations of each kind. */
export function violationRows({ violations }: { readonly violations: Violations }): Rows {
  return VIOLATIONS.map((violation) => [violation.toUpperCase(), violations.get(violation)?.length ?? 0])
}

/** Examples of violations, one per line. */
export function examples({ violations }: { readonly violations: Violations }): readonly string[] {
  return [...violations].flatMap(([violation, all]) =>
    all.slice(0, MAX_EXAMPLES).map((example) => `${violation}: ${example}`.slice(0, MAX_EXAMPLE_LENGTH)),
  )
}

/** Whether there are no violations. */
export function isClean({ violations }: { readonly violations: Violations }): boolean {
  return [...violations.values()].every((all) => all.length === 0)
}

function percentage(fraction: number, whole: number): string {
  return whole === 0 ? '100 %' : `${((100 * fraction) / whole).toFixed(fraction === whole ? 0 : 2)} %`
}
