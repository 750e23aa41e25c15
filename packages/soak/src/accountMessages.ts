import type { ReportBreach } from './breaches.ts'
import { acceptedText, contentKey, jsonObject, sameContent } from './content.ts'
import { poisonCounts, sentOrders, type Evidence } from './evidence.ts'

/** What the queues come to. */
export interface MessagesAccount {
  /** Ids of the orders in messages that the queue took, and that lose to no other order. */
  readonly acknowledged: ReadonlySet<string>
  /** Good messages that are on the poison queue: every delivery of theirs failed. */
  readonly exhausted: number
  readonly poisonExpected: number
  readonly poisonPreserved: number
  readonly poisonDuplicates: number
}

/** Checks promise 4: a message leaves its queue only when its order is processed, or its exact bytes are on the other. */
export function accountMessages(evidence: Evidence, broken: ReportBreach): MessagesAccount {
  const { ledger, final, journal, maxDequeueCount } = evidence
  const poison = poisonCounts(final)
  const acknowledged = new Set<string>()
  /** Texts that can't be processed, and how often the queue took each. */
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
    if (record?.status !== 'processed' && !poison.has(text)) {
      const found = record?.json ?? 'there is no record'
      broken('lost', `message of ${id ?? ''} ${JSON.stringify(order.content)}: ${found}`, id)
    }
  }
  for (const { way, id, content, answer } of ledger.orders) {
    const named = id ?? jsonObject(answer?.body ?? '')?.['id']
    if (way !== 'async' || typeof named !== 'string') continue
    const text = acceptedText(named, content)
    mayBePoison.add(text)
    const record = final.records.get(named)
    if (poison.has(text) && (record === undefined || sameContent(record.content, content)))
      exhausted.add(text)
  }
  // Promise 5: what fails for a time goes to the poison queue on the last delivery, and not before.
  for (const text of exhausted) {
    const deliveries = journal.deliveries(text)
    if (deliveries < maxDequeueCount)
      broken('poisoned too early', `after ${deliveries} deliveries: ${decoded(text)}`)
  }

  let poisonExpected = 0
  let poisonPreserved = 0
  let poisonDuplicates = 0
  for (const [text, expected] of mustBePoison) {
    const there = poison.get(text) ?? 0
    poisonExpected += expected
    poisonPreserved += Math.min(there, expected)
    poisonDuplicates += Math.max(there - expected, 0)
    if (there < expected) broken('poison missing', `${there} of ${expected}: ${decoded(text)}`)
  }

  const { without } = sentOrders(ledger)
  for (const text of poison.keys()) {
    if (mayBePoison.has(text)) continue
    // A client that gave no id and got no answer can't name its order; but its content is nobody else's.
    const order = jsonObject(decoded(text))
    const content = { item: String(order?.['item']), quantity: Number(order?.['quantity']) }
    if (!without.has(contentKey(content))) broken('poison unaccounted for', decoded(text))
  }
  for (let left = 0; left < final.waiting; left++) broken('left on the queue', 'a message on orders')
  return { acknowledged, exhausted: exhausted.size, poisonExpected, poisonPreserved, poisonDuplicates }
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
