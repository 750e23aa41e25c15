/**
 * `func-local/worker`: a worker process without the host around it. For measurements and tests that take the host's
 * part themselves, message by message.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { openChannel, type Channel } from './channel.ts'
import type { FromWorker, ToWorker } from './protocol.ts'

export type * from './protocol.ts'

const HOST_CHANNEL = 3

/** What a worker process is started with. */
export interface WorkerSessionOptions {
  /** The worker's script: `dist/worker.js` of this package. */
  readonly script: string
  /** The app's folder; it becomes the working directory. The app is loaded when `init` is sent. */
  readonly appDirectory: string
  /** Arguments for Node itself. */
  readonly nodeArguments?: readonly string[]
  /** The whole environment of the process. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Called with each message, in the order in which the worker sent them. */
  readonly onMessage: (message: FromWorker) => void
}

/** A worker process and the host's end of its channel. */
export interface WorkerSession {
  /** The process. Its standard output and error are the app's. */
  readonly child: ChildProcess
  /** Sends a message; messages arrive whole and in order. Does nothing when the process has ended. */
  readonly send: (message: ToWorker) => void
}

/** Starts a worker process. Nothing is sent yet. */
export function openWorkerSession(options: WorkerSessionOptions): WorkerSession {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), options.script], {
    cwd: options.appDirectory,
    env: options.environment,
    // The fourth is the channel: a socket pair, on Windows an overlapped pipe.
    stdio: ['ignore', 'pipe', 'pipe', 'overlapped'],
    windowsHide: true,
  })
  // Missing when the process could not be started: the child's `error` event says why.
  const stream = child.stdio[HOST_CHANNEL] as Duplex | undefined
  stream?.on('error', () => undefined)
  const channel: Channel<ToWorker> | undefined =
    stream && openChannel<ToWorker, FromWorker>(stream, options.onMessage)
  return { child, send: (message) => channel?.send(message) }
}
