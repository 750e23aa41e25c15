import { describe, expect, test } from '@jest/globals'
import { Duplex } from 'node:stream'
import { serialize } from 'node:v8'
import { openChannel } from '../src/channel.ts'

/** A stream that keeps what is written to it; the test says what comes in. */
function fakeStream(): { stream: Duplex; written: Buffer[]; arrive: (bytes: Buffer) => void } {
  const written: Buffer[] = []
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk)
      done()
    },
  })
  return { stream, written, arrive: (bytes) => stream.emit('data', bytes) }
}

describe('the channel between host and worker', () => {
  const messages = [
    { a: 1 },
    'x'.repeat(300),
    new Uint8Array([1, 2, 3]),
    null,
    { nested: [new Map([[1, 2n]])] },
  ]

  function bytesOf(all: readonly unknown[]): Buffer {
    const { stream, written } = fakeStream()
    const channel = openChannel<unknown, unknown>(stream, () => undefined)
    for (const message of all) channel.send(message)
    return Buffer.concat(written)
  }

  test('sends each message behind its length, in one write', () => {
    const { stream, written } = fakeStream()
    openChannel<unknown, unknown>(stream, () => undefined).send(messages[0])
    expect(written).toHaveLength(1)
    const [bytes = Buffer.alloc(0)] = written
    expect(bytes.readUInt32LE(0)).toBe(bytes.length - 4)
    expect(bytes.subarray(4).equals(serialize(messages[0]))).toBe(true)
  })

  test.each([1, 2, 3, 5, 7, 64, 10_000])(
    'receives messages whole and in order from pieces of %i bytes',
    (size) => {
      const bytes = bytesOf(messages)
      const received: unknown[] = []
      const { stream, arrive } = fakeStream()
      openChannel<unknown, unknown>(stream, (message) => received.push(message))
      for (let at = 0; at < bytes.length; at += size) arrive(bytes.subarray(at, at + size))
      expect(received).toEqual(messages)
    },
  )

  test('receives each message as soon as it is there', () => {
    const bytes = bytesOf(['one', 'two'])
    const received: unknown[] = []
    const { stream, arrive } = fakeStream()
    openChannel<unknown, unknown>(stream, (message) => received.push(message))
    arrive(bytes.subarray(0, -1))
    expect(received).toEqual(['one'])
    arrive(bytes.subarray(-1))
    expect(received).toEqual(['one', 'two'])
  })

  test('does nothing when the other end is gone', () => {
    const { stream, written } = fakeStream()
    const channel = openChannel<unknown, unknown>(stream, () => undefined)
    stream.destroy()
    channel.send('late')
    expect(written).toEqual([])
  })
})
