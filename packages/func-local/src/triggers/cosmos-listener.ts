import type { Clock } from '../clock.ts'
import type { Log } from '../host/log.ts'
import type { StorageTarget } from '../storage/errors.ts'
import { createOutageReport } from '../storage/outage.ts'
import type { Claim } from './cosmos-lease.ts'

/** Changed items, in the order of their changes within a partition. */
export interface ChangePage {
  readonly items: readonly unknown[]
  /** The changes after this page. */
  readonly continuation: string
}

/** The changes of a container, page by page; an empty page is the end for now. */
export interface ChangeFeed {
  readonly next: () => Promise<ChangePage>
}

/** What a listener needs; `run` says whether the function succeeded, or has ended its worker: also then the batch is over. */
export interface CosmosListenerOptions {
  readonly target: StorageTarget
  /** Milliseconds between two looks at a feed that has nothing new. */
  readonly pollDelayMs: number
  /** Milliseconds until a lease is asked for again that somebody else has. */
  readonly acquireMs: number
  /** Milliseconds after which a lease is renewed. */
  readonly renewMs: number
  /** Takes the lease; `undefined` when somebody else has it. */
  readonly claim: () => Promise<Claim | undefined>
  readonly feed: (from: string | undefined) => ChangeFeed
  readonly log: Log
  readonly clock: Clock
  readonly run: (items: readonly unknown[]) => Promise<boolean>
}

const PAUSE_MS = 500
const STOP_GRACE_MS = 5000

/**
 * Delivers the changes of a container, one page after the other. The lease moves on when the function has ended, also when it has
 * failed, which is what the real host does: a retry policy repeats it before that. What fails while the host stops is delivered
 * again.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger and
 * https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions.CosmosDB/Trigger/CosmosDBTriggerListener.cs
 */
export function createCosmosListener(options: CosmosListenerOptions): {
  start: () => void
  stop: () => Promise<void>
} {
  const { log, clock, target } = options
  const stopping = new AbortController()
  let running: Promise<unknown> = Promise.resolve()
  let loop: Promise<void> = Promise.resolve()
  const outage = createOutageReport({ target, verb: 'read', log, clock })

  return {
    start: () => {
      loop = listen()
    },
    stop: async () => {
      stopping.abort()
      await running
      // An account that does not respond must not hold up the stop.
      const stopped = new AbortController()
      await Promise.race([loop, clock.sleep(STOP_GRACE_MS, stopped.signal)])
      stopped.abort()
    },
  }

  async function listen(): Promise<void> {
    while (!isStopping()) {
      try {
        const claim = await options.claim()
        if (claim !== undefined) {
          await deliver(claim)
          continue
        }
        outage.answered()
        await clock.sleep(options.acquireMs, stopping.signal)
      } catch (error) {
        await pauseAfter(error)
      }
    }
  }

  /** Delivers until the host stops, or somebody else has the lease. */
  async function deliver(claim: Claim): Promise<void> {
    const endRenewal = clock.every(options.renewMs, () => {
      // Whether it is lost shows with the next write that gets through.
      claim.renew().catch(() => undefined)
    })
    try {
      const feed = options.feed(claim.continuation())
      while (!isStopping() && !claim.isLost()) {
        let page: ChangePage
        try {
          page = await feed.next()
          outage.answered()
        } catch (error) {
          await pauseAfter(error)
          // Another container may have the name now, and another lease.
          return
        }
        if (isStopping()) return
        if (page.items.length === 0) {
          // Where "now" was is kept, for the changes until the next start.
          if (claim.continuation() === undefined) await advance(claim, page.continuation)
          await clock.sleep(options.pollDelayMs, stopping.signal)
          continue
        }
        const run = options.run(page.items)
        running = run
        if ((await run) || !isStopping()) await advance(claim, page.continuation)
      }
    } finally {
      endRenewal()
      await claim.release().catch(() => undefined)
    }
  }

  /** What was delivered must not be delivered again because the account was away for a while. */
  async function advance(claim: Claim, continuation: string): Promise<void> {
    for (;;) {
      try {
        await claim.advance(continuation)
        outage.answered()
        return
      } catch (error) {
        if (isStopping()) return
        await pauseAfter(error)
      }
    }
  }

  async function pauseAfter(error: unknown): Promise<void> {
    const { kind, longestPause } = outage.failed(error)
    await clock.sleep(kind === 'permanent' ? longestPause : PAUSE_MS, stopping.signal)
  }

  // Read through a function: it changes while something is awaited.
  function isStopping(): boolean {
    return stopping.signal.aborted
  }
}
