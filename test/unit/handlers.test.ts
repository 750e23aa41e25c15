import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals'
import { problemOf } from '../../src/http/problem.ts'
import type { HttpHandler } from '@azure/functions'
import { Readable } from 'node:stream'
import {
  startStreamingWorker,
  type StreamedRequest,
  type StreamedResponse,
  type StreamingWorker,
} from '../support/streamingWorker.ts'

// With HTTP streaming a request gets a response only if the handler returns one that the library can send. These handlers do not,
// each in its own way; the library is the real one, with its own HTTP server.

const bug = new Error('secret detail')

const handlers: Readonly<Record<string, () => Promise<unknown> | undefined>> = {
  throws: () => Promise.reject(bug),
  'throws at once': () => {
    throw bug
  },
  'throws what is no error': () =>
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the case
    Promise.reject('secret detail'),
  'returns nothing': () => undefined,
  'returns null': () => Promise.resolve(null),
  'returns text': () => Promise.resolve('text'),
  'returns a number': () => Promise.resolve(200),
  'returns a status that there is not': () => Promise.resolve({ status: 99 }),
  'returns a status of text': () => Promise.resolve({ status: 'OK' }),
  'returns JSON with a circle': () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    return Promise.resolve({ jsonBody: circle })
  },
  'returns JSON with a BigInt': () => Promise.resolve({ jsonBody: 1n }),
  'returns JSON that throws': () =>
    Promise.resolve({
      jsonBody: {
        toJSON: () => {
          throw bug
        },
      },
    }),
  'returns a header with a line break': () => Promise.resolve({ headers: { a: 'x\r\ny: z' } }),
  'returns a header with a control character': () => Promise.resolve({ headers: { a: 'x\u0001' } }),
  'returns a header with Unicode': () => Promise.resolve({ headers: { a: '\u{1f600}' } }),
  'returns a header without a name': () => Promise.resolve({ headers: { '': 'x' } }),
  'returns a cookie without a name': () => Promise.resolve({ cookies: [{ name: '', value: 'x' }] }),
  'returns a cookie with a bad path': () =>
    Promise.resolve({ cookies: [{ name: 'a', value: 'x', path: ';' }] }),
  'returns a cookie that ends at no time': () =>
    Promise.resolve({ cookies: [{ name: 'a', value: 'x', expires: new Date(NaN) }] }),
  'returns a cookie with another sameSite': () =>
    Promise.resolve({ cookies: [{ name: 'a', value: 'x', sameSite: 'Sometimes' }] }),
  'returns a stream that fails at once': () =>
    Promise.resolve({
      body: new ReadableStream({
        pull: (controller) => {
          controller.error(bug)
        },
      }),
    }),
  'returns a generator that fails at once': () =>
    Promise.resolve({
      // eslint-disable-next-line @typescript-eslint/require-await, require-yield
      body: (async function* () {
        throw bug
      })(),
    }),
  'returns a body that is read already': async () => {
    const response = new Response('x')
    await response.text()
    return { body: response.body }
  },
}

const attempts = { import: 0 }

let worker: StreamingWorker

beforeAll(async () => {
  worker = await startStreamingWorker(async () => {
    const { app, HttpResponse } = await import('@azure/functions')
    const { http } = await import('../../src/handlers.ts')
    app.setup({ enableHttpStream: true })
    for (const [name, handler] of Object.entries(handlers)) {
      app.http(name.replaceAll(' ', '-'), { handler: http(() => Promise.resolve(handler as HttpHandler)) })
    }
    app.http('cannot-be-loaded', {
      handler: http(() => {
        if (attempts.import++ < 1) return Promise.reject(bug)
        return Promise.resolve(() => ({ body: 'loaded' }))
      }),
    })
    app.http('reads-the-body', {
      handler: http(() => Promise.resolve(async (r) => ({ body: await r.text() }))),
    })
    app.http('parts', {
      handler: http(() =>
        Promise.resolve(() => ({
          status: 201,
          headers: { 'x-a': 'é' },
          cookies: [
            { name: 'a', value: '1', sameSite: 'Strict', expires: 0, path: '/' },
            { name: 'b', value: '2', maxAge: 5, httpOnly: true, secure: true },
          ],
          body: Readable.from(['x', 'y', 'z']),
        })),
      ),
    })
    app.http('whole', {
      handler: http(() => Promise.resolve(() => new HttpResponse({ status: 203, jsonBody: { a: 1 } }))),
    })
    app.http('empty-stream', {
      handler: http(() => Promise.resolve(() => ({ status: 202, body: Readable.from([]) }))),
    })
    app.http('no-content', { handler: http(() => Promise.resolve(() => ({ status: 204 }))) })
  })
})

afterAll(() => worker.close())

async function get(name: string, request: Partial<StreamedRequest> = {}): Promise<StreamedResponse> {
  const { response, failure } = await worker.call(name, { method: 'GET', path: `/api/${name}`, ...request })
  expect(failure).toBeUndefined()
  if (response === undefined) throw new Error('no response')
  return response
}

const isInternalError = (response: StreamedResponse) => {
  expect(response).toMatchObject({ status: 500, headers: { 'content-type': 'application/problem+json' } })
  expect(JSON.parse(response.text)).toStrictEqual({
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
  })
  // The first file repeats it, so that it need not load the table of failures.
  expect(JSON.parse(response.text)).toStrictEqual(problemOf(new Error('a bug')))
}

describe('a handler that', () => {
  test.each(Object.keys(handlers))('%s is 500, with the full error in one line of the log', async (name) => {
    const before = worker.logged.length
    isInternalError(await get(name.replaceAll(' ', '-')))
    const [line = '', ...more] = worker.logged.slice(before)
    expect(more).toStrictEqual([])
    expect(line).toMatch(/^error: \{"event":"order","outcome":"error","via":"http","reason":".+"\}$/)
    if (!name.includes('no error') && !name.includes('fails')) expect(line).toMatch(/Error.*\\n +at /)
  })

  it('cannot be loaded is 500, and the next call tries again', async () => {
    expect(attempts.import).toBe(0)
    isInternalError(await get('cannot-be-loaded'))
    expect(worker.logged.at(-1)).toContain('secret detail')
    expect((await get('cannot-be-loaded')).text).toBe('loaded')
    expect((await get('cannot-be-loaded')).text).toBe('loaded')
    expect(attempts.import).toBe(2)
  })

  it('reads a body that breaks off is 500 for whoever is still there', async () => {
    const { failure } = await worker.call('reads-the-body', {
      path: '/api/reads-the-body',
      headers: { 'content-length': '10' },
      send: (request) => {
        request.write('abc')
        setTimeout(() => {
          request.destroy()
        }, 100)
      },
    })
    expect(failure).toBeUndefined()
    expect(worker.logged.at(-1)).toMatch(/"outcome":"error".*aborted|terminated/)
  })
})

describe('a response is sent as it is', () => {
  it('with its status, headers, cookies and every chunk of its body', async () => {
    const { status, headers, text } = await get('parts')
    expect({ status, text }).toStrictEqual({ status: 201, text: 'xyz' })
    expect(headers['x-a']).toBe('é')
    expect(headers['set-cookie']).toStrictEqual([
      'a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Strict',
      'b=2; Max-Age=5; HttpOnly; Secure',
    ])
  })

  it('when it is the library’s own', async () => {
    expect(await get('whole')).toMatchObject({ status: 203, text: '{"a":1}' })
  })

  it('with an empty stream, and without a body', async () => {
    expect(await get('empty-stream')).toMatchObject({ status: 202, text: '' })
    expect(await get('no-content')).toMatchObject({ status: 204, text: '' })
  })

  it('without its body to HEAD', async () => {
    const { status, headers, text } = await get('parts', { method: 'HEAD' })
    expect({ status, text }).toStrictEqual({ status: 201, text: '' })
    expect(headers['x-a']).toBe('é')
  })
})
