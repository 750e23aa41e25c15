import type { ReportBreach } from './breaches.ts'
import { acceptedText, contentKey, sameContent } from './content.ts'
import { poisonCounts, sentOrders, type Evidence } from './evidence.ts'

/** What the table comes to. */
export interface RecordsAccount {
  readonly processed: number
}

/** Checks promise 1: what is processed was sent, once, and stays as it is. */
export function accountRecords(evidence: Evidence, broken: ReportBreach): RecordsAccount {
  const { ledger, final, journal } = evidence
  const poison = poisonCounts(final)
  const sent = sentOrders(ledger)
  const foundWithout = new Map<string, number>()
  let processed = 0

  for (const { id, content, status, json } of final.records.values()) {
    if (status === 'processed') processed++
    // A record is accepted only after its message was sent.
    else if (!poison.has(acceptedText(id, content))) broken('lost', `left as it was: ${json}`, id)

    if (!(sent.under.get(id) ?? []).some((one) => sameContent(one, content))) {
      const key = contentKey(content)
      const found = (foundWithout.get(key) ?? 0) + 1
      foundWithout.set(key, found)
      const sends = sent.without.get(key)
      if (sends === undefined) broken('processed, never sent', json)
      else if (found > sends) broken('processed twice', `${found} records, sent ${sends} times: ${json}`, id)
    }
    const writes = journal.processedWrites(id)
    if (writes > 1) broken('processed twice', `written as processed ${writes} times: ${json}`, id)
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
  return { processed }
}
