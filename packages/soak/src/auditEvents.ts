import type { ReportViolation } from './violations.ts'
import { jsonObject, sameContent, contentIn } from './content.ts'
import type { Evidence } from './evidence.ts'
import { statusIn, isSettled } from './status.ts'
import type { StoredOrder } from './storedOrders.ts'

/** Counts of the events about orders. */
export interface EventsAudit {
  /** Orders that have an event that they were processed. */
  readonly events: number
  /** Events that were sent before, with the same id: consumers drop them. */
  readonly eventDuplicates: number
}

/**
 * Checks the promise of `orderChanged`: every processed order has its event, and an event says nothing that is not stored. Without
 * events (`final.events` is undefined) there is nothing to check.
 */
export function auditEvents({ final }: Pick<Evidence, 'final'>, report: ReportViolation): EventsAudit {
  const seen = new Set<string>()
  const processed = new Set<string>()
  let eventDuplicates = 0
  for (const text of final.events ?? []) {
    const event = jsonObject(text)
    const subject = String(event?.['subject'])
    const record = final.records.get(subject)
    if (event === undefined || record === undefined || !isTrue(event, record)) {
      report('untrue events', `${text}, and the record: ${record?.json ?? 'none'}`)
      continue
    }
    const id = String(event['id'])
    if (seen.has(id)) eventDuplicates++
    seen.add(id)
    if (event['type'] === 'orders.processed') processed.add(subject)
  }
  if (final.events !== undefined) {
    for (const { id, status, json } of final.records.values()) {
      if (isSettled(status) && !processed.has(id)) report('events missing', json, id)
    }
  }
  return { events: processed.size, eventDuplicates }
}

/** Whether what an event says of an order was so: a processed record never changes, and an accepted one keeps when it was. */
function isTrue(event: Readonly<Record<string, unknown>>, record: StoredOrder): boolean {
  const { id, type, data } = event
  if (typeof data !== 'object' || data === null) return false
  const fields = data as Readonly<Record<string, unknown>>
  const status = statusIn(fields)
  if (id !== `${record.id}:${status}` || type !== `orders.${status}` || fields['id'] !== record.id)
    return false
  if (status === 'accepted')
    return sameContent(contentIn(fields), record.content) && fields['acceptedAt'] === record.acceptedAt
  return JSON.stringify(data) === record.json
}
