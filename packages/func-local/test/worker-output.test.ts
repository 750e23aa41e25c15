import { afterEach, beforeEach, describe, expect, test, jest } from '@jest/globals'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { FromWorker } from '../src/protocol.ts'
import { flushOnExit, redirectOutput } from '../src/worker/output.ts'

type Callback = (error?: Error | null) => void
type Write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Callback, done?: Callback) => boolean

describe("the app's output", () => {
  let sent: FromWorker[]
  let direct: unknown[][]
  let socket: { writable: boolean; writableLength: number }
  let out: Record<'stdout' | 'stderr', { write: Write }>

  beforeEach(() => {
    sent = []
    direct = []
    socket = { writable: true, writableLength: 0 }
    const stream = (name: string): { write: Write } => {
      const self = {
        write(this: unknown, ...args: unknown[]): boolean {
          direct.push([name, this === self, ...args])
          return false
        },
      }
      return self
    }
    out = { stdout: stream('stdout'), stderr: stream('stderr') }
    redirectOutput({ send: (message) => sent.push(message) }, socket, out)
  })

  test('goes over the channel, each stream under its name', () => {
    expect(out.stdout.write('a')).toBe(true)
    expect(out.stderr.write(Buffer.from('b'))).toBe(true)
    expect(sent).toEqual([
      { type: 'output', stream: 'stdout', text: 'a' },
      { type: 'output', stream: 'stderr', text: 'b' },
    ])
    expect(direct).toEqual([])
  })

  test('is text in the encoding that was named', () => {
    out.stdout.write('w7w=', 'base64')
    out.stdout.write('ü', () => undefined)
    expect(sent).toMatchObject([{ text: 'ü' }, { text: 'ü' }])
  })

  test('a character may come in pieces; nothing is sent for half of one', () => {
    const [first, second] = Buffer.from('ü')
    out.stdout.write(Uint8Array.of(first ?? 0))
    expect(sent).toEqual([])
    out.stderr.write('x')
    out.stdout.write(Uint8Array.of(second ?? 0))
    expect(sent).toMatchObject([{ text: 'x' }, { text: 'ü' }])
  })

  test('who waits for a write is told, and not at once', async () => {
    const told: string[] = []
    out.stdout.write('a', () => told.push('second'))
    out.stdout.write('a', 'utf8', () => told.push('third'))
    expect(told).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toEqual(['second', 'third'])
  })

  test('goes the direct way when the host is gone', () => {
    socket.writable = false
    const done = (): void => undefined
    expect(out.stdout.write('a', 'latin1', done)).toBe(false)
    expect(direct).toEqual([['stdout', true, 'a', 'latin1', done]])
    expect(sent).toEqual([])
  })

  describe('while the channel is behind and the app does not yield', () => {
    let elapsed = 0
    let used = 0

    beforeEach(() => {
      elapsed = 0
      used = 0
      jest.spyOn(performance, 'now').mockImplementation(() => elapsed)
      jest.spyOn(process, 'cpuUsage').mockImplementation((since = { user: 0, system: 0 }) => ({
        user: (used * 1000) / 2 - since.user,
        system: (used * 1000) / 2 - since.system,
      }))
      socket.writableLength = 1
      out.stdout.write('a')
    })
    afterEach(() => {
      jest.restoreAllMocks()
    })

    test.each([
      ['a second of CPU time', 1010, 1010, true],
      ['less than a second of CPU time, on a busy machine', 9000, 990, false],
      ['ten seconds without work', 10_010, 0, true],
      ['less than a second', 990, 990, false],
    ])('%s', (_what, milliseconds, cpu, isDirect) => {
      elapsed = milliseconds
      used = cpu
      out.stderr.write('c')
      expect(direct).toEqual(isDirect ? [['stderr', true, 'c', undefined, undefined]] : [])
      expect(sent).toMatchObject([{ text: 'a' }, ...(isDirect ? [] : [{ text: 'c' }])])
    })

    test('it goes over the channel again when the channel is not behind, and a turn later', async () => {
      elapsed = used = 1010
      socket.writableLength = 0
      out.stdout.write('b')
      socket.writableLength = 1
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
      out.stdout.write('d')
      expect(direct).toEqual([])
      expect(sent).toMatchObject([{ text: 'a' }, { text: 'b' }, { text: 'd' }])
    })
  })
})

describe('what the channel has not sent when the process ends', () => {
  let directory: string
  let file: string
  let fd: number
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'func-local-flush-'))
    file = path.join(directory, 'sent')
    fd = openSync(file, 'w')
  })
  afterEach(() => {
    try {
      closeSync(fd)
    } catch {
      // It was closed by the test.
    }
    rmSync(directory, { recursive: true })
  })

  /** A socket with fields as Node.js has them; gives the end of the process. */
  function socketOf(fields: object): {
    socket: Socket
    written: string[]
    exit: () => void
    set: (more: object) => void
  } {
    const written: string[] = []
    const socket = {
      writableLength: 0,
      write(this: unknown, chunk: Uint8Array): boolean {
        written.push(`${this === socket} ${String(chunk)}`)
        return false
      },
      ...fields,
    }
    let exit: () => void = () => undefined
    flushOnExit(socket as unknown as Socket, fd, {
      on: (event, run) => {
        expect(event).toBe('exit')
        exit = run
      },
    })
    return {
      socket: socket as unknown as Socket,
      written,
      exit: () => {
        exit()
      },
      set: (more) => Object.assign(socket, more),
    }
  }
  const text = (): string => readFileSync(file, 'utf8')

  test('is written then, from where the system stopped', () => {
    const { socket, written, exit, set } = socketOf({})
    expect(socket.write(Buffer.from('gone'))).toBe(false)
    // The system has taken that; now it takes three bytes of seven.
    socket.write(Buffer.from('abcd'))
    set({ writableLength: 4 })
    socket.write(Buffer.from('efg'))
    set({ writableLength: 7, _handle: { writeQueueSize: 1 }, _writableState: { writelen: 4 } })
    exit()
    expect(text()).toBe('defg')
    expect(written).toEqual(['true gone', 'true abcd', 'true efg'])
  })

  test.each([
    [
      'nothing is left',
      { writableLength: 0, _handle: { writeQueueSize: 4 }, _writableState: { writelen: 0 } },
    ],
    ['Node.js has no such fields', { writableLength: 4 }],
    ['Node.js has no handle', { writableLength: 4, _writableState: { writelen: 0 } }],
    ['Node.js has no state', { writableLength: 4, _handle: { writeQueueSize: 4 } }],
    ['Node.js has other fields', { writableLength: 4, _handle: {}, _writableState: {} }],
  ])('is nothing when %s', (_what, fields) => {
    const { socket, exit, set } = socketOf({})
    socket.write(Buffer.from('abcd'))
    set(fields)
    exit()
    expect(text()).toBe('')
  })

  test('is lost when nobody can read it', () => {
    const { socket, exit, set } = socketOf({})
    socket.write(Buffer.from('abcd'))
    set({ writableLength: 4, _handle: { writeQueueSize: 4 }, _writableState: { writelen: 4 } })
    closeSync(fd)
    const began = performance.now()
    expect(exit).not.toThrow()
    expect(performance.now() - began).toBeLessThan(1500)
  })
})
