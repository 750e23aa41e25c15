import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { workerOf } from 'testkit/processTree'
import { freePort } from 'testkit/freePort'
import { spawnHost } from 'testkit/hostProcess'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const RETRY_MS = 5
/** Linux counts processor time for programs in hundredths of a second. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const MS_PER_TICK = 10

/** A host that runs an app, alone in its process group. Its output goes to a file, so that it never waits for a reader. */
export interface BenchHost {
  readonly port: number
  /** Milliseconds from before the start of the process until the first call succeeded. */
  readonly firstResponseMs: number
  /** Resident memory of the process that holds the app, in bytes. */
  readonly residentBytes: () => Promise<number>
  /** The most that it was since the process started, in bytes. */
  readonly peakBytes: () => Promise<number>
  /** Milliseconds of processor time that this process has had, of all its threads, to the next 10. */
  readonly cpuMs: () => Promise<number>
  /** Suspends the host and its worker, by signal. */
  readonly pause: () => void
  readonly resume: () => void
  readonly stop: () => Promise<void>
}

/** A call that is repeated until its response has this status. */
export interface FirstCall {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly body?: string
  readonly status: number
}

/**
 * Starts func-local on an app's folder, on a free port, and makes the first call.
 *
 * @throws with the host's output when it does not come up
 */
export async function startBenchHost(options: {
  /** The host's script. */
  readonly host: string
  readonly app: string
  readonly environment: Readonly<Record<string, string>>
  readonly firstCall: FirstCall
  /** More of the host's flags. */
  readonly flags?: readonly string[]
}): Promise<BenchHost> {
  const { host, app, environment, firstCall, flags = [] } = options
  const port = await freePort()
  // Not in the app's folder, which the host watches: every line would be a change to look at.
  const log = path.join(path.dirname(app), `host-${port}.log`)
  const output = openSync(log, 'w')
  const begun = performance.now()
  const child = spawnHost({
    host,
    folder: app,
    port,
    flags,
    environment,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const ended = once(child, 'exit')
  const { pid } = child
  if (pid === undefined) throw new Error('The host could not be started.')
  const running = () => child.exitCode === null && child.signalCode === null
  const signalGroup = (signal: NodeJS.Signals) => {
    if (running()) process.kill(-pid, signal)
  }
  const stop = async () => {
    signalGroup('SIGCONT')
    child.kill('SIGINT')
    const late = setTimeout(signalGroup, STOP_TIMEOUT_MS, 'SIGKILL')
    if (running()) await ended
    clearTimeout(late)
  }

  for (;;) {
    const status = await statusOf(port, firstCall)
    if (status === firstCall.status) break
    if (
      !running() ||
      (status !== undefined && status !== 0) ||
      performance.now() > begun + START_TIMEOUT_MS
    ) {
      await stop()
      throw new Error(
        `${firstCall.path} returned ${String(status)} instead of ${firstCall.status}:\n${await readFile(log, 'utf8')}`,
      )
    }
    await delay(RETRY_MS)
  }
  const firstResponseMs = performance.now() - begun

  // https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
  const memory = (line: 'VmRSS' | 'VmHWM') => async () => {
    const worker = await workerOf(pid)
    const status = await readFile(`/proc/${worker ?? pid}/status`, 'utf8')
    return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  }

  return {
    port,
    firstResponseMs,
    residentBytes: memory('VmRSS'),
    peakBytes: memory('VmHWM'),
    cpuMs: async () => {
      const worker = await workerOf(pid)
      const stat = await readFile(`/proc/${worker ?? pid}/stat`, 'utf8')
      // The name, the second field, may have spaces; utime and stime are the 14th and 15th.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
    },
    pause: () => {
      signalGroup('SIGSTOP')
    },
    resume: () => {
      signalGroup('SIGCONT')
    },
    stop,
  }
}

/** The status of one call; undefined while nobody listens. */
async function statusOf(port: number, { path, method, body }: FirstCall): Promise<number | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(body !== undefined && { body }),
    })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}
