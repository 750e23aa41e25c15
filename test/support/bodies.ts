import { once } from 'node:events'
import type { ClientRequest } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** A way to send a body over HTTP/1.1. */
export interface BodyWay {
  readonly name: string
  readonly headers: (body: Buffer) => Readonly<Record<string, string>>
  readonly send: (request: ClientRequest, body: Buffer) => Promise<void>
}

const chunked = { 'transfer-encoding': 'chunked' }

async function byteByByte(request: ClientRequest, body: Buffer): Promise<void> {
  request.setNoDelay(true)
  for (const byte of body) {
    request.write(Buffer.of(byte))
    // What is written in one turn of the event loop is sent together.
    await nextTurn()
  }
  request.end()
}

async function afterContinue(request: ClientRequest, body: Buffer): Promise<void> {
  request.flushHeaders()
  await once(request, 'continue')
  request.end(body)
}

const atOnce = (request: ClientRequest, body: Buffer) => {
  request.end(body)
  return Promise.resolve()
}

/** Every way that clients send a body in, with and without saying its length. */
export const BODY_WAYS: readonly BodyWay[] = [
  {
    name: 'with Content-Length',
    headers: (body) => ({ 'content-length': String(body.length) }),
    send: atOnce,
  },
  { name: 'in one chunk', headers: () => chunked, send: atOnce },
  { name: 'in chunks of one byte', headers: () => chunked, send: byteByByte },
  {
    name: 'byte by byte, with Content-Length',
    headers: (body) => ({ 'content-length': String(body.length) }),
    send: byteByByte,
  },
  {
    name: 'in chunks, with trailers',
    headers: () => ({ ...chunked, trailer: 'x-checksum' }),
    send: (request, body) => {
      request.write(body)
      request.addTrailers({ 'x-checksum': '1' })
      request.end()
      return Promise.resolve()
    },
  },
  {
    name: 'in chunks, after Expect: 100-continue',
    headers: () => ({ ...chunked, expect: '100-continue' }),
    send: afterContinue,
  },
  {
    name: 'with Content-Length, after Expect: 100-continue',
    headers: (body) => ({ 'content-length': String(body.length), expect: '100-continue' }),
    send: afterContinue,
  },
]

/** Writes chunks until the response comes, or `limit` bytes are written. Returns how many bytes that were. */
export async function sendEndlessly(request: ClientRequest, limit: number): Promise<number> {
  const chunk = Buffer.alloc(4096, ' ')
  const over = new AbortController()
  for (const event of ['response', 'close'])
    request.once(event, () => {
      over.abort()
    })
  let sent = 0
  while (sent < limit && !over.signal.aborted) {
    sent += chunk.length
    const flows = request.write(chunk)
    if (!flows) await once(request, 'drain', { signal: over.signal }).catch(() => undefined)
    await nextTurn()
  }
  request.end()
  return sent
}
