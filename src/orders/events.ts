import { UnreadableRecordError } from './errors.ts'
import { orderIdIn, parseRecord, type OrderRecord } from './order.ts'

/**
 * An event about an order, in the JSON format of CloudEvents 1.0.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export interface OrderEvent {
  readonly specversion: '1.0'
  /** The order's id and its status: the same in every delivery of the event, so that a consumer can drop duplicates. */
  readonly id: string
  readonly source: '/orders'
  readonly type: `orders.${OrderRecord['status']}`
  /** The order's id. */
  readonly subject: string
  /** When it happened: ISO 8601, in UTC. */
  readonly time: string
  readonly datacontenttype: 'application/json'
  /** The record as stored. */
  readonly data: OrderRecord
}

/** Port: where events go. */
export interface OrderEvents {
  /** Sends an event. Throws unless it is known to be sent. */
  send(event: OrderEvent): Promise<void>
}

/** The event that a record stands for: that the order got into its status. */
export function orderEvent(record: OrderRecord): OrderEvent {
  return {
    specversion: '1.0',
    id: `${record.id}:${record.status}`,
    source: '/orders',
    type: `orders.${record.status}`,
    subject: record.id,
    time: timeOf(record),
    datacontenttype: 'application/json',
    data: record,
  }
}

function timeOf(record: OrderRecord): string {
  switch (record.status) {
    case 'accepted':
      return record.acceptedAt
    case 'processed':
      return record.processedAt
  }
}

/** What became of a batch of changes. */
export interface ChangesOutcome {
  /** Events that were sent. */
  readonly events: number
  /** Records that say nothing, since they cannot be read: no event is sent for them, now or later. */
  readonly unreadable: readonly UnreadableRecordError[]
}

/**
 * Sends an event for each order of a batch of changed records. A batch that is delivered again sends the same events again.
 *
 * @param items what is stored, as it is
 * @throws when an event is not known to be sent: then the batch must be delivered again
 */
export async function sendEvents(items: readonly unknown[], events: OrderEvents): Promise<ChangesOutcome> {
  const unreadable: UnreadableRecordError[] = []
  const records = items.flatMap((item) => {
    try {
      return [storedRecord(item)]
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error
      unreadable.push(error)
      return []
    }
  })
  // All of them: what one that fails leaves behind is as little as possible.
  const results = await Promise.allSettled(records.map((record) => events.send(orderEvent(record))))
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return { events: records.length, unreadable }
}

function storedRecord(item: unknown): OrderRecord {
  const id = orderIdIn(item)
  if (id === undefined) throw new UnreadableRecordError('without an id', ['id'])
  return parseRecord(id, item as Readonly<Record<string, unknown>>)
}
