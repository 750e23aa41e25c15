import type { OrderRecord } from './order.ts'

/** A record together with the version it was read at. */
export interface StoredOrder {
  readonly record: OrderRecord
  readonly etag: string
}

/**
 * Whether a write is known to have taken place. `written: false` says only that it is not known: that something was
 * there already, that it changed meanwhile, and that no response came all look alike, since a client library may have
 * sent the same write twice. Only reading tells.
 */
export type WriteResult = { readonly written: true } | { readonly written: false; readonly cause: unknown }

/** Port: the order records, each under its order's id. Every call ends in bounded time. */
export interface OrderRecords {
  /**
   * The record under an id, or undefined when there is none.
   *
   * @throws UnreadableRecordError when what is there is not a record that this version can read
   * @throws whatever else kept storage from responding
   */
  read(id: string): Promise<StoredOrder | undefined>
  /** Writes a record where there is none. Never throws. */
  create(record: OrderRecord): Promise<WriteResult>
  /** Writes a record over the version that was read. Never throws. */
  replace(record: OrderRecord, etag: string): Promise<WriteResult>
}

/** Port: the queues. Every call ends in bounded time. What is sent never expires. */
export interface OrderQueues {
  /**
   * Puts a message on the queue of its order, or on `orders` when the order's id is not known. Throws unless it is known to be
   * there.
   */
  send(message: Uint8Array, orderId?: string): Promise<void>
  /** Puts a message, byte for byte, on `orders-poison`. Throws unless it is known to be there. */
  poison(message: Uint8Array): Promise<void>
}

/** The service's storage ports. */
export interface OrderStorage {
  readonly records: OrderRecords
  readonly queues: OrderQueues
}
