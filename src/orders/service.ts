import {
  InvalidOrderError,
  MalformedJsonError,
  OrderConflictError,
  OrderNotFoundError,
  StorageUnavailableError,
} from './errors.ts'
import { greet } from './greeting.ts'
import { parseJson } from './json.ts'
import {
  ORDER_ID,
  parseOrder,
  sameContent,
  type AcceptedOrder,
  type Order,
  type OrderDraft,
  type OrderRecord,
  type ProcessedOrder,
} from './order.ts'

/** A record together with the version it was read at. */
export interface StoredOrder {
  readonly record: OrderRecord
  readonly etag: string
}

/**
 * Whether a write is known to have taken place. `written: false` says only that it is not known: that something was
 * there already, that it changed meanwhile, and that no answer came all look alike, since a client library may have
 * sent the same write twice. Only reading tells.
 */
export type WriteResult = { readonly written: true } | { readonly written: false; readonly cause: unknown }

/** Port: the order records, each under its order's id. Every call ends in bounded time. */
export interface OrderRecords {
  /** The record under an id, or undefined when there is none. Throws when storage gives no answer. */
  read(id: string): Promise<StoredOrder | undefined>
  /** Writes a record where there is none. Never throws. */
  create(record: OrderRecord): Promise<WriteResult>
  /** Writes a record over the version that was read. Never throws. */
  replace(record: OrderRecord, etag: string): Promise<WriteResult>
}

/** Port: the queues. Every call ends in bounded time. What is sent never expires. */
export interface OrderQueues {
  /** Puts a message on `orders`. Throws unless it is known to be there. */
  send(message: Uint8Array): Promise<void>
  /** Puts a message, byte for byte, on `orders-poison`. Throws unless it is known to be there. */
  poison(message: Uint8Array): Promise<void>
}

/** What the service needs from outside. */
export interface ServicePorts {
  readonly records: OrderRecords
  readonly queues: OrderQueues
  /** The time. */
  readonly now: () => Date
  /** A new order id. */
  readonly newId: () => string
}

/** One delivery of a queue message. */
export interface Delivery {
  /** The message's exact bytes. */
  readonly message: Uint8Array
  /** The queue message's own id: the order's id when the message names none, so that a redelivery is the same order. */
  readonly messageId: string
  /** Whether the host will not deliver the message again. */
  readonly last: boolean
}

/**
 * What became of a delivery: the order is processed, or the message is on the poison queue, because of an error that
 * is permanent, or that met the last delivery.
 */
export type DeliveryOutcome =
  | { readonly outcome: 'processed'; readonly order: ProcessedOrder }
  | { readonly outcome: 'poisoned'; readonly orderId?: string; readonly reason: unknown }

/** The one service: what can be done with orders, whoever asks. */
export interface OrderService {
  /** A greeting, for `name` or for everyone. */
  greet(name?: string | null): string
  /**
   * Processes an order now.
   *
   * @returns the record as stored
   * @throws OrderConflictError | StorageUnavailableError
   */
  place(draft: OrderDraft): Promise<ProcessedOrder>
  /**
   * Takes an order on, to be processed from the queue: the message is enqueued and the record holds its content.
   *
   * @returns the record as stored, which may be processed already
   * @throws OrderConflictError | StorageUnavailableError
   */
  accept(draft: OrderDraft): Promise<OrderRecord>
  /**
   * Processes one delivery of a queue message. Once it returns the message is accounted for and may be deleted.
   *
   * @throws whatever kept it from being accounted for; the host delivers the message again
   */
  process(delivery: Delivery): Promise<DeliveryOutcome>
  /**
   * The record under an id.
   *
   * @throws OrderNotFoundError | StorageUnavailableError
   */
  lookUp(id: string): Promise<OrderRecord>
}

/** Builds the service over its ports. It keeps nothing between calls. */
export function createService({ records, queues, now, newId }: ServicePorts): OrderService {
  const timestamp = () => now().toISOString()

  /** Processed at the time given, but never before it was accepted: clocks of two instances differ. */
  function processed(order: Order, at: string, acceptedAt?: string): ProcessedOrder {
    return {
      id: order.id,
      item: order.item,
      quantity: order.quantity,
      status: 'processed',
      message: `Order for ${order.item} processed!`,
      ...(acceptedAt === undefined
        ? { processedAt: at }
        : { acceptedAt, processedAt: at > acceptedAt ? at : acceptedAt }),
    }
  }

  /** Reads a record that must hold this order's content. */
  async function readSame(order: Order, because: unknown): Promise<StoredOrder> {
    const stored = await readAny(order.id)
    if (stored === undefined) throw new StorageUnavailableError(order.id, because)
    if (!sameContent(stored.record, order)) throw new OrderConflictError(order.id)
    return stored
  }

  async function readAny(id: string): Promise<StoredOrder | undefined> {
    try {
      return await records.read(id)
    } catch (cause) {
      throw new StorageUnavailableError(id, cause)
    }
  }

  /** Brings an order to `processed`, from wherever it is. `place` and `process` share it. */
  async function settle(order: Order): Promise<ProcessedOrder> {
    const fresh = processed(order, timestamp())
    const creation = await records.create(fresh)
    if (creation.written) return fresh

    const { record, etag } = await readSame(order, creation.cause)
    if (record.status === 'processed') return record

    const settled = processed(order, timestamp(), record.acceptedAt)
    const replacement = await records.replace(settled, etag)
    if (replacement.written) return settled

    const { record: latest } = await readSame(order, replacement.cause)
    if (latest.status === 'processed') return latest
    throw new StorageUnavailableError(order.id, replacement.cause)
  }

  async function enqueue({ id, item, quantity }: Order): Promise<void> {
    try {
      await queues.send(new TextEncoder().encode(JSON.stringify({ id, item, quantity })))
    } catch (cause) {
      throw new StorageUnavailableError(id, cause)
    }
  }

  async function accept(draft: OrderDraft): Promise<OrderRecord> {
    const order: Order = { ...draft, id: draft.id ?? newId() }
    // Nobody else knows an id that was made just now: there is nothing to read.
    const before = draft.id === undefined ? undefined : await readAny(order.id)
    if (before !== undefined) {
      if (!sameContent(before.record, order)) throw new OrderConflictError(order.id)
      if (before.record.status === 'processed') return before.record
    }
    await enqueue(order)
    // A second message heals a lost first one, and is a no-op otherwise.
    if (before !== undefined) return before.record

    const accepted: AcceptedOrder = {
      id: order.id,
      item: order.item,
      quantity: order.quantity,
      status: 'accepted',
      acceptedAt: timestamp(),
    }
    const creation = await records.create(accepted)
    if (creation.written) return accepted
    return (await readSame(order, creation.cause)).record
  }

  async function process({ message, messageId, last }: Delivery): Promise<DeliveryOutcome> {
    let orderId: string | undefined
    try {
      const draft = parseOrder(parseJson(message))
      orderId = draft.id ?? messageId
      return { outcome: 'processed', order: await settle({ ...draft, id: orderId }) }
    } catch (error) {
      if (!isPermanent(error) && !last) throw error
      // On the last delivery the host would make its own copy, and that one expires.
      await queues.poison(message).catch((cause: unknown) => {
        throw new StorageUnavailableError(orderId ?? messageId, cause)
      })
      return { outcome: 'poisoned', reason: error, ...(orderId !== undefined && { orderId }) }
    }
  }

  return {
    greet,
    place: (draft) => settle({ ...draft, id: draft.id ?? newId() }),
    accept,
    process,
    async lookUp(id) {
      const stored = ORDER_ID.test(id) ? await readAny(id) : undefined
      if (stored === undefined) throw new OrderNotFoundError(id)
      return stored.record
    },
  }
}

/** Whether delivering the message again can't help. */
function isPermanent(error: unknown): boolean {
  return (
    error instanceof MalformedJsonError ||
    error instanceof InvalidOrderError ||
    error instanceof OrderConflictError
  )
}
