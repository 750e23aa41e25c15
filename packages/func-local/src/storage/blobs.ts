import type { BlobServiceClient, StoragePipelineOptions } from '@azure/storage-blob'
import type { Settings } from '../config/settings.ts'
import { connectionKey, resolveConnection } from './connection.ts'

const clients = new Map<string, Promise<BlobServiceClient>>()

// Few and quick, as for queues: callers have a back-off of their own.
const PIPELINE: StoragePipelineOptions = {
  retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}

/** The container where a host keeps receipts and schedules. */
export const HOST_CONTAINER = 'azure-webjobs-hosts'

/** The blob service of a connection. The SDK is loaded on first use, and clients are shared. */
export function blobService(settings: Settings, connection: string | undefined): Promise<BlobServiceClient> {
  const key = connectionKey(settings, connection)
  let client = clients.get(key)
  if (client === undefined) {
    client = open(settings, connection)
    clients.set(key, client)
    client.catch(() => clients.delete(key))
  }
  return client
}

async function open(settings: Settings, name: string | undefined): Promise<BlobServiceClient> {
  const { BlobServiceClient } = await import('@azure/storage-blob')
  const connection = resolveConnection(settings, name)
  return connection.kind === 'connectionString'
    ? BlobServiceClient.fromConnectionString(connection.value, PIPELINE)
    : new BlobServiceClient(connection.serviceUri('blob'), await connection.credential(), PIPELINE)
}
