import type { Socket } from 'node:net'
import { writeSync } from 'node:fs'
import type { Channel } from '../channel.ts'
import type { FromWorker } from '../protocol.ts'

type Write = typeof process.stdout.write

/** Of CPU time: a busy machine does not make an app stuck. */
const STUCK_AFTER_MS = 1000
/** Of a clock on the wall, in which an app may also wait without yielding. */
const WAITING_AFTER_MS = 10_000

/**
 * Sends what the app writes to its standard output and error over the channel, so that it keeps its place among the log
 * entries of `context.log`. The channel sends what the system does not take at once when the app yields; an app that does
 * not yield for a second of its CPU time, or for ten seconds, writes to the process's own pipes instead, which are written synchronously.
 */
export function redirectOutput(
  channel: Channel<FromWorker>,
  socket: Pick<Socket, 'writable' | 'writableLength'>,
  output: Readonly<Record<'stdout' | 'stderr', { write: Write }>> = process,
): void {
  let turnBegan: { readonly at: number; readonly cpu: NodeJS.CpuUsage } | undefined
  const isStuck = (): boolean => {
    if (turnBegan === undefined) {
      turnBegan = { at: performance.now(), cpu: process.cpuUsage() }
      setImmediate(() => (turnBegan = undefined))
    }
    if (socket.writableLength === 0) return false
    const elapsed = performance.now() - turnBegan.at
    if (elapsed <= STUCK_AFTER_MS) return false
    const { user, system } = process.cpuUsage(turnBegan.cpu)
    return (user + system) / 1000 > STUCK_AFTER_MS || elapsed > WAITING_AFTER_MS
  }
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = output[name]
    const decoder = new TextDecoder()
    const original: Write = stream.write
    const write = (
      chunk: string | Uint8Array,
      encodingOrDone?: BufferEncoding | ((error?: Error | null) => void),
      done?: (error?: Error | null) => void,
    ): boolean => {
      if (!socket.writable || isStuck())
        return Reflect.apply(original, stream, [chunk, encodingOrDone, done]) as boolean
      const encoding = typeof encodingOrDone === 'string' ? encodingOrDone : 'utf8'
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
      const text = decoder.decode(bytes, { stream: true })
      if (text !== '') channel.send({ type: 'output', stream: name, text })
      const callback = typeof encodingOrDone === 'function' ? encodingOrDone : done
      if (callback !== undefined) process.nextTick(callback)
      return true
    }
    stream.write = write
  }
}

/**
 * Writes what the socket has not sent yet when the process ends, for nothing is sent in the background then. How much that
 * is, only Node's own fields tell; where they are missing, it is lost, as it would be anyway.
 */
export function flushOnExit(
  socket: Socket,
  fd: number,
  exiting: { on: (event: 'exit', run: () => void) => unknown } = process,
): void {
  let unsent: Uint8Array[] = []
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its socket below
  const { write } = socket
  socket.write = (...args: [Uint8Array]): boolean => {
    if (socket.writableLength === 0) unsent = []
    unsent.push(args[0])
    return write.apply(socket, args)
  }
  exiting.on('exit', () => {
    const { _handle: handle, _writableState: state } = socket as unknown as SocketFields
    if (socket.writableLength === 0 || handle?.writeQueueSize === undefined || state?.writelen === undefined)
      return
    const length = socket.writableLength - state.writelen + handle.writeQueueSize
    const bytes = Buffer.concat(unsent)
    writeAll(fd, bytes.subarray(bytes.length - length))
  })
}

interface SocketFields {
  readonly _handle?: { readonly writeQueueSize?: number }
  /** `writelen`: the bytes that the system is writing. */
  readonly _writableState?: { readonly writelen?: number }
}

const PATIENCE_MS = 2000

function writeAll(fd: number, bytes: Uint8Array): void {
  const deadline = Date.now() + PATIENCE_MS
  let sent = 0
  while (sent < bytes.length && Date.now() < deadline) {
    try {
      sent += writeSync(fd, bytes, sent)
    } catch (error) {
      // The socket takes no more for a moment.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
    }
  }
}
