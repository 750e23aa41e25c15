import { setTimeout as delay } from 'node:timers/promises'
import { CosmosClient, type ItemResponse } from '@azure/cosmos'
import { parseRecord, type OrderRecord } from '../orders/order.ts'
import type { OrderRecords, OrderStorage, WriteResult } from '../orders/ports.ts'
import { storageAccess } from './access.ts'
import { cosmosConnection } from './cosmosConnection.ts'
import { lazyQueues } from './lazyQueues.ts'
import { COSMOS_DATABASE, ORDERS_CONTAINER } from './names.ts'
import { orderQueueCount } from './queueCount.ts'
import { OPERATION_TIMEOUT_MS, RETRIES, withinTime } from './timeout.ts'

/**
 * The service's storage ports with the records in Cosmos DB. The queues stay in Azure Storage.
 *
 * @throws StorageSettingsError
 */
export async function cosmosStorage(environment: NodeJS.ProcessEnv): Promise<OrderStorage> {
  const [client, access] = await Promise.all([cosmosClient(environment), storageAccess(environment)])
  return { records: cosmosOrderRecords(client), queues: lazyQueues(access, orderQueueCount(environment)) }
}

/**
 * Makes the client that the settings describe. Nothing is sent yet.
 *
 * @throws StorageSettingsError
 */
export async function cosmosClient(environment: NodeJS.ProcessEnv): Promise<CosmosClient> {
  const connection = cosmosConnection(environment)
  const { endpoint } = connection
  const connectionPolicy = {
    requestTimeout: OPERATION_TIMEOUT_MS,
    // What storage is too busy for is retried below: the library would sleep beyond the operation's time.
    retryOptions: { maxRetryAttemptCount: 0 },
    // All writes go to one region. An ETag is compared in the region of the write, and in an account with several of them
    // two writes would both succeed: https://learn.microsoft.com/azure/cosmos-db/conflict-resolution-policies
    useMultipleWriteLocations: false,
    // Without it the first request needs another one, for the container's partitions.
    enablePartitionLevelFailover: false,
  }
  if (connection.kind === 'connectionString') {
    return new CosmosClient({ endpoint, key: connection.key, connectionPolicy })
  }
  const { storageCredential } = await import('./identity.ts')
  const aadCredentials = storageCredential(connection.clientId, environment)
  return new CosmosClient({ endpoint, aadCredentials, connectionPolicy })
}

/**
 * Order records in a container of Cosmos DB, one item each, with the fields as they are. Its partition key is the id. Database and
 * container are created on first use when they are missing, which a connection string may do and an identity may not.
 *
 * The account must be strongly consistent: with less, what one instance has written another one may not see yet
 * (docs/architecture.md, "Another store").
 *
 * @param milliseconds one operation may take
 */
export function cosmosOrderRecords(client: CosmosClient, milliseconds?: number): OrderRecords {
  const container = client.database(COSMOS_DATABASE).container(ORDERS_CONTAINER)

  async function write(operation: (abortSignal: AbortSignal) => Promise<unknown>): Promise<WriteResult> {
    try {
      await retried(operation, milliseconds)
      return { written: true }
    } catch (cause) {
      return { written: false, cause }
    }
  }

  return {
    async read(id) {
      const { resource, etag } = await retried(async (abortSignal) => {
        const response = await container.item(id, id).read<OrderRecord>({ abortSignal })
        requireAnswer(response)
        return response
      }, milliseconds)
      return resource && { record: parseRecord(id, { ...resource }), etag }
    },
    create: (record) =>
      write((abortSignal) =>
        container.items.create(record, { abortSignal }).catch(async (error: unknown) => {
          // A new item has nothing else that could be missing.
          if (statusOf(error) !== 404) throw error
          await createContainer(client, abortSignal)
          await container.items.create(record, { abortSignal })
        }),
      ),
    replace: (record, etag) =>
      write((abortSignal) =>
        container.item(record.id, record.id).replace(record, {
          abortSignal,
          // Without it the item would be replaced whatever it is.
          accessCondition: { type: 'IfMatch', condition: etag },
        }),
      ),
  }
}

/** Cosmos DB has said something that is no answer to the question. */
class CosmosResponseError extends Error {
  override readonly name = 'CosmosResponseError'
}

/** The item is not there; the container, or its database, is not there. */
const ABSENT = [0, 1003]

/**
 * The client library takes every 404 for an item that is not there, also that of a replica which is behind, and of something in
 * between that is not Cosmos DB. https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb
 */
function requireAnswer({ resource, statusCode, substatus, headers }: ItemResponse<OrderRecord>): void {
  if (resource !== undefined) return
  if (statusCode === 404 && ABSENT.includes(substatus ?? 0) && headers['x-ms-activity-id'] !== undefined)
    return
  throw new CosmosResponseError(
    `Cosmos DB responded ${statusCode}, with the substatus ${substatus ?? 'unknown'}.`,
  )
}

/**
 * Creates the container of the records, and its database, unless they exist. Nothing is indexed: orders are read by their id, and
 * what is not indexed is cheaper to write.
 */
export async function createContainer(client: CosmosClient, abortSignal: AbortSignal): Promise<void> {
  const unlessExists = (error: unknown) => {
    if (statusOf(error) !== 409) throw error
  }
  await client.databases.create({ id: COSMOS_DATABASE }, { abortSignal }).catch(unlessExists)
  const database = client.database(COSMOS_DATABASE)
  const definition = {
    id: ORDERS_CONTAINER,
    partitionKey: { paths: ['/id'] },
    indexingPolicy: { includedPaths: [], excludedPaths: [{ path: '/*' }] },
  }
  await database.containers.create(definition, { abortSignal }).catch(unlessExists)
}

/** What passes by itself: https://learn.microsoft.com/azure/cosmos-db/nosql/conceptual-resilient-sdk-applications */
const TRANSIENT = [408, 410, 449, 500, 503]

/**
 * Runs an operation, and again when the failure may pass: at most as often as with tables, and when there is too much to do
 * as often, and as late, as Cosmos DB asks for, within the operation's time.
 */
function retried<T>(
  operation: (abortSignal: AbortSignal) => Promise<T>,
  milliseconds = OPERATION_TIMEOUT_MS,
): Promise<T> {
  const end = performance.now() + milliseconds
  return withinTime(async (abortSignal) => {
    let failure: unknown
    for (let retries = 0; ;) {
      try {
        return await unlessAborted(operation(abortSignal), abortSignal)
      } catch (error) {
        // What has kept it until the time was up says more than that it is.
        if (abortSignal.aborted) throw failure ?? error
        failure = error
        const status = statusOf(error)
        const throttled = status === 429
        const passes = throttled || status === undefined || TRANSIENT.includes(status)
        if (!passes || (!throttled && retries === RETRIES.count)) throw error
        const pause = throttled ? retryAfter(error) : RETRIES.firstDelayMs * 2 ** retries++
        // It ends before the time is up.
        if (performance.now() + pause >= end) throw error
        await delay(pause)
      }
    }
  }, milliseconds)
}

/** The status of a response; undefined when there was none. */
function statusOf(error: unknown): number | undefined {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'number' ? code : undefined
}

/** Milliseconds until an operation is to be tried again that there was too much to do for. */
function retryAfter(error: unknown): number {
  const { retryAfterInMs = 0 } = error as { readonly retryAfterInMs?: number }
  return Math.max(retryAfterInMs, RETRIES.firstDelayMs / 10)
}

/** The client library sleeps between its own retries, and no signal wakes it. */
async function unlessAborted<T>(operation: Promise<T>, abortSignal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => {
    reject(abortSignal.reason as Error)
  }
  abortSignal.addEventListener('abort', abort)
  try {
    return await Promise.race([operation, aborted])
  } finally {
    abortSignal.removeEventListener('abort', abort)
  }
}
