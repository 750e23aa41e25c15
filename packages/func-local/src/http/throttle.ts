/** `maxConcurrentRequests` and `maxOutstandingRequests` of `host.json`; `-1` is no limit. */
export interface ThrottleLimits {
  readonly concurrent: number
  readonly outstanding: number
}

/** Runs work now or later, or refuses it. */
export interface Throttle {
  /** Zero and numbers below -1 let nothing run: the real host starts with them, and every request fails. */
  readonly isUsable: boolean
  /** Resolves when the work has ended; `false` when there is no room for it. */
  readonly run: (work: () => Promise<void>) => Promise<boolean>
}

/** The limits of `host.json` let nothing run. */
export class UnusableLimitsError extends Error {}

/**
 * Lets so many requests run at once; others wait, and beyond `outstanding`, running ones included, they are refused:
 * https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions.Http/HttpRequestManager.cs
 */
export function createThrottle({ concurrent, outstanding }: ThrottleLimits): Throttle {
  const waiting: (() => void)[] = []
  let running = 0
  const isUsable = [concurrent, outstanding].every((limit) => limit === -1 || limit > 0)
  return {
    isUsable,
    run: async (work) => {
      if (!isUsable) throw new UnusableLimitsError('The limits for HTTP requests in host.json let none run.')
      if (outstanding !== -1 && running + waiting.length >= outstanding) return false
      if (concurrent !== -1 && running >= concurrent)
        await new Promise<void>((resolve) => waiting.push(resolve))
      else running++
      try {
        await work()
      } finally {
        const next = waiting.shift()
        // The place goes on to the next one.
        if (next === undefined) running--
        else next()
      }
      return true
    },
  }
}
