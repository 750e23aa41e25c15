import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { writeApp, type TestApp } from './harness/app.ts'
import { onCoreTools, startHost } from './harness/host.ts'

const APP = `
const { app } = require('@azure/functions')
const { Readable } = require('node:stream')
app.setup({ enableHttpStream: true })
app.http('endless', { authLevel: 'anonymous', handler: () => ({ body: Readable.from((async function* () { for (;;) { yield 'x'; await new Promise((r) => setTimeout(r, 50)) } })()) }) })
app.http('upload', { authLevel: 'anonymous', methods: ['POST'], handler: async (r) => ({ body: await r.text() }) })
app.http('hello', { authLevel: 'anonymous', handler: () => ({ body: 'hello' }) })
`
const HALF = 'POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf'

// A stop waits ten seconds at most, says for what, and ends, whatever clients do.
;(onCoreTools ? describe.skip : describe)('connections on a stop', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await writeApp({ 'src/index.js': APP })
  })
  afterAll(() => app.remove())

  const open = async (port: number, bytes: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    if (bytes !== '') socket.write(bytes)
    return socket
  }

  test.each([
    ['nothing', ''],
    ['half a request line', 'GET /api/hel'],
    ['half the headers', 'GET /api/hello HTTP/1.1\r\nHost: localhost\r\nX-'],
  ])('one that has sent %s is closed at once, and nothing is waited for', async (_what, bytes) => {
    const host = await startHost(app.directory)
    const socket = await open(host.port, bytes)
    const closed = closeOf(socket)
    expect(await host.stop()).toBe(0)
    await closed
    expect(host.output()).not.toContain('Stopping')
  })

  test('an idle one is closed at once', async () => {
    const host = await startHost(app.directory)
    const socket = await open(host.port, 'GET /api/hello HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'data')
    const closed = closeOf(socket)
    expect(await host.stop()).toBe(0)
    await closed
  })

  test('an upload that stands still and an endless response are said and cut off', async () => {
    const host = await startHost(app.directory)
    const upload = await open(host.port, HALF)
    const endless = await open(host.port, 'GET /api/endless HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(endless, 'data')
    endless.resume()
    await host.printed("Executing 'Functions.upload'")
    const closed = [closeOf(upload), closeOf(endless)]
    const stopped = host.stop()
    const said = await host.printed('Stopping: waits')
    expect(said).toMatch(/at most for 2 HTTP requests: .*POST \/api\/upload \(its body is still coming\)/)
    expect(said).toContain('GET /api/endless (its response is being sent)')
    await Promise.all(closed)
    expect(await stopped).not.toBeNull()
  })

  test('a second Ctrl-C ends at once', async () => {
    const host = await startHost(app.directory)
    const endless = await open(host.port, 'GET /api/endless HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(endless, 'data')
    endless.resume()
    void host.stop()
    await host.printed('Stopping: waits')
    host.process.kill('SIGINT')
    expect(await host.exited).toBe(1)
  })
})

/** Not `once()` of node:events, which rejects for a connection that is reset. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) =>
    socket.once('close', () => {
      resolve()
    }),
  )
}
