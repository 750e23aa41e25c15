import { spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { openChannel, type Channel } from '../channel.ts'
import type {
  FromWorker,
  FunctionMetadata,
  InvocationRequest,
  InvocationResponse,
  LogEntry,
  ToWorker,
} from '../protocol.ts'
import { endWithProcess } from './end-with-process.ts'
import { createLineReader, type LineReader } from './line-reader.ts'
import { superviseByShell } from './reaper.ts'

/** What a worker process is started with. */
export interface WorkerOptions {
  /** The script of the worker process. */
  readonly script: string
  readonly appDirectory: string
  readonly hostVersion: string
  /** Where the host listens. */
  readonly hostPort: number
  /** Arguments for Node itself, `--inspect` for example. */
  readonly nodeArguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Ends a worker that is still loading. */
  readonly giveUp: AbortSignal
  /** The app takes long to load; `what` is what has not finished. Called again and again. */
  readonly onSlowLoad: (what: string, seconds: number) => void
  readonly onLog: (entry: LogEntry) => void
  /** A line that the app wrote to its standard output or error. */
  readonly onOutput: (stream: 'stdout' | 'stderr', line: string) => void
}

/** The app could not be loaded; `stack` is the app's. */
export class AppLoadError extends Error {}

/** The worker process ended before it responded. */
export class WorkerExitError extends Error {}

/** A running worker with the app loaded. */
export interface WorkerProcess {
  readonly pid: number
  readonly functions: readonly FunctionMetadata[]
  readonly capabilities: Readonly<Record<string, string>>
  /** The entry points that were loaded. */
  readonly files: readonly string[]
  /** @throws {WorkerExitError} when the process ends before the response. */
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
  /** Whether the host itself ended it. */
  readonly wasKilled: () => boolean
}

const HOST_CHANNEL = 3
const TERMINATE_GRACE_MS = 5000
const SLOW_LOAD_MS = 4500
const SLOW_LOAD_AGAIN_MS = 30_000
/** How long the output of a process that has ended is awaited: a process it started may keep the pipe open. */
const LAST_OUTPUT_MS = 500

/**
 * Starts a worker and loads the app into it.
 *
 * @throws {AppLoadError} when the app does not load, {@link WorkerExitError} when the process ends while loading.
 */
export async function startWorker(options: WorkerOptions): Promise<WorkerProcess> {
  options.giveUp.throwIfAborted()
  const child = spawn(
    process.execPath,
    // Stack traces point into the app's own source: https://nodejs.org/api/cli.html#--enable-source-maps
    ['--enable-source-maps', ...options.nodeArguments, options.script, ...workerArguments(options.hostPort)],
    {
      cwd: options.appDirectory,
      env: options.environment,
      // The fourth is the channel: a socket pair, on Windows an overlapped pipe.
      stdio: ['ignore', 'pipe', 'pipe', 'overlapped'],
      windowsHide: true,
    },
  )
  let killed = false
  const kill = (): void => {
    killed = true
    child.kill('SIGKILL')
  }
  // However this process ends, its worker ends with it.
  const release = endWithProcess(child)
  const endSupervision = child.pid === undefined ? undefined : superviseByShell(child.pid)
  const stdout = pipeLines(child.stdout, (line) => {
    options.onOutput('stdout', line)
  })
  const stderr = pipeLines(child.stderr, (line) => {
    options.onOutput('stderr', line)
  })
  const written: Record<'stdout' | 'stderr', LineReader> = {
    stdout: createLineReader((line) => {
      options.onOutput('stdout', line)
    }),
    stderr: createLineReader((line) => {
      options.onOutput('stderr', line)
    }),
  }

  const waiting = new Map<string, { resolve: (r: InvocationResponse) => void; reject: (e: Error) => void }>()
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(`could not be started: ${error.message}`)
    })
    child.once('exit', (code, signal) => {
      resolve(signal === null ? `exited with code ${code ?? 0}` : `was ended by ${signal}`)
    })
  })
  const stream = child.stdio[HOST_CHANNEL] as Duplex | undefined
  const exited = ended.then(async (reason) => {
    release()
    const supervised = endSupervision?.()
    let limit: NodeJS.Timeout | undefined
    await Promise.race([
      Promise.all([stdout, stderr, endOf(stream), supervised]),
      new Promise((resolve) => (limit = setTimeout(resolve, LAST_OUTPUT_MS))),
    ])
    clearTimeout(limit)
    for (const reader of Object.values(written)) reader.end()
    return reason
  })

  let leave: () => void = () => undefined
  const gone = new Promise<void>((resolve) => (leave = resolve))
  void ended.then(leave)
  let channel: Channel<ToWorker> | undefined
  let loading = waitsForDebugger(options.nodeArguments)
    ? 'it waits for a debugger (--inspect-brk)'
    : 'the worker process has not started'
  const ready = new Promise<Extract<FromWorker, { type: 'ready' }>>((resolve, reject) => {
    stream?.on('error', () => undefined)
    if (stream !== undefined)
      channel = openChannel<ToWorker, FromWorker>(stream, (message) => {
        switch (message.type) {
          case 'loading':
            loading = message.what
            break
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
          case 'output':
            written[message.stream].add(message.text)
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
  // Not before its last messages have been read: a response may be among them.
  void exited.then((reason) => {
    for (const { reject } of waiting.values())
      reject(new WorkerExitError(`The worker process ${reason} during the invocation.`))
    waiting.clear()
  })
  channel?.send({ type: 'init', appDirectory: options.appDirectory, hostVersion: options.hostVersion })

  const started = Date.now()
  const slow = (): void => {
    options.onSlowLoad(loading, Math.round((Date.now() - started) / 1000))
    timer = setTimeout(slow, SLOW_LOAD_AGAIN_MS)
  }
  let timer = setTimeout(slow, SLOW_LOAD_MS)
  options.giveUp.addEventListener('abort', kill)
  try {
    const { functions, capabilities, files } = await ready
    return {
      pid: child.pid ?? 0,
      functions,
      capabilities,
      files,
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
        const grace = setTimeout(kill, TERMINATE_GRACE_MS)
        await exited
        clearTimeout(grace)
      },
      kill: () => {
        leave()
        kill()
      },
      wasKilled: () => killed,
    }
  } catch (error) {
    kill()
    await exited
    throw error
  } finally {
    clearTimeout(timer)
    options.giveUp.removeEventListener('abort', kill)
  }
}

/**
 * What the real host's workers are started with. Nothing here reads it, but extension libraries of apps do, to call the host:
 * https://github.com/Azure/azure-functions-nodejs-extensions/blob/main/azure-functions-nodejs-extensions-servicebus/src/util/grpcUriBuilder.ts
 */
function workerArguments(port: number): string[] {
  return [
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--functions-grpc-max-message-length',
    String(2 ** 31 - 1),
  ]
}

/** https://nodejs.org/api/cli.html#--inspect-brkhostport and `--inspect-wait` hold the process until a debugger comes. */
function waitsForDebugger(nodeArguments: readonly string[]): boolean {
  return nodeArguments.some((argument) => /^--inspect-(?:brk|wait)\b/.test(argument))
}

function endOf(stream: Duplex | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed || stream.readableEnded) return Promise.resolve()
  return new Promise((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
}

/** Reads a stream line by line; resolves at its end. */
function pipeLines(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
  if (stream === null) return Promise.resolve()
  const reader = createLineReader(onLine)
  stream.setEncoding('utf8')
  stream.on('data', reader.add)
  stream.on('error', () => undefined)
  return new Promise((resolve) => {
    stream.once('close', () => {
      reader.end()
      resolve()
    })
  })
}
