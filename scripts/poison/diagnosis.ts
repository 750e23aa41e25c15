import { InvalidOrderError, MalformedJsonError, UnreadableRecordError } from '../../src/orders/errors.ts'
import { parseJson } from '../../src/orders/json.ts'
import {
  contentOf,
  orderIdIn,
  parseOrder,
  sameContent,
  type OrderDraft,
  type OrderRecord,
} from '../../src/orders/order.ts'
import type { OrderRecords, StoredOrder } from '../../src/orders/ports.ts'
import type { PoisonMessage } from './poisonQueue.ts'
import { storageCall } from './storageCall.ts'

/** What would become of a message if the app got it now. */
export type Verdict =
  | 'would-succeed'
  | 'processed-already'
  | 'conflict'
  | 'unreadable-record'
  | 'invalid-order'
  | 'malformed-json'
  | 'not-base64'

/** What the app, as it is in this checkout, says to a message today. */
export interface Diagnosis {
  readonly verdict: Verdict
  /** Why, in words. Parts of it may come from whoever wrote the message. */
  readonly reason: string
  /** The id that the message itself gives its order. */
  readonly orderId?: string
  /** Whether a client was told that this order is accepted, and it is not processed: only this message may do that. */
  readonly acknowledged: boolean
}

/**
 * Diagnoses messages with the app's own rules, and the records as they are now.
 *
 * @throws StorageTroubleError when a record can't be read
 */
export function diagnoser(records: OrderRecords): (message: PoisonMessage) => Promise<Diagnosis> {
  return async ({ bytes }) => {
    const acknowledged = false
    if (bytes === undefined) {
      const reason = 'it is not Base64: the host never shows it to the app'
      return { verdict: 'not-base64', reason, acknowledged }
    }
    let json: unknown
    let draft: OrderDraft
    try {
      json = parseJson(bytes)
      draft = parseOrder(json)
    } catch (error) {
      if (error instanceof MalformedJsonError) {
        return { verdict: 'malformed-json', reason: error.message, acknowledged }
      }
      if (!(error instanceof InvalidOrderError)) throw error
      const orderId = orderIdIn(json)
      return {
        verdict: 'invalid-order',
        reason: error.message,
        ...(orderId !== undefined && { orderId }),
        acknowledged,
      }
    }
    const { id } = draft
    if (id === undefined) {
      const reason = 'it would succeed, as a new order: it has no id of its own'
      return { verdict: 'would-succeed', reason, acknowledged }
    }
    const stored = await storageCall(`read order ${id}`, () => read(id))
    if (stored instanceof UnreadableRecordError) {
      return { verdict: 'unreadable-record', reason: stored.message, orderId: id, acknowledged }
    }
    if (stored === undefined) {
      const reason = 'it would succeed: there is no order with its id'
      return { verdict: 'would-succeed', reason, orderId: id, acknowledged }
    }
    const { record } = stored
    if (!sameContent(record, draft)) {
      const reason =
        `its id belongs to another order, ${JSON.stringify(contentOf(record))}, ${record.status}; ` +
        `the message asks for ${JSON.stringify(contentOf(draft))}`
      return { verdict: 'conflict', reason, orderId: id, acknowledged }
    }
    return { ...againstSame(record), orderId: id }
  }

  async function read(id: string): Promise<StoredOrder | UnreadableRecordError | undefined> {
    try {
      return await records.read(id)
    } catch (error) {
      if (error instanceof UnreadableRecordError) return error
      throw error
    }
  }
}

/** What would become of a message for the order that a record holds. */
function againstSame(record: OrderRecord): Omit<Diagnosis, 'orderId'> {
  switch (record.status) {
    case 'processed':
      return {
        verdict: 'processed-already',
        reason: `its order is processed already, at ${record.processedAt}`,
        acknowledged: false,
      }
    case 'accepted':
      return {
        verdict: 'would-succeed',
        reason: `it would succeed: its order was accepted at ${record.acceptedAt} and waits to be processed`,
        acknowledged: true,
      }
  }
}
