import type { ReportViolation } from './violations.ts'
import { acceptedText, jsonObject, sameContent } from './content.ts'
import { poisonCounts, type Evidence } from './evidence.ts'
import type { Call, HttpResponse, ReadCall, OrderCall, RefusedCall } from './ledger.ts'
import { isSettled, isWaiting, statusIn } from './status.ts'

/** Every HTTP call must have its response within this time. */
const MAX_RESPONSE_MS = 10_000

/** Counts of the HTTP calls. */
export interface CallsAudit {
  /** Ids of the orders for which a client got 200 or 202. */
  readonly acknowledged: ReadonlySet<string>
  readonly conflicts: number
  /** 503 from the app. */
  readonly unavailable: number
  /** No response, or 5xx from the host, while it or its worker was down. */
  readonly interrupted: number
  readonly slowestMs: number
}

/** Checks that every response was correct and still is, that every failure has a cause, and that no response was slow. */
export function auditCalls(evidence: Evidence, report: ReportViolation): CallsAudit {
  const { ledger, final, journal, killedBetween, outageBetween } = evidence
  const poison = poisonCounts(final)
  const acknowledged = new Set<string>()
  let conflicts = 0
  let unavailable = 0
  let interrupted = 0
  let slowestMs = 0

  /** The checks for every call. Returns the response, unless it is a failure, which says nothing about an order. */
  function responseOf(call: Call, what: string, id: string | undefined): HttpResponse | undefined {
    const { begun, ended, response } = call
    slowestMs = Math.max(slowestMs, ended - begun)
    if (ended - begun > MAX_RESPONSE_MS) report('slow responses', `${what}: ${Math.round(ended - begun)} ms`)
    if (response !== undefined && response.status < 500) return response

    const problem = jsonObject(response?.body ?? '')
    if (response?.status === 503 && problem?.['type'] === 'urn:orders:problem:storage-unavailable') {
      unavailable++
      const named = problem['id']
      if (response.retryAfter === undefined || typeof named !== 'string' || (id ?? named) !== named) {
        report(
          'wrong responses',
          `${what}: 503 ${response.body}, Retry-After ${response.retryAfter ?? 'missing'}`,
        )
      } else if (!outageBetween(begun, ended) && !journal.faultBetween(named, begun, ended)) {
        report('unexplained failures', `${what}: 503, and storage had no fault at the time`)
      }
      return undefined
    }
    interrupted++
    if (!killedBetween(begun, ended)) {
      const failure = response === undefined ? (call.error ?? '') : `${response.status} ${response.body}`
      report('unexplained failures', `${what}: ${failure}`)
    }
    return undefined
  }

  function checkAcknowledged(call: OrderCall, { status, body }: HttpResponse, what: string): void {
    const returned = jsonObject(body)
    const id = String(returned?.['id'])
    acknowledged.add(id)
    const record = final.records.get(id)
    if (record === undefined) {
      report('lost', `${what}: ${status}, and there is no record`, id)
      return
    }
    const isCorrect =
      id === (call.id ?? id) &&
      sameContent(record.content, call.content) &&
      sameContent(returned, call.content) &&
      (status === 200
        ? body === record.json
        : isWaiting(statusIn(returned)) && returned?.['acceptedAt'] === record.acceptedAt)
    if (!isCorrect) report('wrong responses', `${what}: ${status} ${body}, the record says ${record.json}`)
    // Promise 2: an accepted order is processed, or its message is on the poison queue.
    const kept = isSettled(record.status) || (status === 202 && poison.has(acceptedText(id, call.content)))
    if (!kept) report('lost', `${what}: ${status}, and the record says ${record.json}`, id)
  }

  function checkOrder(call: OrderCall): void {
    const what = `${call.way} ${call.id ?? 'without id'} ${JSON.stringify(call.content)}`
    const response = responseOf(call, what, call.id)
    if (response === undefined) return
    if (response.status === 200 || response.status === 202) {
      checkAcknowledged(call, response, what)
      return
    }
    const record = call.id === undefined ? undefined : final.records.get(call.id)
    if (response.status === 409) conflicts++
    // Promise 3: a 409 is final.
    if (response.status !== 409 || record === undefined || sameContent(record.content, call.content)) {
      report(
        'wrong responses',
        `${what}: ${response.status} ${response.body}, the record says ${record?.json ?? 'nothing'}`,
      )
    }
  }

  function checkRead(call: ReadCall): void {
    const what = `GET of ${call.id}`
    const response = responseOf(call, what, call.id)
    if (response === undefined) return
    const record = final.records.get(call.id)
    const returned = jsonObject(response.body)
    const isCorrect =
      response.status === 404
        ? !call.acknowledged
        : response.status === 200 &&
          record !== undefined &&
          sameContent(returned, record.content) &&
          (isSettled(statusIn(returned))
            ? response.body === record.json
            : returned?.['acceptedAt'] === record.acceptedAt)
    if (!isCorrect) {
      report(
        'wrong responses',
        `${what}: ${response.status} ${response.body}, the record says ${record?.json ?? 'nothing'}`,
      )
    }
  }

  function checkRefused(call: RefusedCall): void {
    const response = responseOf(call, `call that must get ${call.expected}`, undefined)
    if (response !== undefined && response.status !== call.expected) {
      report('wrong responses', `${response.status} instead of ${call.expected}: ${response.body}`)
    }
  }

  ledger.orders.forEach(checkOrder)
  ledger.reads.forEach(checkRead)
  ledger.refused.forEach(checkRefused)
  return { acknowledged, conflicts, unavailable, interrupted, slowestMs }
}
