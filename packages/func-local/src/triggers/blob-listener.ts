import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobDownloadResponseParsed, BlobServiceClient, ContainerClient } from '@azure/storage-blob'
import type { Log } from '../host/log.ts'
import { isCode, reasonOf, statusOf } from '../storage/errors.ts'
import { createLimit } from './blob-limit.ts'
import type { BlobPathPattern } from './blob-path.ts'
import { versionKey, type BlobReceipts, type BlobVersion, type Receipt } from './blob-receipts.ts'

/** A blob's content and what storage says of it. */
export interface BlobContent {
  readonly version: BlobVersion
  readonly url: string
  readonly parameters: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly properties: BlobDownloadResponseParsed
  /** Counts from 1. */
  readonly attempt: number
}

/** What a listener needs; `run` says whether the function succeeded. */
export interface BlobListenerOptions {
  readonly pattern: BlobPathPattern
  readonly maxDegreeOfParallelism: number
  /** After so many failures a version goes to the poison queue. */
  readonly poisonBlobThreshold: number
  readonly service: () => Promise<BlobServiceClient>
  readonly receipts: BlobReceipts
  readonly log: Log
  readonly run: (content: BlobContent) => Promise<boolean>
  /** Says that the function gave up on a version. */
  readonly poison: (version: BlobVersion, blobType: string) => Promise<void>
}

// The real host looks every ten seconds, https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Blobs/src/Listeners/ScanBlobScanLogHybridPollingStrategy.cs
// who develops should not wait for it.
const SHORTEST_POLL_MS = 200
const LONGEST_POLL_MS = 2000
const LONGEST_OUTAGE_POLL_MS = 10_000
const STOP_GRACE_MS = 5000

/**
 * Scans a container and runs the function for every version of a blob that has no completed receipt. A version that
 * fails runs again at once, at most `poisonBlobThreshold` times over all starts of the host.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
 */
export function createBlobListener(options: BlobListenerOptions): {
  start: () => void
  stop: () => Promise<void>
} {
  const { pattern, receipts, log } = options
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  const limit = createLimit(options.maxDegreeOfParallelism)
  /** Versions that need no look any more, or are in work: by the blob's name, its ETag. */
  let settled = new Map<string, string>()
  let completed: Set<string> | undefined
  let loop: Promise<void> = Promise.resolve()

  return {
    start: () => {
      loop = poll()
    },
    stop: async () => {
      stopping.abort()
      // A listing that storage does not answer must not hold up the stop.
      await Promise.race([loop, sleep(STOP_GRACE_MS, undefined, { ref: false })])
      await Promise.all(running)
    },
  }

  async function poll(): Promise<void> {
    let delay = SHORTEST_POLL_MS
    let outage = false
    while (!stopping.signal.aborted) {
      const begun = performance.now()
      let found = 0
      try {
        completed ??= await receipts.completed()
        found = await scan(completed)
        if (outage) log.info(`Storage answers again; container '${pattern.container}' is being scanned.`)
        outage = false
      } catch (error) {
        if (!outage && !isAborted())
          log.warn(
            `Container '${pattern.container}' cannot be scanned (${reasonOf(error)}). Is the storage (Azurite) running? Trying again until it answers.`,
          )
        outage = true
      }
      const longest = outage ? LONGEST_OUTAGE_POLL_MS : LONGEST_POLL_MS
      delay = found > 0 ? SHORTEST_POLL_MS : Math.min(longest, delay * 1.5)
      // A container that takes long to list is not listed all the time.
      const pause = Math.max(delay, performance.now() - begun)
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  /** Lists the container once; returns how many new versions it has begun to work on. */
  async function scan(done: ReadonlySet<string>): Promise<number> {
    const container = (await options.service()).getContainerClient(pattern.container)
    const seen = new Map<string, string>()
    let found = 0
    try {
      const listing = container.listBlobsFlat({ prefix: pattern.prefix, abortSignal: stopping.signal })
      for await (const { name, properties } of listing) {
        const parameters = pattern.match(name)
        if (parameters === undefined) continue
        const version = { container: pattern.container, name, etag: quoted(properties.etag) }
        if (settled.get(name) !== version.etag && !done.has(versionKey(version))) {
          found += 1
          begin(container, version, parameters)
        }
        seen.set(name, version.etag)
      }
    } catch (error) {
      if (!isCode(error, 'ContainerNotFound')) throw error
    }
    for (const name of unsettled) seen.delete(name)
    unsettled.clear()
    settled = seen
    return found
  }
