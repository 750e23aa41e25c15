import { lineId } from './auditFiles.ts'
import { contentKey, type Content } from './content.ts'
import type { Journal } from './journal.ts'
import type { HttpResponse, Ledger } from './ledger.ts'
import type { StoredOrder } from './storedOrders.ts'

/** The state of storage and the app after the run. */
export interface FinalState {
  readonly records: ReadonlyMap<string, StoredOrder>
  /** Texts of the messages on the poison queues. */
  readonly poison: readonly string[]
  /** Texts of the events about orders, if the app sends any. */
  readonly events?: readonly string[]
  /** Messages still on the queues of orders. */
  readonly waiting: number
  /** The app's response to a GET of each order. */
  readonly responses: ReadonlyMap<string, HttpResponse | undefined>
}

/** Everything that the audit checks. */
export interface Evidence {
  readonly ledger: Ledger
  readonly final: FinalState
  readonly journal: Pick<Journal, 'processedWrites' | 'writtenAfterProcessed' | 'deliveries' | 'faultBetween'>
  /** Ids of processed records that changed during the run. */
  readonly changed: ReadonlySet<string>
  readonly maxDequeueCount: number
  /** Whether the host or its worker was down at some time between these values of `performance.now()`. */
  readonly killedBetween: (begun: number, ended: number) => boolean
  /** Whether storage was unavailable at some time between these. */
  readonly outageBetween: (begun: number, ended: number) => boolean
}

/** How often each text is on the poison queue. */
export function poisonCounts({ poison }: FinalState): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const text of poison) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

/** What clients sent, over HTTP or to the queue. */
export interface SentOrders {
  /** Contents for each id that a client gave. */
  readonly under: ReadonlyMap<string, readonly Content[]>
  /** How often each content was sent without an id, by {@link contentKey}. */
  readonly without: ReadonlyMap<string, number>
}

/** Collects what was sent from a ledger. */
export function sentOrders({ orders, pushes, files }: Ledger): SentOrders {
  const under = new Map<string, Content[]>()
  const without = new Map<string, number>()
  const inFiles = files.flatMap(({ name, lines }) =>
    lines.flatMap((line, index) =>
      line.order === undefined ? [] : { id: lineId(name, line, index + 1), content: line.order.content },
    ),
  )
  for (const { id, content } of [...orders, ...pushes.flatMap(({ order }) => order ?? []), ...inFiles]) {
    const key = contentKey(content)
    if (id === undefined) without.set(key, (without.get(key) ?? 0) + 1)
    else under.set(id, [...(under.get(id) ?? []), content])
  }
  return { under, without }
}
