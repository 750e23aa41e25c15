import type { ReportViolation } from './violations.ts'
import { acceptedText, contentKey, sameContent } from './content.ts'
import { poisonCounts, sentOrders, type Evidence } from './evidence.ts'
import { isSettled } from './status.ts'

/** Counts of the records. */
export interface RecordsAudit {
  readonly processed: number
}

/** Checks promise 1: every processed order was sent, was processed once, and has not changed since. */
export function auditRecords(evidence: Evidence, report: ReportViolation): RecordsAudit {
  const { ledger, final, journal } = evidence
  const poison = poisonCounts(final)
  const sent = sentOrders(ledger)
  const foundWithout = new Map<string, number>()
  let processed = 0

  for (const { id, content, status, json } of final.records.values()) {
    if (isSettled(status)) processed++
    // A record becomes accepted only after its message was sent.
    else if (!poison.has(acceptedText(id, content))) report('lost', `left as it was: ${json}`, id)

    if (!(sent.under.get(id) ?? []).some((one) => sameContent(one, content))) {
      const key = contentKey(content)
      const found = (foundWithout.get(key) ?? 0) + 1
      foundWithout.set(key, found)
      const sends = sent.without.get(key)
      if (sends === undefined) report('processed, never sent', json)
      else if (found > sends) report('processed twice', `${found} records, sent ${sends} times: ${json}`, id)
    }
    const writes = journal.processedWrites(id)
    if (writes > 1) report('processed twice', `written as processed ${writes} times: ${json}`, id)
  }
  for (const id of new Set([...evidence.changed, ...journal.writtenAfterProcessed])) {
    report('changed after processed', `${id}: now ${final.records.get(id)?.json ?? 'gone'}`)
  }
  for (const [id, response] of final.responses) {
    const record = final.records.get(id)
    const isCorrect =
      record === undefined
        ? response?.status === 404
        : response?.status === 200 && response.body === record.json
    if (!isCorrect) {
      report(
        'wrong responses',
        `at the end, of ${id}: ${response?.status ?? 'no response'} ${response?.body ?? ''}`,
      )
    }
  }
  return { processed }
}
