import { orderRecordSchema, type OrderRecord } from '../../../src/orders/order.ts'

/** The status of a record; `unreadable` if the record cannot be read back as one. */
export type StoredStatus = OrderRecord['status'] | 'unreadable'

const STATUSES = new Map<unknown, OrderRecord['status']>(
  orderRecordSchema.options.map(({ entries }) => [entries.status.literal, entries.status.literal]),
)

/** The status in an order record, which may be anything. */
export function statusIn(record: Readonly<Record<string, unknown>> | undefined): StoredStatus {
  return STATUSES.get(record?.['status']) ?? 'unreadable'
}

/** Whether an order with this status is processed, and its record never changes again. */
export function isSettled(status: StoredStatus): boolean {
  switch (status) {
    case 'processed':
      return true
    case 'accepted':
    case 'unreadable':
      return false
    default:
      return status satisfies never
  }
}

/** Whether an order with this status waits for its message to be processed. */
export function isWaiting(status: StoredStatus): boolean {
  switch (status) {
    case 'accepted':
      return true
    case 'processed':
    case 'unreadable':
      return false
    default:
      return status satisfies never
  }
}
