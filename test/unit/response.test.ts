import { describe, expect, it, test } from '@jest/globals'
import { HttpResponse } from '@azure/functions'
import { checkedResponse } from '../../src/http/response.ts'

test.each([undefined, null, 'text', 7, true])('%p is no response', async (result) => {
  await expect(checkedResponse(result)).rejects.toThrow(
    new TypeError(`The handler returned ${String(result)} instead of a response.`),
  )
})

test('a header with a control character is named, and not its value', async () => {
  const result = { headers: { 'x-fine': 'a', 'x-broken': 'secret\u0001' } }
  await expect(checkedResponse(result)).rejects.toThrow(
    new TypeError('The value of the header x-broken has a control character.'),
  )
})

test('a cookie that cannot be written is refused', async () => {
  await expect(checkedResponse({ cookies: [{ name: 'a b', value: 'c' }] })).rejects.toThrow(TypeError)
})

describe('a body', () => {
  it.each([
    ['of text', { body: 'text' }, 'text'],
    ['of bytes', { body: new Uint8Array([0x61, 0x62]) }, 'ab'],
    ['of JSON', { jsonBody: { a: 1 } }, '{"a":1}'],
    ['that is null', { body: null as unknown as string }, ''],
    ['that is undefined', { body: undefined, status: 204 }, ''],
    ['that is not there', { status: 202 }, ''],
  ])('%s is the response’s', async (_what, result, text) => {
    const response = await checkedResponse(result)
    expect(response.status).toBe('status' in result ? result.status : 200)
    expect(await response.text()).toBe(text)
  })

  it('of the library’s own response is not touched when there is none', async () => {
    const own = new HttpResponse({ status: 204 })
    expect(await checkedResponse(own)).toBe(own)
  })

  it('that is streamed keeps status, headers and cookies', async () => {
    async function* chunks() {
      await Promise.resolve()
      yield Buffer.from('a')
      yield Buffer.from('b')
    }
    const result = {
      status: 201,
      headers: { 'x-a': 'b' },
      cookies: [{ name: 'c', value: 'd' }],
      body: chunks(),
    }
    const response = await checkedResponse(result)
    expect([response.status, response.headers.get('x-a')]).toStrictEqual([201, 'b'])
    expect(response.cookies).toStrictEqual(result.cookies)
    expect(await response.text()).toBe('ab')
  })

  it('that is streamed is begun, so that its first failure is the handler’s', async () => {
    // eslint-disable-next-line require-yield -- it fails before
    async function* chunks(): AsyncGenerator<Buffer> {
      await Promise.resolve()
      throw new Error('no first chunk')
    }
    await expect(checkedResponse({ body: chunks() })).rejects.toThrow('no first chunk')
  })

  it('that is streamed ends at its source when nobody reads it any more', async () => {
    let reason: unknown
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(1))
      },
      cancel(given) {
        reason = given
      },
    })
    const response = await checkedResponse({ body })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel('gone')
    expect(reason).toBe('gone')
  })
})
