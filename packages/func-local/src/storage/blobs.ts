import type { BlobClient, BlobServiceClient, StoragePipelineOptions } from '@azure/storage-blob'
import type { Clock } from '../clock.ts'
import type { Settings } from '../config/settings.ts'
import { connectionKey, resolveConnection } from './connection.ts'
import { statusOf } from './errors.ts'

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

/** A lease that is kept until it is ended. */
export interface HeldLease {
  readonly id: string
  readonly end: () => Promise<void>
}

/** Takes a blob's lease and keeps it; `undefined` when somebody else has it, or there is no such blob. */
export async function leaseBlob(
  blob: BlobClient,
  seconds: number,
  clock: Clock,
): Promise<HeldLease | undefined> {
  const lease = blob.getBlobLeaseClient()
  try {
    await lease.acquireLease(seconds)
  } catch (error) {
    const status = statusOf(error)
    if (status === 409 || status === 404) return undefined
    throw error
  }
  const stop = keepRenewed(seconds, () => lease.renewLease(), clock)
  return {
    id: lease.leaseId,
    end: async () => {
      stop()
      await lease.releaseLease().catch(() => undefined)
    },
  }
}

/** Renews a lease at a third of its time, so that one failed renewal does not lose it, until the returned function is called. */
export function keepRenewed(seconds: number, renew: () => Promise<unknown>, clock: Clock): () => void {
  return clock.every((seconds * 1000) / 3, () => {
    renew().catch(() => undefined)
  })
}
