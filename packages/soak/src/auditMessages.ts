import type { ReportViolation } from './violations.ts'
import { acceptedText, contentKey, jsonObject, sameContent } from './content.ts'
import { poisonCounts, sentOrders, type Evidence } from './evidence.ts'
import { isSettled } from './status.ts'

/** Counts of the queue messages. */
export interface MessagesAudit {
  /** Ids of the orders in messages that the queue accepted and that do not conflict with another order. */
  readonly acknowledged: ReadonlySet<string>
  /** Valid messages that are on the poison queue because every delivery failed. */
  readonly exhausted: number
  readonly poisonExpected: number
  readonly poisonPreserved: number
  readonly poisonDuplicates: number
}

/** Checks promise 4: a message leaves its queue only when its order is processed or its exact bytes are on the other queue. */
export function auditMessages(evidence: Evidence, report: ReportViolation): MessagesAudit {
  const { ledger, final, journal, maxDequeueCount } = evidence
  const poison = poisonCounts(final)
  const acknowledged = new Set<string>()
  /** Texts that cannot be processed, and how often the queue accepted each. */
  const mustBePoison = new Map<string, number>()
  const mayBePoison = new Set<string>()
  const exhausted = new Set<string>()

  for (const { text, order, acknowledged: taken, messageId } of ledger.pushes) {
    mayBePoison.add(text)
    const id = order?.id ?? messageId
    const record = id === undefined ? undefined : final.records.get(id)
    if (order === undefined || (record !== undefined && !sameContent(record.content, order.content))) {
      if (taken) mustBePoison.set(text, (mustBePoison.get(text) ?? 0) + 1)
      continue
    }
    if (poison.has(text)) exhausted.add(text)
    if (!taken) continue
    if (id !== undefined) acknowledged.add(id)
    if ((record === undefined || !isSettled(record.status)) && !poison.has(text)) {
      const found = record?.json ?? 'there is no record'
      report('lost', `message of ${id ?? ''} ${JSON.stringify(order.content)}: ${found}`, id)
    }
  }
  for (const { way, id, content, response } of ledger.orders) {
    const named = id ?? jsonObject(response?.body ?? '')?.['id']
    if (way !== 'async' || typeof named !== 'string') continue
    const text = acceptedText(named, content)
    mayBePoison.add(text)
    const record = final.records.get(named)
    if (poison.has(text) && (record === undefined || sameContent(record.content, content)))
      exhausted.add(text)
  }
  // Promise 5: after transient errors a message goes to the poison queue on the last delivery, and not before.
  for (const text of exhausted) {
    const deliveries = journal.deliveries(text)
    if (deliveries < maxDequeueCount)
      report('poisoned too early', `after ${deliveries} deliveries: ${decoded(text)}`)
  }

  let poisonExpected = 0
  let poisonPreserved = 0
  let poisonDuplicates = 0
  for (const [text, expected] of mustBePoison) {
    const there = poison.get(text) ?? 0
    poisonExpected += expected
    poisonPreserved += Math.min(there, expected)
    poisonDuplicates += Math.max(there - expected, 0)
    if (there < expected) report('poison missing', `${there} of ${expected}: ${decoded(text)}`)
  }

  const { without } = sentOrders(ledger)
  for (const text of poison.keys()) {
    if (mayBePoison.has(text)) continue
    // A client that gave no id and got no response does not know the id of its order, but its content is unique.
    if (!without.has(contentKey(jsonObject(decoded(text))))) report('unexpected poison', decoded(text))
  }
  for (let left = 0; left < final.waiting; left++)
    report('left on the queue', 'a message on a queue of orders')
  return { acknowledged, exhausted: exhausted.size, poisonExpected, poisonPreserved, poisonDuplicates }
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
