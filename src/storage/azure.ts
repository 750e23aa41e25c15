import { TableClient } from '@azure/data-tables'
import type { QueueServiceClient } from '@azure/storage-queue'
import { storageAccess, type StorageAccess } from './access.ts'
import type { OrderStorage } from '../orders/ports.ts'
import { lazyStorage } from './lazy.ts'
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
 * The service's storage ports over Azure Storage. An order that is placed, or processed, needs the table alone: the
 * queues' client library is loaded when something is sent (docs/performance.md, "What was tried").
 *
 * @throws StorageSettingsError
 */
export async function azureStorage(environment: NodeJS.ProcessEnv): Promise<OrderStorage> {
  const access = await storageAccess(environment)
  const count = orderQueueCount(environment)
  const records = tableOrderRecords(tableClient(access))
  const { queues } = lazyStorage(async () => {
    const { queueService, storageOrderQueues } = await import('./queues.ts')
    return { records, queues: storageOrderQueues(queueService(access), count) }
  })
  return { records, queues }
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
