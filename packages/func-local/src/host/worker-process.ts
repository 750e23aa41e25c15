import { spawn, type ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { openChannel, type Channel } from '../channel.ts'
import type {
  FromWorker,
  FunctionMetadata,
  InvocationRequest,
  InvocationResponse,
  LogEntry,
  ToWorker,
} from '../protocol.ts'

/** What a worker process is started with. */
export interface WorkerOptions {
  /** The script of the worker process. */
  readonly script: string
  readonly appDirectory: string
  readonly hostVersion: string
  /** Arguments for Node itself, `--inspect` for example. */
  readonly nodeArguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Ends a worker that is still loading. */
  readonly stopping: AbortSignal
  readonly onLog: (entry: LogEntry) => void
  /** A line that the app wrote to its standard output or error. */
  readonly onOutput: (stream: 'stdout' | 'stderr', line: string) => void
}

/** The app could not be loaded; `stack` is the app's. */
export class AppLoadError extends Error {}

/** The worker process ended before it answered. */
export class WorkerExitError extends Error {}

/** A running worker with the app loaded. */
export interface WorkerProcess {
  readonly pid: number
  readonly functions: readonly FunctionMetadata[]
  readonly capabilities: Readonly<Record<string, string>>
  /** @throws {WorkerExitError} when the process ends before the answer. */
  readonly invoke: (request: InvocationRequest) => Promise<InvocationResponse>
  /** Resolves as soon as the process can take no more work: it was killed, or has ended. */
  readonly gone: Promise<void>
  /** Resolves, with the reason in words, when the process has ended and its last output has been read. */
  readonly exited: Promise<string>
  /** Frees the debugger's port for another worker. */
  readonly detachDebugger: () => void
  /** Lets the app's terminate hooks run and ends the process; kills it when that takes too long. */
  readonly terminate: () => Promise<void>
  /** Ends the process at once. */
  readonly kill: () => void
}

const HOST_CHANNEL = 3
const TERMINATE_GRACE_MS = 5000
const LONGEST_LINE = 1 << 16

/**
 * Starts a worker and loads the app into it.
 *
 * @throws {AppLoadError} when the app does not load, {@link WorkerExitError} when the process ends while loading.
 */
export async function startWorker(options: WorkerOptions): Promise<WorkerProcess> {
  const child = spawn(
    process.execPath,
    // Stack traces point into the app's own source: https://nodejs.org/api/cli.html#--enable-source-maps
    ['--enable-source-maps', ...options.nodeArguments, options.script],
    {
      cwd: options.appDirectory,
      env: options.environment,
      // The fourth is the channel: a socket pair, on Windows an overlapped pipe.
      stdio: ['ignore', 'pipe', 'pipe', 'overlapped'],
      windowsHide: true,
    },
  )
  readLines(child, 'stdout', options.onOutput)
  readLines(child, 'stderr', options.onOutput)

  const waiting = new Map<string, { resolve: (r: InvocationResponse) => void; reject: (e: Error) => void }>()
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(`could not be started: ${error.message}`)
    })
    // `close` comes after the last output has been read.
    child.once('close', (code, signal) => {
      resolve(signal === null ? `exited with code ${code ?? 0}` : `was ended by ${signal}`)
    })
  })

  let leave: () => void = () => undefined
  const gone = new Promise<void>((resolve) => (leave = resolve))
  child.once('exit', leave)
  void exited.then(leave)
  let channel: Channel<ToWorker> | undefined
  const ready = new Promise<Extract<FromWorker, { type: 'ready' }>>((resolve, reject) => {
    const stream = child.stdio[HOST_CHANNEL] as Duplex | undefined
    stream?.on('error', () => undefined)
    if (stream !== undefined)
      channel = openChannel<ToWorker, FromWorker>(stream, (message) => {
        switch (message.type) {
          case 'ready':
            resolve(message)
            break
          case 'failed': {
            const error = new AppLoadError(message.message)
            // The stack says where in the app; the message says which file the worker was loading.
            error.stack = message.stack.includes(message.message)
              ? message.stack
              : `${message.message}\n${message.stack}`
            reject(error)
            break
          }
          case 'log':
            options.onLog(message.entry)
            break
          case 'response':
            waiting.get(message.response.invocationId)?.resolve(message.response)
            waiting.delete(message.response.invocationId)
        }
      })
    void exited.then((reason) => {
      reject(new WorkerExitError(`The worker process ${reason} while the app was loading.`))
    })
  })
  void exited.then((reason) => {
    for (const { reject } of waiting.values())
      reject(new WorkerExitError(`The worker process ${reason} during the invocation.`))
    waiting.clear()
  })
  channel?.send({ type: 'init', appDirectory: options.appDirectory, hostVersion: options.hostVersion })

  const giveUp = (): void => {
    child.kill('SIGKILL')
  }
  options.stopping.addEventListener('abort', giveUp)
  try {
    const { functions, capabilities } = await ready
    return {
      pid: child.pid ?? 0,
      functions,
      capabilities,
      gone,
      exited,
      invoke: (request) =>
        new Promise((resolve, reject) => {
          if (child.exitCode !== null || child.signalCode !== null) {
            reject(new WorkerExitError('The worker process has ended.'))
            return
          }
          waiting.set(request.invocationId, { resolve, reject })
          channel?.send({ type: 'invoke', request })
        }),
      detachDebugger: () => channel?.send({ type: 'detachDebugger' }),
      terminate: async () => {
        channel?.send({ type: 'terminate' })
        const timer = setTimeout(() => child.kill('SIGKILL'), TERMINATE_GRACE_MS)
        await exited
        clearTimeout(timer)
      },
      kill: () => {
        leave()
        child.kill('SIGKILL')
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    await exited
    throw error
  } finally {
    options.stopping.removeEventListener('abort', giveUp)
  }
}

function readLines(child: ChildProcess, name: 'stdout' | 'stderr', onLine: WorkerOptions['onOutput']): void {
  const stream = child[name]
  if (stream === null) return
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(name, line)
    if (rest.length > LONGEST_LINE) {
      onLine(name, rest)
      rest = ''
    }
  })
  stream.on('end', () => {
    if (rest !== '') onLine(name, rest)
  })
}
