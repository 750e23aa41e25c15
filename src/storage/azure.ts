import { TableClient } from '@azure/data-tables'
import { QueueServiceClient, type StoragePipelineOptions } from '@azure/storage-queue'
import type { OrderStorage } from './lazy.ts'
import { storageConnection } from './connection.ts'
import { ORDERS_QUEUE, ORDERS_TABLE, POISON_QUEUE } from './names.ts'
import { storageOrderQueues } from './queues.ts'
import { tableOrderRecords } from './tables.ts'
import { OPERATION_TIMEOUT_MS, RETRIES } from './timeout.ts'

/** The clients of the app's own table and queues. */
export interface StorageClients {
  readonly table: TableClient
  readonly orders: ReturnType<QueueServiceClient['getQueueClient']>
  readonly poison: ReturnType<QueueServiceClient['getQueueClient']>
}

/**
 * Makes the clients that the settings describe. Nothing is sent yet.
 *
 * @throws StorageSettingsError
 */
export async function storageClients(environment: NodeJS.ProcessEnv): Promise<StorageClients> {
  const connection = storageConnection(environment)
  const queueOptions: StoragePipelineOptions = {
    retryOptions: {
      maxTries: 1 + RETRIES.count,
      tryTimeoutInMs: OPERATION_TIMEOUT_MS,
      retryDelayInMs: RETRIES.firstDelayMs,
      maxRetryDelayInMs: RETRIES.maxDelayMs,
    },
  }
  const tableOptions = {
    retryOptions: {
      maxRetries: RETRIES.count,
      retryDelayInMs: RETRIES.firstDelayMs,
      maxRetryDelayInMs: RETRIES.maxDelayMs,
    },
  }
  let queues: QueueServiceClient
  let table: TableClient
  if (connection.kind === 'connectionString') {
    const { connectionString } = connection
    queues = QueueServiceClient.fromConnectionString(connectionString, queueOptions)
    // The connection string says http or https; Azurite's says http.
    const options = { ...tableOptions, allowInsecureConnection: true }
    table = TableClient.fromConnectionString(connectionString, ORDERS_TABLE, options)
  } else {
    const { storageCredential } = await import('./identity.ts')
    const credential = storageCredential(connection.clientId, environment)
    queues = new QueueServiceClient(connection.queueServiceUri, credential, queueOptions)
    table = new TableClient(connection.tableServiceUri, ORDERS_TABLE, credential, tableOptions)
  }
  return {
    table,
    orders: queues.getQueueClient(ORDERS_QUEUE),
    poison: queues.getQueueClient(POISON_QUEUE),
  }
}

/** The service's storage ports over Azure Storage. */
export async function azureStorage(environment: NodeJS.ProcessEnv): Promise<OrderStorage> {
  const clients = await storageClients(environment)
  return { records: tableOrderRecords(clients.table), queues: storageOrderQueues(clients) }
}
