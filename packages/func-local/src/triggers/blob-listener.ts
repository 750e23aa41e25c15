import type { BlobDownloadResponseParsed, BlobServiceClient, ContainerClient } from '@azure/storage-blob'
import type { Clock } from '../clock.ts'
import type { Log } from '../host/log.ts'
import { isCode, isPermanent, nextStepOf, reasonOf, statusOf } from '../storage/errors.ts'
import { createOutageReport } from '../storage/outage.ts'
import type { BlobPathPattern } from './blob-path.ts'
import { versionKey, type BlobReceipts, type BlobVersion, type Receipt } from './blob-receipts.ts'

/** A blob's content and what storage says of it. */
export interface BlobContent {
  readonly version: BlobVersion
  readonly url: string
  readonly parameters: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly properties: BlobFacts
  /** Counts from 1. */
  readonly attempt: number
}

/** What storage says of a blob. */
export type BlobFacts = Omit<BlobDownloadResponseParsed, '_response'>

/** What a listener needs; `run` says whether the function succeeded. */
export interface BlobListenerOptions {
  readonly pattern: BlobPathPattern
  /** The name of the connection, for messages. */
  readonly connection: string
  readonly maxDegreeOfParallelism: number
  /** After so many failures a version goes to the poison queue. */
  readonly poisonBlobThreshold: number
  readonly service: () => Promise<BlobServiceClient>
  readonly receipts: BlobReceipts
  readonly log: Log
  readonly clock: Clock
  readonly run: (content: BlobContent) => Promise<boolean>
  /** Says that the function gave up on a version. */
  readonly poison: (version: BlobVersion, blobType: string) => Promise<void>
}

// The real host looks every ten seconds, https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Blobs/src/Listeners/ScanBlobScanLogHybridPollingStrategy.cs
// who develops should not wait for it.
const SHORTEST_POLL_MS = 200
const LONGEST_POLL_MS = 2000
const STOP_GRACE_MS = 5000
/** What a blob waits for that storage refuses to give. */
const REFUSED_MS = 60_000

/**
 * Scans a container and runs the function for every version of a blob that has no completed receipt. A version that
 * fails runs again at once, at most `poisonBlobThreshold` times over all starts of the host.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
 */
export function createBlobListener(options: BlobListenerOptions): {
  start: () => void
  stop: () => Promise<void>
  /** Looks at once: somebody says that there is something new. */
  look: () => void
} {
  const { pattern, receipts, log, clock } = options
  const target = { kind: 'container', name: pattern.container, connection: options.connection } as const
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
  /** Ends the wait between two looks. */
  let wake = new AbortController()
  let isAsked = false

  return {
    look: () => {
      isAsked = true
      wake.abort()
    },
    start: () => {
      loop = poll()
    },
    stop: async () => {
      stopping.abort()
      wake.abort()
      // A listing that storage does not respond to must not hold up the stop.
      const stopped = new AbortController()
      await Promise.race([loop, clock.sleep(STOP_GRACE_MS, stopped.signal)])
      stopped.abort()
      await Promise.all(running)
    },
  }

  async function poll(): Promise<void> {
    let delay = SHORTEST_POLL_MS
    const outage = createOutageReport({ target, verb: 'scanned', log, clock })
    while (!stopping.signal.aborted) {
      const begun = clock.now()
      isAsked = false
      wake = new AbortController()
      let found = 0
      let longest = LONGEST_POLL_MS
      try {
        completed ??= await receipts.completed()
        found = await scan(completed)
        outage.answered()
      } catch (error) {
        if (isAborted()) break
        const { kind, longestPause } = outage.failed(error)
        longest = longestPause
        if (kind === 'permanent') delay = longestPause
      }
      delay = found > 0 ? SHORTEST_POLL_MS : Math.min(longest, delay * 1.5)
      // A container that takes long to list is not listed all the time.
      if (!wasAsked()) {
        const pause = found > 0 ? delay : Math.max(delay, clock.now() - begun)
        await clock.sleep(pause, wake.signal)
      }
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
        if ((postponed.get(key) ?? 0) > clock.now()) continue
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
        else postponed.set(key, clock.now() + LONGEST_POLL_MS)
      })
      .catch((error: unknown) => {
        const refused = isPermanent(error)
        postponed.set(key, clock.now() + (refused ? REFUSED_MS : LONGEST_POLL_MS))
        const next = refused ? nextStepOf(error, target) : 'Trying again.'
        log.warn(
          `Blob '${version.container}/${version.name}' could not be handled (${reasonOf(error)}). ${next}`,
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

  // Read through functions: both change while something is awaited.
  function wasAsked(): boolean {
    return isAsked
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
