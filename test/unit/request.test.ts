import type { HttpRequest } from '@azure/functions'
import { describe, expect, it, test } from '@jest/globals'
import { lastPathSegment, prefersAsync, readOrder, relativeTo } from '../../src/http/request.ts'
import {
  BodyTooLargeError,
  InvalidOrderError,
  MalformedJsonError,
  UnsupportedEncodingError,
} from '../../src/orders/errors.ts'

// How a request is read. What is read of the library's HttpRequest, a standard Request has as well.

const ORDER = 'https://shop.example/api/order'

function post(body: string | ReadableStream, headers: Record<string, string> = {}): HttpRequest {
  const request = new Request(ORDER, { method: 'POST', body, headers, duplex: 'half' })
  return request as unknown as HttpRequest
}
const at = (url: string) => new Request(url) as unknown as HttpRequest

const widget = '{"item":"widget"}'
const LIMIT = 32 * 1024

/** A body that is sent in chunks, and what has been read of it. */
function chunked(chunks: readonly string[], failure?: Error) {
  const read: string[] = []
  const ended = Promise.withResolvers<undefined>()
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[read.length]
        if (chunk !== undefined) {
          read.push(chunk)
          controller.enqueue(new TextEncoder().encode(chunk))
          return
        }
        if (failure === undefined) controller.close()
        else controller.error(failure)
        ended.resolve(undefined)
      },
    },
    { highWaterMark: 0 },
  )
  return { body, read, ended: ended.promise }
}

describe('the last segment of a path', () => {
  it.each([
    ['/api/order/a1', 'a1'],
    ['/api/order/a1/', 'a1'],
    ['/api/order/a1//', 'a1'],
    ['/api/order/a%2Fb?c=d/e', 'a/b'],
    ['/api/order/%zz', '%zz'],
    ['/', ''],
  ])('of %s is %j', (path, segment) => {
    expect(lastPathSegment(at(`https://shop.example${path}`))).toBe(segment)
  })
})

describe('a reference to what is below a path', () => {
  it.each([
    ['/api/order', 'order/a1'],
    ['/api/order/', 'a1'],
    ['/api/order//', '../a1'],
    ['/api/order///', '../../a1'],
  ])('%s is %j', (path, reference) => {
    const url = `https://shop.example${path}`
    expect(relativeTo(at(url), 'a1')).toBe(reference)
    expect(new URL(reference, url).pathname).toBe('/api/order/a1')
  })
})

describe('the content coding of a body', () => {
  it.each(['', 'identity', 'Identity', ' identity , identity', 'identity,'])('may be %j', async (coding) => {
    expect(await readOrder(post(widget, { 'content-encoding': coding }))).toMatchObject({ item: 'widget' })
  })

  it.each(['gzip', 'identity, gzip', 'gzip, identity', 'identity gzip'])(
    'is not supported otherwise: %j',
    async (coding) => {
      await expect(readOrder(post(widget, { 'content-encoding': coding }))).rejects.toThrow(
        UnsupportedEncodingError,
      )
    },
  )
})

describe('a body', () => {
  it('is read in chunks', async () => {
    expect(await readOrder(post(chunked(['{"item"', ':"wid', 'get"}']).body))).toMatchObject({
      item: 'widget',
    })
  })

  it('that is not there is not JSON', async () => {
    await expect(readOrder(at(ORDER))).rejects.toThrow('it ends too early at line 1, column 1')
  })

  it('that breaks off is malformed, and the reason is kept', async () => {
    const cause = new Error('aborted')
    const error: unknown = await readOrder(post(chunked(['{'], cause).body)).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(MalformedJsonError)
    expect(error).toMatchObject({ message: 'The body ended before it was complete.', cause })
  })

  it('of 32 KiB is read, whether its length is known or not', async () => {
    const body = widget.padEnd(LIMIT)
    expect(await readOrder(post(body, { 'content-length': String(LIMIT) }))).toMatchObject({ item: 'widget' })
    expect(await readOrder(post(chunked([body]).body))).toMatchObject({ item: 'widget' })
  })

  it('is not read when its length is known to be over the limit', async () => {
    const { body, read } = chunked([widget])
    await expect(readOrder(post(body, { 'content-length': String(LIMIT + 1) }))).rejects.toThrow(
      BodyTooLargeError,
    )
    expect(read).toStrictEqual([])
  })

  it('that turns out to be over the limit is refused, and the rest of it is read and forgotten', async () => {
    const chunks = ['x'.repeat(LIMIT), 'y', ...Array.from({ length: 5 }, () => 'z')]
    const { body, read, ended } = chunked(chunks)
    await expect(readOrder(post(body))).rejects.toThrow(BodyTooLargeError)
    expect(read.length).toBeLessThan(chunks.length)
    await ended
    expect(read).toStrictEqual(chunks)
  })

  it('may break off after it was refused', async () => {
    const { body, ended } = chunked(['x'.repeat(LIMIT + 1), 'y'], new Error('aborted'))
    await expect(readOrder(post(body))).rejects.toThrow(BodyTooLargeError)
    await ended
    // An unhandled rejection would fail the test.
    await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('the Idempotency-Key', () => {
  const faultsWith = async (key: string, body = widget) => {
    const error: unknown = await readOrder(post(body, { 'idempotency-key': key })).catch((e: unknown) => e)
    return error instanceof InvalidOrderError ? error.faults : error
  }

  it('is the id of an order that has none', async () => {
    expect(await readOrder(post(widget))).toStrictEqual({ item: 'widget', quantity: 1 })
    expect(await readOrder(post(widget, { 'idempotency-key': 'k1' }))).toStrictEqual({
      item: 'widget',
      quantity: 1,
      id: 'k1',
    })
  })

  it.each(['"k1', 'k1"', 'x"k1"', '"k1"x', "'k1'"])('is quoted as a whole or not at all: %s', async (key) => {
    expect(await faultsWith(key)).toStrictEqual([
      {
        pointer: '/id',
        detail: 'Idempotency-Key header: must be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -',
      },
    ])
  })

  it('must be the id that the body gives', async () => {
    expect(await faultsWith('k1', '{"item":"widget","id":"k2"}')).toStrictEqual([
      { pointer: '/id', detail: 'must be the same as the Idempotency-Key header' },
    ])
  })
})

test.each<[string | null, boolean]>([
  [null, false],
  ['respond-async', true],
  ['RESPOND-ASYNC', true],
  ['wait=10 , respond-async ; x=1', true],
  ['respond-async=', true],
  ['respond-async = ', true],
  ['respond-async=""', true],
  ['respond-async = "" ; x', true],
  ['respond-async=false', false],
  ['respond-async="false"', false],
  ['respond-async x', false],
  ['not-respond-async', false],
  ['not respond-async', false],
  ['respond-asynchronously', false],
  ['note="a, respond-async, b"', false],
  ['note="a\\", respond-async, b"', false],
  ['note="a\\\\", respond-async', true],
  ['a="", b="", respond-async', true],
])('Prefer: %s asks for respond-async: %s', (prefer, expected) => {
  expect(prefersAsync(prefer)).toBe(expected)
})
