import { once } from 'node:events'
import { systemClock, type Clock } from '../clock.ts'
import { ConfigurationError } from '../config/json-file.ts'
import type { Generation } from './generation.ts'
import type { Log } from './log.ts'
import { WorkerExitError } from './worker-process.ts'

/** Keeps one generation of the app running: loads it, replaces it when it changes, restarts it when its worker dies. */
export interface AppRunner {
  /** The generation that takes new work; waits while there is none. */
  readonly current: () => Promise<Generation>
  /** The generation that takes new work now, if there is one. */
  readonly now: () => Generation | undefined
  /** Loads the app for the first time. Rejects when it does not load, {@link StoppedError} when it is stopped meanwhile. */
  readonly start: () => Promise<Generation>
  /** Loads the app again, and ends a load that has not finished; while loading fails, what runs goes on. */
  readonly reload: () => void
  /** Ends everything, running work first. */
  readonly stop: () => Promise<void>
  /** Ends the workers that a stop waits for. */
  readonly kill: () => void
  /** What a stop waits for, in words. */
  readonly unfinished: () => readonly string[]
}

/** The host was stopped before the app had loaded. */
export class StoppedError extends Error {}

const FIRST_RESTART_DELAY_MS = 100
const LONGEST_RESTART_DELAY_MS = 10_000
const STABLE_AFTER_MS = 10_000
// A build writes its files one after the other; a failure that the next write repairs is not reported.
const SETTLE_MS = 250
// https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Workers/Rpc/FunctionRegistration/RpcFunctionInvocationDispatcher.cs
const CRASHES_THAT_END_THE_REAL_HOST = 3
const CRASHES_BELONG_TOGETHER_MS = 30 * 60_000

/** Creates a runner over a function that loads the app into a new worker; the signal ends the load. */
export function createAppRunner(
  load: (giveUp: AbortSignal) => Promise<Generation>,
  onReload: (generation: Generation) => void,
  log: Log,
  clock: Clock = systemClock,
): AppRunner {
  const stopping = new AbortController()
  const retiring = new Map<Generation, Promise<void>>()
  const restarts = createBackoff()
  const crashes = createCrashCounter(log, clock)
  let live: Generation | undefined
  let settle: (generation: Generation) => void = () => undefined
  let waiting = newWait()
  /** The app on disk is newer than what was loaded last. */
  let changed = false
  let attempt = new AbortController()
  let wake = new AbortController()
  let lastFailure = ''
  let running: Promise<void> | undefined

  return {
    current: () => (live === undefined ? waiting : Promise.resolve(live)),
    now: () => live,
    start: () =>
      new Promise((resolve, reject) => {
        running = run(resolve, reject)
      }),
    reload: () => {
      if (isStopping()) return
      changed = true
      attempt.abort()
      wake.abort()
    },
    stop: async () => {
      stopping.abort()
      attempt.abort()
      wake.abort()
      await running
      if (live !== undefined) retire(live)
      live = undefined
      await Promise.all(retiring.values())
    },
    kill: () => {
      for (const { worker } of retiring.keys()) worker.kill()
    },
    unfinished: () => [...retiring.keys()].flatMap((generation) => generation.unfinished()),
  }

  /** The one place where a generation is loaded; ends with the host, or when the first load fails. */
  async function run(resolve: (first: Generation) => void, reject: (error: unknown) => void): Promise<void> {
    let isFirst = true
    while (!isStopping()) {
      if (live !== undefined && !changed) {
        await pause()
        continue
      }
      const isRestart = live === undefined && !changed && !isFirst
      if (isRestart) {
        await pause(restarts.next())
        if (isStopping() || hasChanged()) continue
      }
      changed = false
      attempt = new AbortController()
      live?.worker.detachDebugger()
      let generation: Generation
      try {
        generation = await load(attempt.signal)
      } catch (error) {
        if (isStopping() || hasChanged()) continue
        await pause(SETTLE_MS)
        if (isStopping() || hasChanged()) continue
        if (isFirst) {
          reject(error)
          return
        }
        report(error, isRestart)
        continue
      }
      if (isStopping() || hasChanged()) {
        generation.worker.kill()
        continue
      }
      lastFailure = ''
      if (isFirst) resolve(generation)
      else onReload(generation)
      isFirst = false
      install(generation)
    }
    if (isFirst) reject(new StoppedError('The host was stopped before the app had loaded.'))
  }

  /** Waits for the next thing to do, at most for a time. Called where nothing is to do: what comes now wakes it. */
  async function pause(milliseconds?: number): Promise<void> {
    wake = new AbortController()
    const { signal } = wake
    if (milliseconds === undefined) await once(signal, 'abort')
    else await clock.sleep(milliseconds, signal)
  }

  function newWait(): Promise<Generation> {
    return new Promise((resolve) => (settle = resolve))
  }

  function install(generation: Generation): void {
    const previous = live
    live = generation
    settle(generation)
    generation.start()
    const loadedAt = clock.now()
    const { worker } = generation
    void worker.gone.then(() => {
      if (isStopping() || live !== generation) return
      if (clock.now() - loadedAt > STABLE_AFTER_MS) restarts.reset()
      live = undefined
      waiting = newWait()
      retire(generation)
      wake.abort()
      void worker.exited.then((reason) => {
        log.error(`Language Worker Process (${worker.pid}) ${reason}. It is started again.`)
        if (!worker.wasKilled()) crashes.add()
      })
    })
    if (previous !== undefined) {
      restarts.reset()
      crashes.reset()
      retire(previous)
    }
  }

  function retire(generation: Generation): void {
    const work = generation
      .drain()
      .then(() => generation.worker.terminate())
      .finally(() => retiring.delete(generation))
    retiring.set(generation, work)
  }

  function report(thrown: unknown, isRestart: boolean): void {
    const isOneLine = thrown instanceof ConfigurationError || thrown instanceof WorkerExitError
    const text =
      thrown instanceof Error
        ? isOneLine
          ? thrown.message
          : (thrown.stack ?? thrown.message)
        : String(thrown)
    // A restart that fails like the one before is not reported again; a failed save always is.
    if (isRestart && text === lastFailure) return
    lastFailure = text
    const next =
      live === undefined
        ? 'The app is not running; it is tried again.'
        : 'The app was not reloaded: the version that was running before goes on. Correct it and save.'
    if (isOneLine) log.error(`${text} ${next}`)
    else {
      log.error(text)
      log.warn(next)
    }
  }

  // Read through functions: both change while something is awaited.
  function isStopping(): boolean {
    return stopping.signal.aborted
  }
  function hasChanged(): boolean {
    return changed
  }
}

/** Delays that double, up to a longest one. */
function createBackoff(): { readonly next: () => number; readonly reset: () => void } {
  let delay = FIRST_RESTART_DELAY_MS
  return {
    next: () => {
      const now = delay
      delay = Math.min(LONGEST_RESTART_DELAY_MS, delay * 2)
      return now
    },
    reset: () => {
      delay = FIRST_RESTART_DELAY_MS
    },
  }
}

/** Says when the real host would have stopped. */
function createCrashCounter(
  log: Log,
  clock: Clock,
): { readonly add: () => void; readonly reset: () => void } {
  let count = 0
  let last = 0
  return {
    add: () => {
      const now = clock.now()
      count = now - last > CRASHES_BELONG_TOGETHER_MS ? 1 : count + 1
      last = now
      if (count < CRASHES_THAT_END_THE_REAL_HOST) return
      count = 0
      log.warn(
        `The worker process has ended ${CRASHES_THAT_END_THE_REAL_HOST} times in quick succession. In Azure the Functions host stops at this point ("Exceeded language worker restart retry count"); func-local goes on. Find the cause in the lines above.`,
      )
    },
    reset: () => {
      count = 0
    },
  }
}
