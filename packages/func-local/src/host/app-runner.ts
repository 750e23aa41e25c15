import { setTimeout as sleep } from 'node:timers/promises'
import type { Generation } from './generation.ts'
import type { Log } from './log.ts'

/** Keeps one generation of the app running: loads it, replaces it when it changes, restarts it when its worker dies. */
export interface AppRunner {
  /** The generation that takes new work; waits while there is none. */
  readonly current: () => Promise<Generation>
  /** The generation that takes new work now, if there is one. */
  readonly now: () => Generation | undefined
  /** Loads the app for the first time. Rejects when it does not load. */
  readonly start: () => Promise<Generation>
  /** Loads the app again; while that fails, what runs goes on. */
  readonly reload: () => void
  /** Ends everything, running work first. */
  readonly stop: () => Promise<void>
}

const FIRST_RESTART_DELAY_MS = 100
const LONGEST_RESTART_DELAY_MS = 10_000
const STABLE_AFTER_MS = 10_000
// A build writes its files one after the other; a failure that the next write repairs is not worth a word.
const SETTLE_MS = 250

/** Creates a runner over a function that loads the app into a new worker. */
export function createAppRunner(
  load: (stopping: AbortSignal) => Promise<Generation>,
  onReload: (generation: Generation) => void,
  log: Log,
): AppRunner {
  let live: Generation | undefined
  let settle: (generation: Generation) => void = () => undefined
  let waiting = newWait()
  const stopping = new AbortController()
  let renewing: Promise<void> | undefined
  let changed = false
  let restartDelay = FIRST_RESTART_DELAY_MS
  let lastError = ''
  const retiring = new Set<Promise<void>>()

  return {
    current: () => (live === undefined ? waiting : Promise.resolve(live)),
    now: () => live,
    start: async () => {
      const generation = await load(stopping.signal)
      install(generation)
      return generation
    },
    reload: () => {
      if (isStopping()) return
      changed = true
      renewing ??= renew().finally(() => (renewing = undefined))
    },
    stop: async () => {
      stopping.abort()
      await renewing
      const last = live
      live = undefined
      if (last !== undefined) retire(last)
      await Promise.all(retiring)
    },
  }

  function newWait(): Promise<Generation> {
    return new Promise((resolve) => (settle = resolve))
  }

  function install(generation: Generation): void {
    const previous = live
    live = generation
    settle(generation)
    generation.start()
    const loadedAt = Date.now()
    const { worker } = generation
    void worker.gone.then(() => {
      if (isStopping() || live !== generation) return
      void worker.exited.then((reason) => {
        log.error(`Language Worker Process (${worker.pid}) ${reason}. It is started again.`)
      })
      if (Date.now() - loadedAt > STABLE_AFTER_MS) restartDelay = FIRST_RESTART_DELAY_MS
      live = undefined
      waiting = newWait()
      void generation.drain()
      renewing ??= renew().finally(() => (renewing = undefined))
    })
    if (previous !== undefined) retire(previous)
  }

  function retire(generation: Generation): void {
    const work = generation
      .drain()
      .then(() => generation.worker.terminate())
      .finally(() => retiring.delete(work))
    retiring.add(work)
  }

  /** Loads until what is on disk runs, or, if it does not load, until it changes; a dead worker is tried again and again. */
  async function renew(): Promise<void> {
    for (;;) {
      const isRestart = live === undefined && !changed
      if (isRestart) {
        await sleep(restartDelay, undefined, { signal: stopping.signal }).catch(() => undefined)
        restartDelay = Math.min(LONGEST_RESTART_DELAY_MS, restartDelay * 2)
      }
      if (isStopping()) return
      changed = false
      live?.worker.detachDebugger()
      try {
        const generation = await load(stopping.signal)
        if (isStopping()) {
          generation.worker.kill()
          return
        }
        lastError = ''
        onReload(generation)
        install(generation)
        if (!hasChanged()) return
      } catch (error) {
        await sleep(SETTLE_MS)
        if (isStopping()) return
        if (hasChanged()) continue
        report(error)
        if (live !== undefined) return
      }
    }
  }

  function report(thrown: unknown): void {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    if (text === lastError) return
    lastError = text
    log.error(text)
    if (live !== undefined)
      log.warn('The app was not reloaded: the version that was running before goes on. Correct it and save.')
  }

  // Read through functions: both change while a load is awaited.
  function isStopping(): boolean {
    return stopping.signal.aborted
  }
  function hasChanged(): boolean {
    return changed
  }
}
