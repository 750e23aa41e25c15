import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import {
  ChangeFeedStartFrom,
  StatusCodes,
  type ChangeFeedIteratorResponse,
  type Container,
  type CosmosClient,
} from '@azure/cosmos'
import { UnreadableRecordError } from '../../src/orders/errors.ts'
import { parseRecord } from '../../src/orders/order.ts'
import type { WriteResult } from '../../src/orders/ports.ts'
import { cosmosOrderRecords, createContainer } from '../../src/storage/cosmos.ts'
import { COSMOS_DATABASE, ORDERS_CONTAINER } from '../../src/storage/names.ts'
import { STORAGE_CALL_MS, storageCall } from '../poison/storageCall.ts'
import { entityOf, recordOf, type StoredEntity } from './entity.ts'
import type { Page, RecordStore } from './store.ts'

/**
 * The container of the order records. What is in it are the fields that the app knows.
 *
 * @param url of the account
 * @param mayCreate whether containers can be created: not by an identity, in whose account they are
 */
export function cosmosStore(client: CosmosClient, url: string, mayCreate: boolean): RecordStore {
  const records = cosmosOrderRecords(client, STORAGE_CALL_MS)
  const container = client.database(COSMOS_DATABASE).container(ORDERS_CONTAINER)
  return {
    url,
    // There is no order in it to go on by.
    resumes: false,
    prepare: async () => {
      if (mayCreate) {
        await storageCall('make the container orders', (abortSignal) => createContainer(client, abortSignal))
      }
    },
    pages: (_after, pageSize) => pagesOf(container, pageSize),
    create: (entity) =>
      storageCall('write a record', async () =>
        writtenUnless(StatusCodes.Conflict, await records.create(recordOf(entity))),
      ),
    read: ({ rowKey }) =>
      storageCall('read a record', async () => {
        const found = await records.read(rowKey)
        if (found === undefined) throw new Error(`order ${rowKey} was there and is not`)
        return { entity: entityOf(found.record), etag: found.etag }
      }),
    replace: (entity, etag) =>
      storageCall('write a record', async () =>
        writtenUnless(StatusCodes.PreconditionFailed, await records.replace(recordOf(entity), etag)),
      ),
    same: (a, b) => isDeepStrictEqual(recordOf(a), recordOf(b)),
  }
}

/** When Cosmos DB does not say how long to wait. */
const RETRY_MS = 50
/** Clocks of one account are not this far apart. */
const CLOCKS_MS = 10_000

/**
 * The change feed from its beginning, one range after the other: each record as it is, and once more if it changes meanwhile, so
 * that none is missing which was acknowledged before the export began. What changed later ends a range: the feed of a container
 * that is written to has no end.
 */
async function* pagesOf(container: Container, maxItemCount: number): AsyncGenerator<Page> {
  const ranges = await storageCall('read the container orders', () => container.getFeedRanges())
  let begun: number | undefined
  for (const range of ranges) {
    let from: FeedStart = ChangeFeedStartFrom.Beginning(range)
    for (;;) {
      const page = await storageCall('read the container orders', (signal) =>
        nextPage(container, maxItemCount, from, signal),
      )
      // By the account's own clock, which has set the times of the items.
      begun ??= Date.parse(String(page.headers['date'])) || Date.now()
      if (page.statusCode === StatusCodes.NotModified) break
      yield readable(page.result)
      const end = (begun + CLOCKS_MS) / 1000
      if (page.result.some((item) => Number((item as { readonly _ts?: unknown })._ts) > end)) break
      from = ChangeFeedStartFrom.Continuation(page.continuationToken)
    }
  }
}

type FeedStart = ReturnType<(typeof ChangeFeedStartFrom)['Beginning' | 'Continuation']>

/** One request, and again when Cosmos DB has too much to do, after the time that it asks for. */
async function nextPage(
  container: Container,
  maxItemCount: number,
  changeFeedStartFrom: FeedStart,
  signal: AbortSignal,
): Promise<ChangeFeedIteratorResponse<unknown[]>> {
  for (;;) {
    try {
      return await container.items
        // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as the library's documentation does
        .getChangeFeedIterator<unknown>({ maxItemCount, changeFeedStartFrom })
        .readNext()
    } catch (error) {
      const { code, headers } = error as {
        readonly code?: unknown
        readonly headers?: Readonly<Record<string, unknown>>
      }
      if (code !== StatusCodes.TooManyRequests) throw error
      const retryAfterMs = Number(headers?.['x-ms-retry-after-ms'])
      await delay(retryAfterMs > 0 ? retryAfterMs : RETRY_MS, undefined, { signal })
    }
  }
}

function readable(items: readonly unknown[]): Page {
  const entities: StoredEntity[] = []
  const unreadable: string[] = []
  for (const item of items) {
    const fields = item as Readonly<Record<string, unknown>>
    try {
      entities.push(entityOf(parseRecord(String(fields['id']), { ...fields })))
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error
      unreadable.push(error.message)
    }
  }
  return { entities, unreadable }
}

/** False when the write was refused with this status. */
function writtenUnless(status: number, result: WriteResult): boolean {
  if (result.written) return true
  if ((result.cause as { readonly code?: unknown }).code === status) return false
  throw result.cause
}
