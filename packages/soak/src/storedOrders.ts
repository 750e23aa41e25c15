import { ChangeFeedStartFrom, CosmosClient, StatusCodes } from '@azure/cosmos'
import { TableClient, type TableEntityResult } from '@azure/data-tables'
import { QueueServiceClient, type DequeuedMessageItem } from '@azure/storage-queue'
import {
  COSMOS_DATABASE,
  EVENTS_QUEUE,
  ORDERS_CONTAINER,
  ORDERS_QUEUE,
  ORDERS_TABLE,
} from '../../../src/storage/names.ts'
import { ownQueues } from '../../../src/storage/ownQueues.ts'
import { contentFields, parseRecord } from '../../../src/orders/order.ts'
import { fromColumns } from '../../../src/storage/columns.ts'
import { contentIn } from './content.ts'
import { statusIn, type StoredStatus } from './status.ts'

/** A record, in a table or in Cosmos DB. */
export interface StoredOrder {
  readonly id: string
  /** Its content fields, as they are stored. */
  readonly content: Readonly<Record<string, unknown>>
  readonly status: StoredStatus
  readonly acceptedAt: string | undefined
  /** Changes with every write. */
  readonly etag: string
  /** The JSON that every response with this record must have. */
  readonly json: string
}

/** A page of the records; `next` is the start of the following one. */
export interface StoredPage {
  readonly orders: readonly StoredOrder[]
  readonly next: string | undefined
}

/** Reads records and queues directly, past the app and the fault proxy. */
export interface StorageReader {
  page(from: string | undefined): Promise<StoredPage>
  all(): Promise<Map<string, StoredOrder>>
  /** The number of messages on all queues of orders, including invisible ones. */
  waiting(): Promise<number>
  /** Removes all messages from the poison queues. Returns their texts, and how many of them have an expiry. */
  takePoison(): Promise<{ readonly texts: readonly string[]; readonly expiring: number }>
  /** Removes a few events about orders from their queue, after telling the text of each. Returns how many. */
  takeEvents(tell: (text: string) => void): Promise<number>
}

const PAGE_SIZE = 1000
/** For a list of the queues. */
const LISTING_MS = 30_000
const SEVEN_DAYS_MS = 7 * 24 * 60 * 60 * 1000

type ReadPage = (from: string | undefined) => Promise<StoredPage>

/**
 * A reader for the storage of a connection string.
 *
 * @param cosmos connection string of Cosmos DB, if the records are there
 */
export function storageReader(connection: string, cosmos?: string): StorageReader {
  const page = cosmos === undefined ? tablePages(connection) : cosmosPages(cosmos)
  const queues = QueueServiceClient.fromConnectionString(connection)
  return reader(page, queues)
}

/** Pages of the change feed, each record as it is: the emulator's queries take longer with the square of what is stored. */
function cosmosPages(connection: string): ReadPage {
  const client = new CosmosClient(connection)
  const { items } = client.database(COSMOS_DATABASE).container(ORDERS_CONTAINER)
  return async (from) => {
    const changeFeedStartFrom =
      from === undefined ? ChangeFeedStartFrom.Beginning() : ChangeFeedStartFrom.Continuation(from)
    try {
      const { statusCode, result, continuationToken } = await items
        // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as the library's documentation does
        .getChangeFeedIterator<Record<string, unknown>>({ maxItemCount: PAGE_SIZE, changeFeedStartFrom })
        .readNext()
      if (statusCode !== StatusCodes.NotModified)
        return { orders: result.map(itemToStored), next: continuationToken }
    } catch (error) {
      if ((error as { code?: unknown }).code !== StatusCodes.NotFound) throw error
    }
    return { orders: [], next: undefined }
  }
}

function tablePages(connection: string): ReadPage {
  const table = TableClient.fromConnectionString(connection, ORDERS_TABLE, { allowInsecureConnection: true })
  return async (from) => {
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
}

function reader(page: ReadPage, queues: QueueServiceClient): StorageReader {
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
      const { orders } = await ownQueues(queues, LISTING_MS)
      const depths = await Promise.all(
        orders.map(async (name) => {
          const queue = queues.getQueueClient(name)
          if (name === ORDERS_QUEUE && !(await queue.exists())) return 0
          return (await queue.getProperties()).approximateMessagesCount ?? 0
        }),
      )
      return depths.reduce((sum, depth) => sum + depth, 0)
    },
    async takePoison() {
      const texts: string[] = []
      let expiring = 0
      for (const name of (await ownQueues(queues, LISTING_MS)).poison) {
        const tell = ({ messageText, expiresOn }: DequeuedMessageItem) => {
          texts.push(messageText)
          if (expiresOn.getTime() - Date.now() <= SEVEN_DAYS_MS) expiring++
        }
        while ((await takeSome(queues, name, tell)) > 0);
      }
      return { texts, expiring }
    },
    takeEvents: (tell) =>
      takeSome(queues, EVENTS_QUEUE, ({ messageText }) => {
        tell(Buffer.from(messageText, 'base64').toString())
      }),
  }
}

/** Receives, tells and deletes a few messages, none if there is no such queue. Returns how many. */
async function takeSome(
  queues: QueueServiceClient,
  name: string,
  tell: (message: DequeuedMessageItem) => void,
): Promise<number> {
  const queue = queues.getQueueClient(name)
  if (!(await queue.exists())) return 0
  const { receivedMessageItems: some } = await queue.receiveMessages({ numberOfMessages: 32 })
  for (const message of some) {
    tell(message)
    await queue.deleteMessage(message.messageId, message.popReceipt)
  }
  return some.length
}

function toStored({
  rowKey: id = '',
  etag,
  ...columns
}: TableEntityResult<Record<string, unknown>>): StoredOrder {
  const { fields, damaged } = fromColumns(contentFields, columns)
  return storedOrder(id, etag, fields, damaged)
}

function itemToStored({ id, _etag: etag, ...fields }: Readonly<Record<string, unknown>>): StoredOrder {
  const own = Object.entries(fields).filter(([name]) => !name.startsWith('_'))
  return storedOrder(String(id), String(etag), Object.fromEntries(own), [])
}

function storedOrder(
  id: string,
  etag: string,
  fields: Readonly<Record<string, unknown>>,
  damaged: readonly string[],
): StoredOrder {
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
