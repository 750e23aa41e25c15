import { TableClient } from '@azure/data-tables'
import type { QueueServiceClient } from '@azure/storage-queue'
import { storageAccess, type StorageAccess } from './access.ts'
import type { OrderStorage } from '../orders/ports.ts'
import { lazyQueues } from './lazyQueues.ts'
import { ORDERS_TABLE } from './names.ts'
import { orderQueueCount } from './queueCount.ts'
import { tableOrderRecords } from './tables.ts'
import { RETRIES } from './timeout.ts'

/** The clients of the app's own table, and of the account's queues. */
export interface StorageClients {
  readonly table: TableClient
  readonly queues: QueueServiceClient
}

/**
 * Makes the clients that the settings describe. Nothing is sent yet.
 *
 * @throws StorageSettingsError
 */
export async function storageClients(environment: NodeJS.ProcessEnv): Promise<StorageClients> {
  const access = await storageAccess(environment)
  const { queueService } = await import('./queues.ts')
  return { table: tableClient(access), queues: queueService(access) }
}

/**
 * The service's storage ports over Azure Storage.
 *
 * @throws StorageSettingsError
 */
export async function azureStorage(environment: NodeJS.ProcessEnv): Promise<OrderStorage> {
  const access = await storageAccess(environment)
  const queues = lazyQueues(access, orderQueueCount(environment))
  return { records: tableOrderRecords(tableClient(access)), queues }
}

function tableClient(access: StorageAccess): TableClient {
  const options = {
    retryOptions: {
      maxRetries: RETRIES.count,
      retryDelayInMs: RETRIES.firstDelayMs,
      maxRetryDelayInMs: RETRIES.maxDelayMs,
    },
  }
  if (access.kind === 'identity') {
    return new TableClient(access.tableServiceUri, ORDERS_TABLE, access.credential, options)
  }
  return TableClient.fromConnectionString(access.connectionString, ORDERS_TABLE, {
    ...options,
    // The connection string says http or https; Azurite's says http.
    allowInsecureConnection: true,
  })
}
