import { afterEach, describe, expect, test } from '@jest/globals'
import { connect } from 'node:net'
import { writeApp, type TestApp } from './harness/app.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

const LIMIT = 50_000_000
const FUNCTIONS = `
const options = { authLevel: 'anonymous', methods: ['POST'] }
app.http('ignores', { ...options, handler: () => ({ status: 422, body: 'ignored' }) })
app.http('begins', { ...options, handler: async (request) => {
  for await (const _chunk of request.body) return { status: 422, body: 'begun' }
} })
app.http('closes', { ...options, handler: () => ({ status: 422, body: 'closed', headers: { connection: 'close' } }) })
app.http('throws', { ...options, handler: () => { throw new Error('thrown') } })
app.http('counts', { ...options, handler: async (request) => {
  let size = 0
  for await (const chunk of request.body ?? []) size += chunk.length
  return { body: String(size) }
} })
`

// https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
;(onCoreTools ? describe.skip : describe)('a body that never ends', () => {
  let app: TestApp
  let host: TestHost
  const start = async (setup: string): Promise<void> => {
    app = await writeApp({
      'src/index.js': `const { app } = require('@azure/functions')\n${setup}\n${FUNCTIONS}`,
    })
    host = await startHost(app.directory, { env: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(LIMIT) } })
  }
  const statuses = (names: readonly string[]): Promise<number[]> =>
    Promise.all(names.map((name) => statusOfEndless(host.port, `/api/${name}`)))
  afterEach(async () => {
    // The host goes on.
    const response = await host.fetch('/api/counts', { method: 'POST', body: 'x'.repeat(1000) })
    expect(await response.text()).toBe('1000')
    await host.stop()
    await app.remove()
  })

  test('streamed: the response comes while the body is sent, 413 over the limit, then the connection is closed', async () => {
    await start('app.setup({ enableHttpStream: true })')
    const names = ['ignores', 'begins', 'closes', 'throws', 'counts']
    expect(await statuses(names)).toEqual([422, 422, 422, 500, 413])
  })

  test('not streamed: 413 over the limit, then the connection is closed', async () => {
    await start('')
    expect(await statuses(['ignores', 'counts'])).toEqual([413, 413])
  })
})

/** Sends chunks as fast as they are taken until the other end closes the connection; the status that came before. */
function statusOfEndless(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const content = Buffer.alloc(1 << 16)
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), content, Buffer.from('\r\n')])
    const socket = connect(port, '127.0.0.1')
    let received = ''
    const send = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('data', (data: Buffer) => {
      received += data.toString('latin1')
    })
    socket.on('drain', send)
    // The connection is reset while bytes are on their way.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(received) ?? []
      if (status === undefined) reject(new Error(`No response: ${received}`))
      else resolve(Number(status))
    })
    socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nTransfer-Encoding: chunked\r\n\r\n`)
    send()
  })
}
