import type { ReportBreach } from './breaches.ts'
import { acceptedText, jsonObject, sameContent, type Content } from './content.ts'
import { poisonCounts, type Evidence } from './evidence.ts'
import type { Call, HttpAnswer, LookUp, OrderCall, RefusedCall } from './ledger.ts'

/** An HTTP call has its answer by then, whatever dies. */
const LONGEST_ANSWER_MS = 10_000

/** What the HTTP calls come to. */
export interface CallsAccount {
  /** Ids of the orders that were answered 200 or 202. */
  readonly acknowledged: ReadonlySet<string>
  readonly conflicts: number
  /** 503 from the app. */
  readonly unavailable: number
  /** No answer, or 5xx from the host, while it or its worker was dead. */
  readonly interrupted: number
  readonly slowestMs: number
}

/** Checks that every answer was true, and is; that every failure had its reason; and that none took too long. */
export function accountCalls(evidence: Evidence, broken: ReportBreach): CallsAccount {
  const { ledger, final, journal, killedBetween, awayBetween } = evidence
  const poison = poisonCounts(final)
  const acknowledged = new Set<string>()
  let conflicts = 0
  let unavailable = 0
  let interrupted = 0
  let slowestMs = 0

  /** What every call must keep. Answers the answer, unless it is a failure, which says nothing about an order. */
  function answerOf(call: Call, what: string, id: string | undefined): HttpAnswer | undefined {
    const { begun, ended, answer } = call
    slowestMs = Math.max(slowestMs, ended - begun)
    if (ended - begun > LONGEST_ANSWER_MS) broken('slow answers', `${what}: ${Math.round(ended - begun)} ms`)
    if (answer !== undefined && answer.status < 500) return answer

    const problem = jsonObject(answer?.body ?? '')
    if (answer?.status === 503 && problem?.['type'] === 'urn:orders:problem:storage-unavailable') {
      unavailable++
      const named = problem['id']
      if (answer.retryAfter === undefined || typeof named !== 'string' || (id ?? named) !== named) {
        broken('untrue answers', `${what}: 503 ${answer.body}, Retry-After ${answer.retryAfter ?? 'missing'}`)
      } else if (!awayBetween(begun, ended) && !journal.faultBetween(named, begun, ended)) {
        broken('unexplained failures', `${what}: 503, and storage had no fault at the time`)
      }
      return undefined
    }
    interrupted++
    if (!killedBetween(begun, ended)) {
      const failure = answer === undefined ? (call.error ?? '') : `${answer.status} ${answer.body}`
      broken('unexplained failures', `${what}: ${failure}`)
    }
    return undefined
  }

  function checkAcknowledged(call: OrderCall, { status, body }: HttpAnswer, what: string): void {
    const told = jsonObject(body)
    const id = String(told?.['id'])
    acknowledged.add(id)
    const record = final.records.get(id)
    if (record === undefined) {
      broken('lost', `${what}: ${status}, and there is no record`, id)
      return
    }
    const isTrue =
      id === (call.id ?? id) &&
      sameContent(record.content, call.content) &&
      tells(told, call.content) &&
      (status === 200
        ? body === record.json
        : told?.['status'] === 'accepted' && told['acceptedAt'] === record.acceptedAt)
    if (!isTrue) broken('untrue answers', `${what}: ${status} ${body}, the record says ${record.json}`)
    // Promise 2: an accepted order is processed, or its message is on the poison queue.
    const kept =
      record.status === 'processed' || (status === 202 && poison.has(acceptedText(id, call.content)))
    if (!kept) broken('lost', `${what}: ${status}, and the record says ${record.json}`, id)
  }

  function checkOrder(call: OrderCall): void {
    const what = `${call.way} ${call.id ?? 'without id'} ${JSON.stringify(call.content)}`
    const answer = answerOf(call, what, call.id)
    if (answer === undefined) return
    if (answer.status === 200 || answer.status === 202) {
      checkAcknowledged(call, answer, what)
      return
    }
    const record = call.id === undefined ? undefined : final.records.get(call.id)
    if (answer.status === 409) conflicts++
    // Promise 3: a 409 stays true.
    if (answer.status !== 409 || record === undefined || sameContent(record.content, call.content)) {
      broken(
        'untrue answers',
        `${what}: ${answer.status} ${answer.body}, the record says ${record?.json ?? 'nothing'}`,
      )
    }
  }

  function checkLookUp(call: LookUp): void {
    const what = `look-up of ${call.id}`
    const answer = answerOf(call, what, call.id)
    if (answer === undefined) return
    const record = final.records.get(call.id)
    const told = jsonObject(answer.body)
    const isTrue =
      answer.status === 404
        ? !call.acknowledged
        : answer.status === 200 &&
          record !== undefined &&
          tells(told, record.content) &&
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

  function checkRefused(call: RefusedCall): void {
    const answer = answerOf(call, `call that must be answered ${call.expected}`, undefined)
    if (answer !== undefined && answer.status !== call.expected) {
      broken('untrue answers', `${answer.status} instead of ${call.expected}: ${answer.body}`)
    }
  }

  ledger.orders.forEach(checkOrder)
  ledger.lookUps.forEach(checkLookUp)
  ledger.refused.forEach(checkRefused)
  return { acknowledged, conflicts, unavailable, interrupted, slowestMs }
}

function tells(told: Readonly<Record<string, unknown>> | undefined, { item, quantity }: Content): boolean {
  return told?.['item'] === item && told['quantity'] === quantity
}
