import { TableClient, type TableEntityResult } from '@azure/data-tables'
import { QueueServiceClient } from '@azure/storage-queue'
import { ORDERS_QUEUE, ORDERS_TABLE, POISON_QUEUE } from '../../../src/storage/names.ts'
import { contentFields, parseRecord } from '../../../src/orders/order.ts'
import { fromColumns } from '../../../src/storage/columns.ts'
import { contentIn } from './content.ts'
import { statusIn, type StoredStatus } from './status.ts'

/** A record in the table. */
export interface StoredOrder {
  readonly id: string
  /** Its content fields, as the columns hold them. */
  readonly content: Readonly<Record<string, unknown>>
  readonly status: StoredStatus
  readonly acceptedAt: string | undefined
  /** Changes with every write. */
  readonly etag: string
  /** The JSON that every response with this record must have. */
  readonly json: string
}

/** A page of the table; `next` is the start of the following one. */
export interface StoredPage {
  readonly orders: readonly StoredOrder[]
  readonly next: string | undefined
}

/** Reads tables and queues directly, past the app and the fault proxy. */
export interface StorageReader {
  page(from: string | undefined): Promise<StoredPage>
  all(): Promise<Map<string, StoredOrder>>
  /** The number of messages on `orders`, including invisible ones. */
  waiting(): Promise<number>
  /** Removes all messages from `orders-poison`. Returns their texts, and how many of them have an expiry. */
  takePoison(): Promise<{ readonly texts: readonly string[]; readonly expiring: number }>
}

const PAGE_SIZE = 1000
const SEVEN_DAYS_MS = 7 * 24 * 60 * 60 * 1000

/** A reader for the storage of a connection string. */
export function storageReader(connection: string): StorageReader {
  const table = TableClient.fromConnectionString(connection, ORDERS_TABLE, { allowInsecureConnection: true })
  const queues = QueueServiceClient.fromConnectionString(connection)
  const orders = queues.getQueueClient(ORDERS_QUEUE)
  const poison = queues.getQueueClient(POISON_QUEUE)

  async function page(from: string | undefined): Promise<StoredPage> {
    try {
      const pages = table.listEntities().byPage({
        maxPageSize: PAGE_SIZE,
        ...(from !== undefined && { continuationToken: from }),
      })
      for await (const entities of pages) {
        return { orders: entities.map(toStored), next: entities.continuationToken }
      }
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error
    }
    return { orders: [], next: undefined }
  }

  return {
    page,
    async all() {
      const found = new Map<string, StoredOrder>()
      let from: string | undefined
      do {
        const { orders: some, next } = await page(from)
        for (const order of some) found.set(order.id, order)
        from = next
      } while (from !== undefined)
      return found
    },
    async waiting() {
      if (!(await orders.exists())) return 0
      return (await orders.getProperties()).approximateMessagesCount ?? 0
    },
    async takePoison() {
      const texts: string[] = []
      let expiring = 0
      if (!(await poison.exists())) return { texts, expiring }
      for (;;) {
        const { receivedMessageItems: some } = await poison.receiveMessages({ numberOfMessages: 32 })
        if (some.length === 0) return { texts, expiring }
        for (const { messageId, popReceipt, messageText, expiresOn } of some) {
          texts.push(messageText)
          if (expiresOn.getTime() - Date.now() <= SEVEN_DAYS_MS) expiring++
          await poison.deleteMessage(messageId, popReceipt)
        }
      }
    },
  }
}

function toStored({
  rowKey: id = '',
  etag,
  ...columns
}: TableEntityResult<Record<string, unknown>>): StoredOrder {
  const { fields, damaged } = fromColumns(contentFields, columns)
  const { acceptedAt } = fields
  const common = {
    id,
    content: contentIn(fields),
    acceptedAt: typeof acceptedAt === 'string' ? acceptedAt : undefined,
    etag,
  }
  try {
    if (damaged.length > 0) throw new Error(`damaged: ${damaged.join(', ')}`)
    const json = JSON.stringify(parseRecord(id, fields))
    return { ...common, status: statusIn(fields), json }
  } catch (error) {
    return {
      ...common,
      status: 'unreadable',
      json: `${JSON.stringify({ id, ...fields })} (${String(error)})`,
    }
  }
}
