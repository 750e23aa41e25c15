import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobDownloadResponseParsed, BlobServiceClient, ContainerClient } from '@azure/storage-blob'
import type { Log } from '../host/log.ts'
import { isCode, reasonOf, statusOf } from '../storage/errors.ts'
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
/** Storage is often started together with the host; for so long it is no trouble that it does not answer. */
const STORAGE_START_MS = 5000

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
  /** Versions in work, by their keys. */
  const inWork = new Set<string>()
  /** Versions that another host works on, or that could not be read: when to look at them again. */
  const postponed = new Map<string, number>()
  /** Versions that need no look any more: a blob's name and its ETag. */
  const settled = new Map<string, string>()
  let completed: ReadonlySet<string> | undefined
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
    let said = false
    const started = performance.now()
    while (!stopping.signal.aborted) {
      const begun = performance.now()
      let found = 0
      let outage = false
      try {
        completed ??= await receipts.completed()
        found = await scan(completed)
        if (said) log.info(`Storage answers again; container '${pattern.container}' is being scanned.`)
        said = false
      } catch (error) {
        outage = true
        if (!said && !isAborted() && performance.now() - started > STORAGE_START_MS) {
          said = true
          log.warn(
            `Container '${pattern.container}' cannot be scanned (${reasonOf(error)}). Is the storage (Azurite) running? Trying again until it answers.`,
          )
        }
      }
      const longest = outage ? LONGEST_OUTAGE_POLL_MS : LONGEST_POLL_MS
      delay = found > 0 ? SHORTEST_POLL_MS : Math.min(longest, delay * 1.5)
      // A container that takes long to list is not listed all the time.
      const pause = found > 0 ? delay : Math.max(delay, performance.now() - begun)
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  /** Lists the container once; returns how many versions it has begun to work on. */
  async function scan(done: ReadonlySet<string>): Promise<number> {
    const container = (await options.service()).getContainerClient(pattern.container)
    const names = new Set<string>()
    let begun = 0
    try {
      const listing = container.listBlobsFlat({ prefix: pattern.prefix, abortSignal: stopping.signal })
      for await (const { name, properties } of listing) {
        const parameters = pattern.match(name)
        if (parameters === undefined) continue
        names.add(name)
        const version = { container: pattern.container, name, etag: quoted(properties.etag) }
        const key = versionKey(version)
        if (done.has(key)) settled.set(name, version.etag)
        if (settled.get(name) === version.etag || inWork.has(key)) continue
        if ((postponed.get(key) ?? 0) > performance.now()) continue
        while (running.size >= options.maxDegreeOfParallelism) await Promise.race(running)
        if (isAborted()) return begun
        begun += 1
        begin(container, version, parameters)
      }
    } catch (error) {
      // The container may be created later.
      if (!isCode(error, 'ContainerNotFound')) throw error
    }
    for (const name of settled.keys()) if (!names.has(name)) settled.delete(name)
    completed = NONE
    return begun
  }

  function begin(
    container: ContainerClient,
    version: BlobVersion,
    parameters: Readonly<Record<string, string>>,
  ): void {
    const key = versionKey(version)
    inWork.add(key)
    postponed.delete(key)
    const work = handle(container, version, parameters)
      .then((isSettled) => {
        if (isSettled) settled.set(version.name, version.etag)
        else postponed.set(key, performance.now() + LONGEST_POLL_MS)
      })
      .catch((error: unknown) => {
        postponed.set(key, performance.now() + LONGEST_POLL_MS)
        log.warn(
          `Blob '${version.container}/${version.name}' could not be handled (${reasonOf(error)}). Trying again.`,
        )
      })
      .finally(() => {
        inWork.delete(key)
        running.delete(work)
      })
    running.add(work)
  }

  /** Runs the function for one version until it succeeds or is given up; whether the version is settled then. */
  async function handle(
    container: ContainerClient,
    version: BlobVersion,
    parameters: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    const claim = await receipts.claim(version)
    if (claim.state !== 'claimed') return claim.state === 'completed'
    const { receipt } = claim
    try {
      return await attempts(container, version, parameters, receipt)
    } catch (error) {
      await receipt.release()
      throw error
    }
  }

  async function attempts(
    container: ContainerClient,
    version: BlobVersion,
    parameters: Readonly<Record<string, string>>,
    receipt: Receipt,
  ): Promise<boolean> {
    const blob = container.getBlobClient(version.name)
    let blobType = 'BlockBlob'
    while (receipt.attempts() < options.poisonBlobThreshold) {
      if (isAborted()) {
        await receipt.release()
        return false
      }
      let properties: BlobDownloadResponseParsed
      let body: Buffer
      try {
        properties = await blob.download(0, undefined, { conditions: { ifMatch: version.etag } })
        body = await bytesOf(properties)
      } catch (error) {
        // Deleted, or changed: a new version is found by the next scan.
        if (statusOf(error) !== 404 && statusOf(error) !== 412) throw error
        await receipt.release()
        return true
      }
      blobType = properties.blobType ?? blobType
      const attempt = await receipt.beginAttempt()
      if (await options.run({ version, url: blob.url, parameters, body, properties, attempt })) {
        await receipt.complete()
        return true
      }
    }
    await options.poison(version, blobType)
    await receipt.complete()
    return true
  }

  function isAborted(): boolean {
    return stopping.signal.aborted
  }
}

const NONE: ReadonlySet<string> = new Set()

/** The bytes of a download. */
export async function bytesOf({ readableStreamBody }: BlobDownloadResponseParsed): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readableStreamBody ?? []) {
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  }
  return Buffer.concat(chunks)
}

/** Listings give ETags without quotes. */
function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`
}
