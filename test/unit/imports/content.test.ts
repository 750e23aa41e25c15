import { describe, expect, it, test } from '@jest/globals'
import { setImmediate as turn } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { textOf } from '../../../src/imports/content.ts'
import { FileFault } from '../../../src/imports/fault.ts'

const KIB = 1024

async function* chunks(...contents: readonly (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const content of contents) {
    await Promise.resolve()
    if (content instanceof Error) throw content
    yield content
  }
}

async function all(text: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const pieces: Buffer[] = []
  for await (const piece of text) pieces.push(piece)
  return pieces
}

const read = async (content: Uint8Array, gzip = false, maxBytes?: number) =>
  Buffer.concat(await all(textOf(chunks(content), gzip, maxBytes)))

describe('what a file begins with is kept', () => {
  it.each([
    ['a character that begins like a byte order mark', '\ufec0x'],
    ['one that has its first and last byte', '\uf03fx'],
    ['one that has its last two', '\u4effx'],
    ['a control character that gzip begins with', '\u001fabc'],
    ['nothing', ''],
  ])('%s', async (_, text) => {
    expect((await read(Buffer.from(text))).toString()).toBe(text)
  })

  it('and a byte that gzip has in the second place', async () => {
    const bytes = Buffer.from([0x61, 0x8b, 0x62])
    expect(await read(bytes)).toStrictEqual(bytes)
  })
})

test('an empty file is empty, also one that is named .gz', async () => {
  expect(await read(Buffer.alloc(0), true)).toHaveLength(0)
})

test('a file may have as many bytes as the limit says', async () => {
  const content = Buffer.alloc(100, 'a')
  expect(await read(content, false, 100)).toHaveLength(100)
  expect(await read(gzipSync(content), true, 100)).toHaveLength(100)
  await expect(read(content, false, 99)).rejects.toThrow(FileFault)
})

test('the text comes in pieces of 64 KiB, and none is empty', async () => {
  const lengths = async (content: Uint8Array) =>
    (await all(textOf(chunks(content), false))).map(({ length }) => length)
  expect(await lengths(Buffer.alloc(128 * KIB, 'a'))).toStrictEqual([64 * KIB, 64 * KIB])
  expect(await lengths(Buffer.alloc(100 * KIB, 'a'))).toStrictEqual([64 * KIB, 36 * KIB])
})

test('a chunk may be a part of a larger buffer', async () => {
  const buffer = Buffer.concat([
    Buffer.alloc(100 * KIB, 'a'),
    Buffer.alloc(100 * KIB, 'b'),
    Buffer.alloc(100 * KIB, 'c'),
  ])
  const content = await read(buffer.subarray(100 * KIB, 200 * KIB))
  expect(content.equals(Buffer.alloc(100 * KIB, 'b'))).toBe(true)
})

test.each([
  ['little-endian', 'fffe'],
  ['big-endian', 'feff'],
])('UTF-16 with a byte order mark is told from other binary files: %s', async (_, mark) => {
  const content = Buffer.concat([Buffer.from(mark, 'hex'), Buffer.from('„“„“')])
  await expect(read(content)).rejects.toThrow('The file is UTF-16. Save it as UTF-8, and upload it again.')
})

test('a text may have a few control characters', async () => {
  const one = Buffer.from('a\u0001b')
  expect(await read(one)).toStrictEqual(one)
  const twoOfForty = Buffer.from(`\u0001\u0002${'a'.repeat(38)}`)
  expect(await read(twoOfForty)).toStrictEqual(twoOfForty)
  await expect(read(twoOfForty.subarray(0, 39))).rejects.toThrow('The file is binary, or UTF-16.')
})

test.each([
  ['with a code', Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
  ['without one', new Error('down')],
])('a failure of storage is not taken for a damaged file: an error %s', async (_, failure) => {
  const packed = gzipSync(Buffer.alloc(200 * KIB, 'abcdefg'))
  const text = textOf(chunks(packed.subarray(0, 100), failure), true)
  await expect(all(text)).rejects.toBe(failure)
})

test('who stops reading a packed file ends the reading of what is packed', async () => {
  const closed: string[] = []
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      const member = gzipSync(Buffer.alloc(200 * KIB, 'a'))
      for (;;) {
        await Promise.resolve()
        yield member
      }
    } finally {
      closed.push('the file')
    }
  }
  for await (const piece of textOf(endless(), true)) {
    expect(piece.length).toBeGreaterThan(0)
    break
  }
  for (let turns = 0; turns < 20 && closed.length === 0; turns++) await turn()
  expect(closed).toStrictEqual(['the file'])
})

test('a fault has a name, which the log shows', () => {
  expect(new FileFault('x').name).toBe('FileFault')
})
