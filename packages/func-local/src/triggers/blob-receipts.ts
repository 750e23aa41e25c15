import type { BlobClient, BlobServiceClient, ContainerClient } from '@azure/storage-blob'
import type { Clock } from '../clock.ts'
import { connectionName } from '../storage/connection.ts'
import { isCode, isPermanent, statusOf, withTarget } from '../storage/errors.ts'
import { HOST_CONTAINER, leaseBlob } from '../storage/blobs.ts'

/** One version of a blob: a change makes another ETag. */
export interface BlobVersion {
  readonly container: string
  readonly name: string
  /** With its quotes. */
  readonly etag: string
}

/** What claiming a version gave. */
export type Claim =
  | { readonly state: 'completed' }
  /** Another host works on it, or one that died less than a lease ago. */
  | { readonly state: 'busy' }
  | { readonly state: 'claimed'; readonly receipt: Receipt }

/** A claimed version: nobody else works on it until it is released. */
export interface Receipt {
  /** How often the function has been started for this version. */
  readonly attempts: () => number
  /** Counts an attempt, before it begins: one that takes the worker down counts too. Gives its number, from 1. */
  readonly beginAttempt: () => Promise<number>
  /** The function never runs for this version again. Also releases it. */
  readonly complete: () => Promise<void>
  /** Gives the version back to whoever claims it next. */
  readonly release: () => Promise<void>
}

/** The receipts of one function. */
export interface BlobReceipts {
  /** The keys ({@link versionKey}) of every completed version. */
  readonly completed: () => Promise<Set<string>>
  readonly claim: (version: BlobVersion) => Promise<Claim>
}

const HOST_STORAGE = {
  kind: 'container',
  name: HOST_CONTAINER,
  connection: connectionName(undefined),
} as const
const LEASE_SECONDS = 30
const INCOMPLETE = 'Incomplete'
const ATTEMPTS = 'Attempts'

/** Identifies a version among those of one function. */
export function versionKey({ container, name, etag }: BlobVersion): string {
  return `${etag}/${container}/${name}`
}

/**
 * Receipts remember which versions of which blobs a function has handled, in the container and under the names the real
 * host uses: `azure-webjobs-hosts/blobreceipts/<host id>/<function>/<ETag>/<container>/<blob>`; without the metadata key
 * `Incomplete` a receipt says that the version is done. Deleting one makes the function run for that version again, after
 * the next start.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-receipts
 */
export function createBlobReceipts(
  service: () => Promise<BlobServiceClient>,
  hostId: string,
  functionId: string,
  clock: Clock,
): BlobReceipts {
  const folder = `blobreceipts/${hostId}/${functionId}/`
  const container = async (): Promise<ContainerClient> => (await service()).getContainerClient(HOST_CONTAINER)
  // The host's own storage may be another than the blob's: what it refuses names it.
  const onHostStorage = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (!isPermanent(error)) throw error
      return await withTarget(HOST_STORAGE, () => Promise.reject(error as Error))
    }
  }

  return {
    completed: () => onHostStorage(completed),
    claim: (version) => onHostStorage(() => claim(version)),
  }

  async function completed(): Promise<Set<string>> {
    const found = new Set<string>()
    const listing = (await container()).listBlobsFlat({ prefix: folder, includeMetadata: true })
    try {
      for await (const { name, metadata } of listing) {
        if (!isIncomplete(metadata)) found.add(name.slice(folder.length))
      }
    } catch (error) {
      if (!isCode(error, 'ContainerNotFound')) throw error
    }
    return found
  }

  async function claim(version: BlobVersion): Promise<Claim> {
    const host = await container()
    const blob = host.getBlockBlobClient(folder + versionKey(version))
    // A new receipt counts the first attempt already.
    const create = async (): Promise<void> => {
      await blob.upload('', 0, {
        metadata: { [INCOMPLETE]: INCOMPLETE, [ATTEMPTS]: '1' },
        conditions: { ifNoneMatch: '*' },
      })
    }
    let isNew = true
    try {
      await create()
    } catch (error) {
      if (isCode(error, 'ContainerNotFound')) {
        await host.createIfNotExists()
        await create()
      } else if (exists(error)) isNew = false
      else throw error
    }

    const lease = await leaseBlob(blob, LEASE_SECONDS, clock)
    if (lease === undefined) return { state: (await isCompleted(blob)) ? 'completed' : 'busy' }
    const release = lease.end
    const { metadata } = await blob.getProperties()
    if (!isIncomplete(metadata)) {
      await release()
      return { state: 'completed' }
    }
    let attempts = Number(valueOf(metadata, ATTEMPTS) ?? 0)
    let isCounted = isNew
    const conditions = { leaseId: lease.id }
    return {
      state: 'claimed',
      receipt: {
        attempts: () => (isCounted ? attempts - 1 : attempts),
        beginAttempt: async () => {
          if (!isCounted) {
            attempts += 1
            const counted = { [INCOMPLETE]: INCOMPLETE, [ATTEMPTS]: String(attempts) }
            await blob.setMetadata(counted, { conditions })
          }
          isCounted = false
          return attempts
        },
        complete: async () => {
          try {
            await blob.setMetadata({ [ATTEMPTS]: String(attempts) }, { conditions })
          } catch (error) {
            // Somebody deleted the receipt: then there is nothing to complete.
            if (statusOf(error) !== 404) throw error
          } finally {
            await release()
          }
        },
        release,
      },
    }
  }
}

function exists(error: unknown): boolean {
  return isCode(error, 'BlobAlreadyExists', 'LeaseIdMissing', 'ConditionNotMet')
}

async function isCompleted(blob: BlobClient): Promise<boolean> {
  try {
    return !isIncomplete((await blob.getProperties()).metadata)
  } catch (error) {
    if (statusOf(error) === 404) return false
    throw error
  }
}

function isIncomplete(metadata: Readonly<Record<string, string>> | undefined): boolean {
  return valueOf(metadata, INCOMPLETE) !== undefined
}

/** Metadata keys may come back in another case. */
function valueOf(metadata: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  const found = Object.keys(metadata ?? {}).find((k) => k.toLowerCase() === key.toLowerCase())
  return found === undefined ? undefined : metadata?.[found]
}
