import {
  OrderConflictError,
  OrderError,
  OrderNotFoundError,
  StorageUnavailableError,
  UnreadableRecordError,
} from './errors.ts'
import { greet } from './greeting.ts'
import { parseJson } from './json.ts'
import {
  ORDER_ID,
  contentOf,
  orderIdIn,
  parseOrder,
  sameContent,
  type AcceptedOrder,
  type Order,
  type OrderDraft,
  type OrderRecord,
  type ProcessedOrder,
} from './order.ts'
import type { OrderStorage, StoredOrder } from './ports.ts'

/** What the service needs from outside. */
export interface ServicePorts extends OrderStorage {
  /** The time. */
  readonly now: () => Date
  /** A new order id. */
  readonly newId: () => string
}

/** One delivery of a queue message. */
export interface Delivery {
  /** The message's exact bytes. */
  readonly message: Uint8Array
  /**
   * The queue message's own id: the order's id when the message names none, so that a redelivery is the same order. A
   * delivery that is no queue message's, such as a call of the host's admin API, has none; such an order gets a new id.
   */
  readonly messageId?: string | undefined
  /** Whether the host will not deliver the message again. */
  readonly last: boolean
}

/**
 * The result of a delivery: the order is processed, or the message is on the poison queue because of a permanent error, or
 * of any error on the last delivery.
 */
export type DeliveryOutcome =
  | { readonly outcome: 'processed'; readonly order: ProcessedOrder }
  | { readonly outcome: 'poisoned'; readonly orderId?: string; readonly reason: unknown }

/** One line of a file of orders. */
export interface OrderLine {
  /**
   * Reads the line as a JSON value.
   *
   * @throws OrderError when it holds none
   */
  readonly input: () => unknown
  /** The order's id when the line names none: the same in every run of the file, so that a second run is the same orders. */
  readonly lineId: string
}

/** The result of a line: its order is processed, by this call or `already` before it, or the line is refused for good. */
export type LineOutcome =
  | { readonly outcome: 'processed'; readonly order: ProcessedOrder; readonly already: boolean }
  | { readonly outcome: 'refused'; readonly orderId?: string; readonly reason: OrderError }

/** The one service: everything that can be done with orders, for every trigger. */
export interface OrderService {
  /** A greeting, for `name` or for everyone. */
  greet(name?: string | null): string
  /**
   * Processes an order now.
   *
   * @returns the record as stored
   * @throws OrderConflictError | StorageUnavailableError | UnreadableRecordError
   */
  place(draft: OrderDraft): Promise<ProcessedOrder>
  /**
   * Accepts an order, to be processed from the queue: the message is enqueued and the record holds its content.
   *
   * @returns the record as stored, which may be processed already
   * @throws OrderConflictError | StorageUnavailableError | UnreadableRecordError
   */
  accept(draft: OrderDraft): Promise<OrderRecord>
  /**
   * Processes one delivery of a queue message. When it returns, the message can be deleted: its order is processed, or it is
   * on the poison queue.
   *
   * @throws any other error; the host delivers the message again
   */
  process(delivery: Delivery): Promise<DeliveryOutcome>
  /**
   * Processes the order of one line of a file, now. A line under whose id a record is stored that cannot be read is refused,
   * too: it keeps no other line waiting, and asking again would not help.
   *
   * @throws StorageUnavailableError the outcome is unknown, and a retry with the same line is safe
   */
  processLine(line: OrderLine): Promise<LineOutcome>
  /**
   * Gets the record under an id.
   *
   * @throws OrderNotFoundError | StorageUnavailableError | UnreadableRecordError
   */
  get(id: string): Promise<OrderRecord>
}

/** A processed record, and whether it was that before. A lost answer to the write that made it so looks like `already`, too. */
interface Settled {
  readonly order: ProcessedOrder
  readonly already: boolean
}

/** Builds the service over its ports. It keeps nothing between calls. */
export function createService({ records, queues, now, newId }: ServicePorts): OrderService {
  const timestamp = () => now().toISOString()

  /** Processed at the time given, but never before it was accepted: the clocks of two instances differ. */
  function processed(order: Order, at: string, acceptedAt?: string): ProcessedOrder {
    return {
      id: order.id,
      ...contentOf(order),
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
      if (cause instanceof UnreadableRecordError) throw cause
      throw new StorageUnavailableError(id, cause)
    }
  }

  /** Brings an order to `processed`, from wherever it is. `place`, `process` and `processLine` share it. */
  async function settle(order: Order): Promise<Settled> {
    const fresh = processed(order, timestamp())
    const creation = await records.create(fresh)
    if (creation.written) return { order: fresh, already: false }

    const { record, etag } = await readSame(order, creation.cause)
    switch (record.status) {
      case 'processed':
        return { order: record, already: true }
      case 'accepted':
        return replaceAccepted(order, record, etag)
      default:
        throw undecided(record)
    }
  }

  async function replaceAccepted(order: Order, accepted: AcceptedOrder, etag: string): Promise<Settled> {
    const settled = processed(order, timestamp(), accepted.acceptedAt)
    const replacement = await records.replace(settled, etag)
    if (replacement.written) return { order: settled, already: false }

    const { record: latest } = await readSame(order, replacement.cause)
    switch (latest.status) {
      case 'processed':
        return { order: latest, already: true }
      case 'accepted':
        throw new StorageUnavailableError(order.id, replacement.cause)
      default:
        throw undecided(latest)
    }
  }

  async function enqueue(order: Order): Promise<void> {
    try {
      const message = new TextEncoder().encode(JSON.stringify({ id: order.id, ...contentOf(order) }))
      await queues.send(message, order.id)
    } catch (cause) {
      throw new StorageUnavailableError(order.id, cause)
    }
  }

  async function accept(draft: OrderDraft): Promise<OrderRecord> {
    const order: Order = { ...draft, id: draft.id ?? newId() }
    // Nobody else knows an id that was made just now: there is nothing to read.
    const before = draft.id === undefined ? undefined : await readAny(order.id)
    if (before !== undefined) {
      const { record } = before
      if (!sameContent(record, order)) throw new OrderConflictError(order.id)
      switch (record.status) {
        case 'processed':
          return record
        case 'accepted':
          // A second message replaces one that was lost, and is a no-op otherwise.
          await enqueue(order)
          return record
        default:
          throw undecided(record)
      }
    }
    await enqueue(order)
    const accepted: AcceptedOrder = {
      id: order.id,
      ...contentOf(order),
      status: 'accepted',
      acceptedAt: timestamp(),
    }
    const creation = await records.create(accepted)
    if (creation.written) return accepted
    const { record } = await readSame(order, creation.cause)
    switch (record.status) {
      case 'processed':
      case 'accepted':
        return record
      default:
        throw undecided(record)
    }
  }

  async function process({ message, messageId, last }: Delivery): Promise<DeliveryOutcome> {
    const ownId = messageId ?? newId()
    let orderId: string | undefined
    try {
      const input = parseJson(message)
      orderId = orderIdIn(input)
      const draft = parseOrder(input)
      orderId = draft.id ?? ownId
      return { outcome: 'processed', order: (await settle({ ...draft, id: orderId })).order }
    } catch (error) {
      const permanent = error instanceof OrderError && error.kind.permanent
      if (!permanent && !last) throw error
      // On the last delivery the host would make its own copy, and that one expires.
      await queues.poison(message).catch((cause: unknown) => {
        throw new StorageUnavailableError(orderId ?? ownId, cause)
      })
      return { outcome: 'poisoned', reason: error, ...(orderId !== undefined && { orderId }) }
    }
  }

  async function processLine({ input, lineId }: OrderLine): Promise<LineOutcome> {
    let orderId: string | undefined
    try {
      const value = input()
      orderId = orderIdIn(value)
      const draft = parseOrder(value)
      orderId = draft.id ?? lineId
      return { outcome: 'processed', ...(await settle({ ...draft, id: orderId })) }
    } catch (error) {
      if (!(error instanceof OrderError) || error instanceof StorageUnavailableError) throw error
      return { outcome: 'refused', reason: error, ...(orderId !== undefined && { orderId }) }
    }
  }

  return {
    greet,
    place: async (draft) => (await settle({ ...draft, id: draft.id ?? newId() })).order,
    accept,
    process,
    processLine,
    async get(id) {
      const stored = ORDER_ID.test(id) ? await readAny(id) : undefined
      if (stored === undefined) throw new OrderNotFoundError()
      return stored.record
    },
  }
}

/** The type checker sees to it that no status is left for this. */
function undecided(record: never): TypeError {
  const { status } = record as OrderRecord
  return new TypeError(`Nothing is decided for the status ${status}.`)
}
