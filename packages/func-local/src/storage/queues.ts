import type { QueueServiceClient, StoragePipelineOptions } from '@azure/storage-queue'
import type { Settings } from '../config/settings.ts'
import { connectionKey, resolveConnection } from './connection.ts'

const clients = new Map<string, Promise<QueueServiceClient>>()

// Few and quick: callers have a back-off of their own, and a developer should see soon that Azurite is not running.
const PIPELINE: StoragePipelineOptions = {
  retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}

/** The queue service of a connection. The SDK is loaded on first use, and clients are shared. */
export function queueService(
  settings: Settings,
  connection: string | undefined,
): Promise<QueueServiceClient> {
  const key = connectionKey(settings, connection)
  let client = clients.get(key)
  if (client === undefined) {
    client = open(settings, connection)
    clients.set(key, client)
    client.catch(() => clients.delete(key))
  }
  return client
}

async function open(settings: Settings, name: string | undefined): Promise<QueueServiceClient> {
  const { QueueServiceClient } = await import('@azure/storage-queue')
  const connection = resolveConnection(settings, name)
  return connection.kind === 'connectionString'
    ? QueueServiceClient.fromConnectionString(connection.value, PIPELINE)
    : new QueueServiceClient(connection.serviceUri('queue'), await connection.credential(), PIPELINE)
}
