import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request, type RequestOptions } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { IncomingMessage } from 'node:http'
import { CONSOLE_PATH } from '../src/console/messages.ts'
import { ownCertificate, type OwnCertificate } from '../src/http/certificate.ts'
import { askRunningHost } from '../src/invoke/running-host.ts'
import { answering, writeApp } from './harness/app.ts'
import { rawRequest } from './harness/exchange.ts'
import { until } from './harness/fake-storage.ts'
import { onCoreTools, startHost } from './harness/host.ts'
import {
  responding,
  serve,
  type ServedFunction,
  type ServerSetup,
  type TestServer,
} from './harness/http-server.ts'

const BASIC = fileURLToPath(new URL('fixtures/basic', import.meta.url))

/** Sends a request to a server of this machine, whose certificate must be the trusted one. */
async function secure(
  port: number,
  target: string,
  ca: Buffer,
  { body, ...options }: RequestOptions & { readonly body?: string } = {},
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const sent = request({ host: 'localhost', port, path: target, ca, agent: false, ...options }).end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}

describe('a server with a certificate', () => {
  let folder: string
  let certificate: OwnCertificate
  let ca: Buffer
  let server: TestServer

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'func-local-https-'))
    certificate = await ownCertificate(folder)
    ca = await readFile(certificate.file ?? '')
  })
  afterEach(() => server.close())
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const echo: ServedFunction = {
    name: 'echo',
    run: ({ data }) => responding({ body: { string: data.http?.url ?? '' } }),
  }
  const start = async (setup: ServerSetup = {}): Promise<void> => {
    server = await serve({ functions: [echo], tls: certificate.identity, ...setup })
  }

  test('its console knows its own pages by https:// alone', async () => {
    await start({ console: true })
    const statusFor = async (scheme: string): Promise<number | undefined> => {
      const headers = { 'content-type': 'application/json', origin: `${scheme}://localhost:${server.port}` }
      const body = '{"queue":"none","message":{"text":""}}'
      const sent = await secure(server.port, `${CONSOLE_PATH}/messages`, ca, {
        ...{ method: 'POST', headers, body },
      })
      return sent.status
    }
    // There is no such queue.
    expect(await statusFor('https')).toBe(404)
    expect(await statusFor('http')).toBe(403)
  })

  test('serves HTTPS, and functions and the admin API say so', async () => {
    await start()
    const url = `https://localhost:${server.port}`
    expect((await secure(server.port, '/api/echo', ca)).body).toBe(`${url}/api/echo`)
    const [listed] = JSON.parse((await secure(server.port, '/admin/functions', ca)).body) as unknown[]
    expect(listed).toMatchObject({ invoke_url_template: `${url}/api/echo` })
    expect(server.log.requests.map(({ line }) => line.replace(/ \d+ ms/, ''))).toEqual([
      'GET /api/echo 200',
      'GET /admin/functions 200',
    ])
  })

  test('takes requests of its own pages for the admin API, and none of the same address over HTTP', async () => {
    await start()
    const status = async (scheme: string): Promise<number | undefined> => {
      const headers = { origin: `${scheme}://localhost:${server.port}`, 'content-type': 'application/json' }
      const options = { method: 'POST', headers, body: '{"input": "x"}' }
      return (await secure(server.port, '/admin/functions/echo', ca, options)).status
    }
    expect([await status('https'), await status('http')]).toEqual([202, 403])
  })

  test('a client that speaks HTTP, or no protocol at all, is turned away; a line says why, once', async () => {
    await start()
    for (let times = 0; times < 2; times++)
      await expect(rawRequest(server.port, 'GET', '/api/echo')).rejects.toThrow('No response')
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.end('no protocol\r\n\r\n')
    await once(socket, 'close')
    expect(server.log.lines).toEqual([
      'warning A client sent a request over HTTP, and the host serves HTTPS (--useHttps): call https://.',
    ])
  })

  test('a connection that has not finished its handshake does not hold up the stop', async () => {
    await start()
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    // A request over another connection: by then the server has this one.
    await secure(server.port, '/api/echo', ca)
    await Promise.all([server.close(), closed])
    expect(server.log.lines).toEqual([])
  })

  test('func-local invoke finds it, and functions see its scheme', async () => {
    await start()
    const asked = { appDirectory: BASIC, functionName: 'echo' }
    const answer = await askRunningHost(server.port, asked, undefined)
    expect(answer).toMatchObject({
      kind: 'result',
      result: { response: { body: { value: `https://localhost:${server.port}/api/echo` } } },
    })
    await until(() => server.log.requests.length >= 2)
    // It is no client that ought to be told to call https.
    expect(server.log.lines).toEqual([])
  })
})

;(onCoreTools ? describe.skip : describe)('--useHttps', () => {
  test('makes a certificate, serves HTTPS with it, and names it', async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'func-local-data-'))
    const app = await writeApp({ 'src/app.js': answering('hello', 'secure') })
    const env = { XDG_DATA_HOME: data, LOCALAPPDATA: data, HOME: data }
    const host = await startHost(app.directory, { args: ['--useHttps'], env })
    try {
      const [, file = ''] = /HTTPS with a certificate of its own, .*: (\S+\.crt)\n/.exec(host.output()) ?? []
      expect(path.relative(data, file)).not.toMatch(/^\.\./)
      expect(host.output()).toContain(`https://localhost:${host.port}/api/hello`)
      const answer = await secure(host.port, '/api/hello', await readFile(file))
      expect(answer).toEqual({ status: 200, body: 'secure' })
    } finally {
      await host.stop()
      await app.remove()
      await rm(data, { recursive: true, force: true })
    }
  })

  test('serves with the certificate of --cert', async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'func-local-data-'))
    const { file = '' } = await ownCertificate(data)
    const app = await writeApp({ 'src/app.js': answering('hello', 'secure') })
    const pem = path.join(data, 'localhost.pem')
    const host = await startHost(app.directory, { args: ['--useHttps', '--cert', pem] })
    try {
      expect(host.output()).toContain(`HTTPS with the certificate in ${pem}\n`)
      expect((await secure(host.port, '/api/hello', await readFile(file))).body).toBe('secure')
    } finally {
      await host.stop()
      await app.remove()
      await rm(data, { recursive: true, force: true })
    }
  })

  test('serves MCP, whose addresses say so', async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'func-local-data-'))
    const { file = '' } = await ownCertificate(data)
    const ca = await readFile(file)
    const mcp = { messageOptions: { useAbsoluteUriForEndpoint: true } }
    const app = await writeApp({
      'host.json': JSON.stringify({ version: '2.0', extensions: { mcp } }),
      'src/app.js': `const { app } = require('@azure/functions')
app.mcpTool('hi', { toolName: 'hi', description: 'Hi.', toolProperties: {}, handler: () => 'secure' })
`,
    })
    const pem = path.join(data, 'localhost.pem')
    const host = await startHost(app.directory, { args: ['--useHttps', '--cert', pem] })
    try {
      const url = `https://localhost:${host.port}/runtime/webhooks/mcp`
      expect(host.output()).toContain(`MCP server endpoint: ${url}\n`)
      expect(host.output()).toContain(`MCP server legacy SSE endpoint: ${url}/sse\n`)
      const headers = {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        origin: `https://localhost:${host.port}`,
      }
      const called = await secure(host.port, '/runtime/webhooks/mcp', ca, {
        method: 'POST',
        headers,
        body: '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hi"}}',
      })
      expect(called.status).toBe(200)
      expect(called.body).toContain('"text":"secure"')
      const opened = request({
        host: 'localhost',
        port: host.port,
        path: '/runtime/webhooks/mcp/sse',
        ca,
      }).end()
      const [stream] = (await once(opened, 'response')) as [IncomingMessage]
      const [event] = (await once(stream.setEncoding('utf8'), 'data')) as [string]
      expect(event).toMatch(/^event: endpoint\ndata: /)
      expect(event.split('data: ')[1]).toMatch(new RegExp(`^${url}/message\\?azmcpcs=`))
      stream.destroy()
    } finally {
      await host.stop()
      await app.remove()
      await rm(data, { recursive: true, force: true })
    }
  })
})
