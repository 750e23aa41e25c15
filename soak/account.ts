import type { Journal } from './journal.ts'
import type { Call, HttpAnswer, Ledger, OrderCall } from './ledger.ts'
import type { StoredOrder } from './storedOrders.ts'
import type { Content } from './workload.ts'

/** An HTTP call has its answer by then, whatever dies. */
export const LONGEST_ANSWER_MS = 10_000

/** What is there when everything has come to rest. */
export interface FinalState {
  readonly records: ReadonlyMap<string, StoredOrder>
  /** Texts of the messages on `orders-poison`. */
  readonly poison: readonly string[]
  /** Messages still on `orders`. */
  readonly waiting: number
  /** What the app answers about each order now. */
  readonly answers: ReadonlyMap<string, HttpAnswer | undefined>
}

/** Everything the accounting knows. */
export interface Evidence {
  readonly ledger: Ledger
  readonly final: FinalState
  readonly journal: Pick<Journal, 'processedWrites' | 'writtenAfterProcessed' | 'deliveries' | 'faultBetween'>
  readonly changed: ReadonlySet<string>
  readonly maxDequeueCount: number
  /** Whether the host or its worker was dead at some time between these. */
  readonly killedBetween: (begun: number, ended: number) => boolean
  /** Whether storage was away at some time between these. */
  readonly awayBetween: (begun: number, ended: number) => boolean
}

/** Ways in which a promise can be broken; all must be 0. */
export const BREACHES = [
  'lost',
  'processed twice',
  'changed after processed',
  'processed, never sent',
  'untrue answers',
  'unexplained failures',
  'slow answers',
  'poison missing',
  'poison unaccounted for',
  'poisoned too early',
  'left on the queue',
] as const
export type Breach = (typeof BREACHES)[number]

/** The result: what was counted, and what was broken. */
export interface Account {
  readonly breaches: ReadonlyMap<Breach, readonly string[]>
  readonly acknowledged: number
  readonly processed: number
  /** Acknowledged orders that are on the poison queue instead: every delivery of theirs failed. */
  readonly exhausted: number
  readonly conflicts: number
  readonly poisonExpected: number
  readonly poisonPreserved: number
  readonly poisonDuplicates: number
  readonly unavailable: number
  readonly interrupted: number
  readonly slowestMs: number
}

/** Holds what clients were told against what storage holds. */
export function account(evidence: Evidence): Account {
  const { ledger, final, journal, killedBetween, awayBetween } = evidence
  const breaches = new Map<Breach, string[]>(BREACHES.map((breach) => [breach, []]))
  const broken = (breach: Breach, example: string) => breaches.get(breach)?.push(example)

  const poison = countOf(final.poison)
  const isPoisoned = (id: string, content: Content) => poison.has(acceptedText(id, content))
  const acknowledged = new Set<string>()
  let conflicts = 0
  let unavailable = 0
  let interrupted = 0
  let slowestMs = 0

  // What was sent under each id, and without one.
  const sentUnder = new Map<string, Content[]>()
  const sentWithout = new Map<string, number>()
  for (const { id, content } of [
    ...ledger.orders,
    ...ledger.pushes.flatMap(({ order }) => (order === undefined ? [] : [order])),
  ]) {
    if (id === undefined) sentWithout.set(key(content), (sentWithout.get(key(content)) ?? 0) + 1)
    else sentUnder.set(id, [...(sentUnder.get(id) ?? []), content])
  }

  /** Looks at what every call must keep; answers the answer when there is more to say about it. */
  function answerOf(call: Call, what: string, id: string | undefined): HttpAnswer | undefined {
    const { begun, ended, answer } = call
    slowestMs = Math.max(slowestMs, ended - begun)
    if (ended - begun > LONGEST_ANSWER_MS) broken('slow answers', `${what}: ${Math.round(ended - begun)} ms`)
    if (answer === undefined) {
      interrupted++
      if (!killedBetween(begun, ended)) broken('unexplained failures', `${what}: ${call.error ?? ''}`)
      return undefined
    }
    if (answer.status < 500) return answer
    const problem = parse(answer.body)
    if (answer.status === 503 && problem?.['type'] === 'urn:orders:problem:storage-unavailable') {
      unavailable++
      const named = String(problem['id'])
      if (
        answer.retryAfter === undefined ||
        problem['id'] === undefined ||
        (id !== undefined && named !== id)
      ) {
        broken('untrue answers', `${what}: 503 ${answer.body}, Retry-After ${answer.retryAfter ?? 'missing'}`)
      }
      if (!awayBetween(begun, ended) && !journal.faultBetween(named, begun, ended)) {
        broken('unexplained failures', `${what}: 503 with no fault of storage at the time`)
      }
      return undefined
    }
    interrupted++
    if (!killedBetween(begun, ended))
      broken('unexplained failures', `${what}: ${answer.status} ${answer.body}`)
    return undefined
  }

  function checkAcknowledged(call: OrderCall, answer: HttpAnswer, what: string): void {
    const told = parse(answer.body)
    const id = String(told?.['id'])
    acknowledged.add(id)
    const record = final.records.get(id)
    if (call.id !== undefined && call.id !== id) broken('untrue answers', `${what}: answered for ${id}`)
    if (record === undefined) {
      broken('lost', `${what}: ${answer.status}, and no record`)
      return
    }
    if (!same(record.content, call.content) || !sameTold(told, call.content)) {
      broken('untrue answers', `${what}: ${answer.status} ${answer.body}, the record says ${record.json}`)
    }
    if (answer.status === 200) {
      if (record.status !== 'processed') broken('lost', `${what}: 200, and the record says ${record.json}`)
      else if (record.json !== answer.body) {
        broken('untrue answers', `${what}: 200 ${answer.body}, the record says ${record.json}`)
      }
      return
    }
    if (told?.['status'] !== 'accepted' || told['acceptedAt'] !== record.acceptedAt) {
      broken('untrue answers', `${what}: 202 ${answer.body}, the record says ${record.json}`)
    }
    if (record.status !== 'processed' && !isPoisoned(id, call.content)) {
      broken('lost', `${what}: 202, and the record says ${record.json}`)
    }
  }

  for (const call of ledger.orders) {
    const what = `${call.way} ${call.id ?? 'without id'} ${JSON.stringify(call.content)}`
    const answer = answerOf(call, what, call.id)
    if (answer === undefined) continue
    if (answer.status === 200 || answer.status === 202) {
      checkAcknowledged(call, answer, what)
    } else if (answer.status === 409 && call.id !== undefined) {
      conflicts++
      const record = final.records.get(call.id)
      if (record === undefined || same(record.content, call.content)) {
        broken('untrue answers', `${what}: 409, the record says ${record?.json ?? 'nothing'}`)
      }
    } else {
      broken('untrue answers', `${what}: ${answer.status} ${answer.body}`)
    }
  }

  for (const call of ledger.lookUps) {
    const what = `look-up of ${call.id}`
    const answer = answerOf(call, what, call.id)
    if (answer === undefined) continue
    const record = final.records.get(call.id)
    const told = parse(answer.body)
    const isTrue =
      answer.status === 404
        ? !call.acknowledged
        : answer.status === 200 &&
          record !== undefined &&
          sameTold(told, record.content) &&
          (told?.['status'] === 'processed'
            ? answer.body === record.json
            : told?.['acceptedAt'] === record.acceptedAt)
    if (!isTrue) {
      broken(
        'untrue answers',
        `${what}: ${answer.status} ${answer.body}, the record says ${record?.json ?? 'nothing'}`,
      )
    }
  }

  for (const call of ledger.refused) {
    const answer = answerOf(call, `bad call (${call.expected})`, undefined)
    if (answer !== undefined && answer.status !== call.expected) {
      broken('untrue answers', `bad call: ${answer.status} instead of ${call.expected}: ${answer.body}`)
    }
  }

  // Messages: the text of each is either processed, or on the poison queue.
  const mustBePoison = new Map<string, number>()
  const mayBePoison = new Set<string>()
  const exhausted = new Set<string>()
  for (const { text, order, acknowledged: taken, messageId } of ledger.pushes) {
    mayBePoison.add(text)
    const id = order?.id ?? messageId
    const record = id === undefined ? undefined : final.records.get(id)
    const loses = order === undefined || (record !== undefined && !same(record.content, order.content))
    if (loses) {
      if (taken) mustBePoison.set(text, (mustBePoison.get(text) ?? 0) + 1)
      continue
    }
    if (poison.has(text)) exhausted.add(text)
    if (!taken) continue
    if (id !== undefined) acknowledged.add(id)
    if (record?.status !== 'processed' && !poison.has(text)) {
      broken('lost', `message ${id ?? ''} ${JSON.stringify(order.content)}: ${record?.json ?? 'no record'}`)
    }
  }
  for (const { way, id, content, answer } of ledger.orders) {
    if (way !== 'async') continue
    const named = id ?? parse(answer?.body ?? '')?.['id']
    if (typeof named !== 'string') continue
    const text = acceptedText(named, content)
    mayBePoison.add(text)
    const record = final.records.get(named)
    if (poison.has(text) && (record === undefined || same(record.content, content))) exhausted.add(text)
  }
  for (const text of exhausted) {
    if (journal.deliveries(text) < evidence.maxDequeueCount) {
      broken('poisoned too early', `${decoded(text)}: after ${journal.deliveries(text)} deliveries`)
    }
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
  for (const text of poison.keys()) {
    if (mayBePoison.has(text)) continue
    // A client that never had its answer can't name the order; its content is nobody else's.
    const order = parse(decoded(text))
    const content = { item: String(order?.['item']), quantity: Number(order?.['quantity']) }
    if (order === undefined || !sentWithout.has(key(content))) broken('poison unaccounted for', decoded(text))
  }

  // Records: sent, once, and still what they were.
  let processed = 0
  const foundWithout = new Map<string, number>()
  for (const record of final.records.values()) {
    const { id, content, status, json } = record
    if (status === 'processed') processed++
    else if (status !== 'accepted' || !isPoisoned(id, content)) broken('lost', `left as it was: ${json}`)
    const sent = sentUnder.get(id) ?? []
    if (!sent.some((one) => same(one, content))) {
      const found = (foundWithout.get(key(content)) ?? 0) + 1
      foundWithout.set(key(content), found)
      const sends = sentWithout.get(key(content))
      if (sends === undefined) broken('processed, never sent', json)
      else if (found > sends) broken('processed twice', `${found} records from ${sends} sends: ${json}`)
    }
    if (journal.processedWrites(id) > 1) {
      broken('processed twice', `written as processed ${journal.processedWrites(id)} times: ${json}`)
    }
  }
  for (const id of new Set([...evidence.changed, ...journal.writtenAfterProcessed])) {
    broken('changed after processed', `${id}: now ${final.records.get(id)?.json ?? 'gone'}`)
  }
  for (const [id, answer] of final.answers) {
    const record = final.records.get(id)
    const isTrue =
      record === undefined ? answer?.status === 404 : answer?.status === 200 && answer.body === record.json
    if (!isTrue) {
      broken('untrue answers', `at the end, of ${id}: ${answer?.status ?? 'no answer'} ${answer?.body ?? ''}`)
    }
  }
  for (let left = 0; left < final.waiting; left++) broken('left on the queue', 'a message')

  return {
    breaches,
    acknowledged: acknowledged.size,
    processed,
    exhausted: exhausted.size,
    conflicts,
    poisonExpected,
    poisonPreserved,
    poisonDuplicates,
    unavailable,
    interrupted,
    slowestMs,
  }
}

/** The text on the queue of an order that was accepted over HTTP. */
function acceptedText(id: string, { item, quantity }: Content): string {
  return Buffer.from(JSON.stringify({ id, item, quantity })).toString('base64')
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString().slice(0, 200)
}

function same(a: Content, b: Content): boolean {
  return a.item === b.item && a.quantity === b.quantity
}

function sameTold(told: Readonly<Record<string, unknown>> | undefined, { item, quantity }: Content): boolean {
  return told?.['item'] === item && told['quantity'] === quantity
}

function key({ item, quantity }: Content): string {
  return JSON.stringify([item, quantity])
}

function countOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

function parse(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(json) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
