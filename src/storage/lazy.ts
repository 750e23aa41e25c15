import { once } from '../once.ts'
import type { OrderRecords, OrderStorage, WriteResult } from '../orders/ports.ts'

/**
 * Storage that is loaded when it is first used, so that the app starts without it and `hello` never waits for it.
 * Loading that fails is tried again on the next use.
 */
export function lazyStorage(load: () => Promise<OrderStorage>): OrderStorage {
  const storage = once(load)
  async function write(operation: (records: OrderRecords) => Promise<WriteResult>): Promise<WriteResult> {
    try {
      return await operation((await storage()).records)
    } catch (cause) {
      return { written: false, cause }
    }
  }
  return {
    records: {
      read: async (id) => (await storage()).records.read(id),
      create: (record) => write((records) => records.create(record)),
      replace: (record, etag) => write((records) => records.replace(record, etag)),
    },
    queues: {
      send: async (message, orderId) => (await storage()).queues.send(message, orderId),
      poison: async (message) => (await storage()).queues.poison(message),
    },
  }
}
