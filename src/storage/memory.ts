import type { OrderRecord } from '../orders/order.ts'
import type { OrderQueues, OrderRecords, StoredOrder } from '../orders/ports.ts'

/** The service's ports, in memory, and what is behind them. */
export interface MemoryStorage {
  readonly records: OrderRecords
  readonly queues: OrderQueues
  readonly table: Map<string, StoredOrder>
  readonly orders: Uint8Array[]
  readonly poisoned: Uint8Array[]
}

/** Storage that always works. */
export function memoryStorage(): MemoryStorage {
  const table = new Map<string, StoredOrder>()
  const orders: Uint8Array[] = []
  const poisoned: Uint8Array[] = []
  let version = 0
  const write = (record: OrderRecord) => {
    table.set(record.id, { record, etag: `v${++version}` })
    return { written: true } as const
  }
  const refused = (reason: string) => ({ written: false, cause: new Error(reason) }) as const
  return {
    table,
    orders,
    poisoned,
    records: {
      read: (id) => Promise.resolve(table.get(id)),
      create: (record) => Promise.resolve(table.has(record.id) ? refused('exists') : write(record)),
      replace: (record, etag) =>
        Promise.resolve(table.get(record.id)?.etag === etag ? write(record) : refused('changed')),
    },
    queues: {
      send: (message) => {
        orders.push(message)
        return Promise.resolve()
      },
      poison: (message) => {
        poisoned.push(message)
        return Promise.resolve()
      },
    },
  }
}
