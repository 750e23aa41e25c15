import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { connect } from 'node:net'
import { pathOf } from '../src/http/request-line.ts'
import { writeApp, type TestApp } from './harness/app.ts'
import { rawRequest } from './harness/exchange.ts'
import { until } from './harness/fake-storage.ts'
import { onCoreTools, spawnHost, startHost, type TestHost } from './harness/host.ts'
import { responding, serve, type ServedFunction, type TestServer } from './harness/http-server.ts'

describe('the line of a request, in this process', () => {
  let server: TestServer
  afterEach(() => server.close())

  const hello: ServedFunction = {
    name: 'hello',
    trigger: { route: 'hello/{name?}' },
    run: (event) => {
      event.onAttempt?.('the-invocation')
      return responding({ statusCode: '201' })
    },
  }
  const lines = async (count: number): Promise<readonly string[]> => {
    await until(() => server.log.requests.length >= count)
    return server.log.requests.map(({ line }) => line.replace(/\d+ ms$/, '0 ms'))
  }

  test('has method, path and status, whoever responded, and the function and invocation that did', async () => {
    server = await serve({ functions: [hello], key: 'the-key' })
    await rawRequest(server.port, 'GET', '/api/hello/Ada?code=secret')
    await rawRequest(server.port, 'POST', '/api/none')
    await rawRequest(server.port, 'GET', '/admin/host/status')
    await rawRequest(server.port, 'GET', '/', { host: 'evil.example' })
    expect(await lines(4)).toEqual([
      'GET /api/hello/Ada 201 0 ms',
      'POST /api/none 404 0 ms',
      'GET /admin/host/status 401 0 ms',
      'GET / 403 0 ms',
    ])
    const [first, second] = server.log.requests
    expect(first?.about).toMatchObject({
      functionName: 'hello',
      invocationId: 'the-invocation',
      request: { method: 'GET', path: '/api/hello/Ada', status: 201, aborted: false },
    })
    expect(second?.about).not.toHaveProperty('invocationId')
    expect(JSON.stringify(server.log.requests)).not.toContain('secret')
  })

  test('says that the client went away before, or in the middle of, the response', async () => {
    let begun = 0
    const wait: ServedFunction = {
      name: 'wait',
      run: (event) => {
        event.onAttempt?.('waits')
        begun++
        return new Promise(() => undefined)
      },
    }
    server = await serve({ functions: [wait] })
    const socket = connect(server.port, '127.0.0.1')
    socket.write('GET /api/wait HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => begun === 1)
    socket.destroy()
    expect(await lines(1)).toEqual(['GET /api/wait aborted 0 ms'])
    expect(server.log.requests[0]?.about).toMatchObject({
      invocationId: 'waits',
      request: { status: undefined, aborted: true },
    })
  })
})

test.each([
  ['/api/order?code=secret', '/api/order'],
  ['/api/order/a%20b?x=1?code=secret', '/api/order/a%20b'],
  ['/api/order#code=secret', '/api/order'],
  ['http://user:secret@localhost/api/order?code=secret', '/api/order'],
  ['http://localhost?code=secret', '/'],
  ['', '/'],
  ['*', '*'],
  ['/a\u0085b\u00e9', '/a%85b%E9'],
  ['localhost:80', 'localhost:80'],
  [`/${'x'.repeat(2000)}`, `/${'x'.repeat(999)}...`],
])('of the target %s the log shows %s', (target, shown) => {
  expect(pathOf(target)).toBe(shown)
})

const APP = `const { app } = require('@azure/functions')
app.http('hello', {
  handler: (request, context) => {
    context.log('of the handler')
    console.log('of the console')
    return { body: 'x' }
  },
})
app.http('fail', { handler: () => { throw new Error('it fails') } })
`

;(onCoreTools ? describe.skip : describe)('the log of a host', () => {
  let app: TestApp
  let host: TestHost | undefined

  beforeAll(async () => {
    app = await writeApp({ 'src/app.js': APP })
  })
  afterEach(() => host?.stop())
  afterAll(() => app.remove())

  test('has a line for each request, with the id of its invocation where it is verbose', async () => {
    host = await startHost(app.directory, { args: ['--verbose'] })
    await host.fetch('/api/hello?code=k3y-of-mine&x=1')
    await host.fetch('/api/fail', { method: 'POST', body: 'x' })
    await host.fetch('/api/missing?token=k3y-of-mine')
    await host.printed(/\] GET \/api\/hello 200 \d+ ms \(Id=[0-9a-f-]{36}\)\n/)
    await host.printed(/\] POST \/api\/fail 500 \d+ ms \(Id=[0-9a-f-]{36}\)\n/)
    await host.printed(/\] GET \/api\/missing 404 \d+ ms\n/)
    const [, id = ''] = /GET \/api\/hello 200 \d+ ms \(Id=([0-9a-f-]+)\)/.exec(host.output()) ?? []
    expect(host.output()).toContain(`Executed 'Functions.hello' (Succeeded, Id=${id}, `)
    expect(host.output()).not.toContain('k3y-of-mine')
  })

  test.each([[[]], [['--verbose']]])('has what a console asks for only with --verbose: %j', async (args) => {
    host = await startHost(app.directory, { args })
    await host.fetch('/admin/func-local/console/queues')
    await host.fetch('/Admin/Func-Local/Console/invocation?id=1')
    await host.fetch('/admin/func-local/consoles')
    await host.fetch('/admin/functions')
    await host.printed(/\] GET \/admin\/functions 200 \d+ ms\n/)
    // Not the console's.
    expect(host.output()).toMatch(/\] GET \/admin\/func-local\/consoles 404 \d+ ms\n/)
    const shown = host.output().match(/GET \/admin\/func-local\/console\/\w+ \d+/gi) ?? []
    expect(shown).toHaveLength(args.length > 0 ? 2 : 0)
  })

  test('is one JSON object a line with --json', async () => {
    host = await startHost(app.directory, { args: ['--json'] })
    await host.fetch('/api/hello?code=k3y-of-mine')
    await host.printed('"path":"/api/hello"')
    await host.stop()
    const entries = host
      .output()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    for (const entry of entries) {
      expect(entry).toMatchObject({ level: expect.any(String), category: expect.any(String) })
      expect(new Date(entry['time'] as string).toISOString()).toBe(entry['time'])
    }
    const request = entries.find(({ category }) => category === 'Host.Requests')
    expect(request).toMatchObject({ functionName: 'hello', method: 'GET', path: '/api/hello', status: 200 })
    const { invocationId } = request ?? {}
    expect(entries).toContainEqual(
      expect.objectContaining({
        category: 'Function.hello.User',
        functionName: 'hello',
        invocationId,
        message: 'of the handler',
      }),
    )
    expect(entries).toContainEqual(
      expect.objectContaining({ category: 'Host.Function.Console', message: 'of the console' }),
    )
    expect(host.output()).not.toContain('k3y-of-mine')
  })

  test('is a JSON object with --json when the start fails, too', async () => {
    host = await spawnHost(app.directory, { args: ['--json', '--script-root', 'src'] })
    expect(await host.exited).toBe(1)
    expect(JSON.parse(host.output())).toMatchObject({
      level: 'error',
      message: expect.stringMatching(/^There is no host\.json in/),
    })
  })
})
