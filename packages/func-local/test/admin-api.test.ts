import { afterEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { request as openRequest, type IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Listener, TriggerEvent } from '../src/registry.ts'
import { rawRequest, type WireResponse } from './harness/exchange.ts'
import { serve, type ServedFunction, type ServerSetup, type TestServer } from './harness/http-server.ts'
import { fakeByHand } from './harness/services.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
describe("the host's own endpoints, in this process", () => {
  let server: TestServer
  let events: TriggerEvent[] = []
  afterEach(async () => {
    events = []
    await server.close()
  })

  const listener: Listener = { start: () => undefined, stop: () => Promise.resolve(), byHand: fakeByHand }
  const run: ServedFunction['run'] = (event) => {
    events.push(event)
    return { ok: true, response: { invocationId: '' } }
  }
  const functions: readonly ServedFunction[] = [
    { name: 'Queue', listener, run, trigger: { queueName: 'q' } },
    { name: 'off', disabled: true },
    { name: 'web', trigger: { route: 'Web/{id?}', methods: ['get', 'post'] } },
  ]
  const start = async (setup: ServerSetup = {}): Promise<void> => {
    server = await serve({ functions, ...setup })
  }
  const get = (path: string, headers: Record<string, string> = {}): Promise<WireResponse> =>
    rawRequest(server.port, 'GET', path, headers)
  const text = async (path: string): Promise<string> => (await get(path)).body.toString('utf8')
  const json = async (path: string): Promise<unknown> => JSON.parse(await text(path))
  const post = (
    name: string,
    body: string,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ): Promise<WireResponse> => rawRequest(server.port, 'POST', `/admin/functions/${name}`, headers, body)

  test('GET /admin/host/status', async () => {
    await start()
    const expected = {
      id: 'instance',
      state: 'Running',
      version: '1.2.3',
      versionDetails: 'func-local 1.2.3',
      platformVersion: '',
      instanceId: 'INSTANCE',
      computerName: hostname(),
      processUptime: expect.any(Number),
      functionAppContentEditingState: 'NotAllowed',
    }
    const response = await get('/admin/host/status')
    expect(JSON.parse(response.body.toString())).toEqual(expected)
    expect(new Map(response.headers).get('content-type')).toBe('application/json; charset=utf-8')
    const { processUptime } = (await json('/ADMIN/host/Status/')) as { processUptime: number }
    expect(Math.abs(processUptime - process.uptime() * 1000)).toBeLessThan(60_000)
  })

  test('while the app loads, the state says so', async () => {
    await start({ loading: true })
    expect(await json('/admin/host/status')).toMatchObject({ state: 'Initialized' })
    expect((await get('/')).status).toBe(200)
  })

  test('GET /admin/host/drain/status', async () => {
    await start()
    expect(await json('/admin/host/drain/status')).toEqual({
      state: 'Disabled',
      outstandingInvocations: 0,
      outstandingRetries: 0,
    })
  })

  test('a ping is 200 and not kept by caches', async () => {
    await start({ key: 'k' })
    for (const method of ['GET', 'POST']) {
      const response = await rawRequest(server.port, method, '/admin/host/ping')
      expect([response.status, response.body.length]).toEqual([200, 0])
      expect(response.headers).toContainEqual(['cache-control', 'no-store,no-cache'])
      expect(response.headers).toContainEqual(['pragma', 'no-cache'])
    }
    expect((await rawRequest(server.port, 'PUT', '/admin/host/ping')).status).toBe(404)
  })

  test('GET /admin/functions lists the functions', async () => {
    await start()
    const base = `http://127.0.0.1:${server.port}`
    expect(await json('/admin/functions')).toMatchObject([
      { name: 'Queue', href: `${base}/admin/functions/Queue`, invoke_url_template: null, isDisabled: false },
      { name: 'off', isDisabled: true },
      { name: 'web', invoke_url_template: `${base}/api/Web/{id?}`, language: 'node' },
    ])
    const one = await json('/admin/functions/WEB')
    expect(one).toMatchObject({ name: 'web', config: { name: 'web', bindings: [{ type: 'httpTrigger' }, { type: 'http' }] } })
    expect(await json('/admin/functions/queue/status')).toEqual({})
    for (const path of ['/admin/functions/none', '/admin/functions/none/status', '/admin/functions/web/x', '/x/admin/functions/web'])
      expect((await get(path)).status).toBe(404)
  }) // prettier-ignore

  test('without a key the admin API is 401, and names how', async () => {
    await start({ key: 'k' })
    const refused = await get('/admin/functions')
    expect([refused.status, refused.body.length]).toEqual([401, 0])
    expect(refused.headers).toContainEqual(['www-authenticate', 'Bearer'])
    expect((await get('/admin/functions', { 'x-functions-key': 'k' })).status).toBe(200)
    expect((await post('queue', '{"input":""}')).status).toBe(401)
    expect(events).toEqual([])
  })

  test('the path of extensions is theirs, and what nobody knows is for the app', async () => {
    await start({ functions: [{ name: 'all', trigger: { route: '{*path}' } }], settings: noPrefix })
    expect((await get('/runtime/webhooks/other')).status).toBe(404)
    expect((await get('/runtime/webhooks/eventgrid?functionName=none')).status).toBe(404)
    // Without the header that says what is delivered.
    expect((await get('/runtime/webhooks/blobs?functionName=none')).status).toBe(400)
    expect((await get('/runtime/other')).status).toBe(204)
    expect((await get('/admin/host/other')).status).toBe(204)
    expect((await rawRequest(server.port, 'DELETE', '/admin/functions/all')).status).toBe(204)
  })

  describe('POST /admin/functions/<name>', () => {
    test.each<[string, string]>([
      ['{"input":"text"}', 'text'],
      ['{"INPUT":5}', '5'],
      ['{"input":true}', 'true'],
      ['{"other":1,"input":""}', ''],
    ])('%s runs the function with %j', async (body, input) => {
      await start()
      expect((await post('QUEUE', body)).status).toBe(202)
      expect(events).toEqual([
        expect.objectContaining({
          data: { string: input },
          metadata: {},
          reason: 'This function was programmatically called via the host APIs.',
        }),
      ])
      expect(events[0]?.bindingData()).toEqual({})
    })

    test.each(['{}', '{"input":null}'])('%s has no input, and one line says so', async (body) => {
      await start()
      expect((await post('queue', body)).status).toBe(202)
      await sleep(0)
      expect(events).toEqual([])
      expect(server.log.lines).toEqual([
        `error Function 'Functions.Queue' cannot run with this input: it needs an input: {"input": "…"}.`,
      ])
    })

    test('a trigger makes its own event, or says why there is none', async () => {
      const event = { data: { json: '{}' }, metadata: {}, bindingData: () => ({}), reason: 'own' }
      const inputs: unknown[] = []
      const adminEvent = (input: string | undefined): TriggerEvent => {
        inputs.push(input)
        if (input === undefined) throw new Error('none')
        return event
      }
      await start({ functions: [{ name: 'own', listener: { ...listener, adminEvent }, run }] })
      await post('own', '{"input":"x"}')
      await post('own', '{}')
      await sleep(0)
      expect([inputs, events]).toEqual([['x', undefined], [event]])
      expect(server.log.lines).toEqual(["error Function 'Functions.own' cannot run with this input: none"])
    })

    test.each([
      ['{bad', 400],
      ['', 400],
      ['["input"]', 400],
      ['null', 400],
      ['{"input":{"a":1}}', 400],
      ['{"input":[]}', 400],
    ])('%s is %i', async (body, status) => {
      await start()
      expect((await post('queue', body)).status).toBe(status)
      expect(events).toEqual([])
    })

    test.each([
      ['application/json', 202],
      ['Application/JSON; charset=utf-8', 202],
      ['text/json', 202],
      ['application/vnd.own+json ; x=1', 202],
      [' application/json', 202],
      ['application/jsonx', 415],
      ['application/xml; a=application/json', 415],
      ['x/json', 415],
      ['text/plain', 415],
      ['application/x-www-form-urlencoded', 415],
      ['application/+json', 415],
      ['', 415],
    ])('the content type %j is %i', async (type, status) => {
      await start()
      expect((await post('queue', '{"input":""}', type === '' ? {} : { 'content-type': type })).status).toBe(
        status,
      )
      expect(events).toHaveLength(status === 202 ? 1 : 0)
    })

    test.each<[Record<string, string>, number]>([
      [{ origin: 'http://evil.example' }, 403],
      [{ origin: 'null' }, 403],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'same-origin' }, 202],
    ])('from a page, %j: %i', async (headers, status) => {
      await start()
      const response = await post('queue', '{"input":""}', { 'content-type': 'application/json', ...headers })
      expect([response.status, events.length]).toEqual([status, status === 202 ? 1 : 0])
    })

    test('beyond 100 MiB it is 413', async () => {
      await start()
      const headers = { 'Content-Type': 'application/json', 'Content-Length': 104_857_601 }
      const path = '/admin/functions/queue'
      const request = openRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path, headers })
      request.flushHeaders()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      expect(response.statusCode).toBe(413)
      request.on('error', () => undefined).destroy()
    })

    test('does not run what there is not, nor by another method', async () => {
      await start()
      expect((await post('none', '{"input":""}')).status).toBe(404)
      expect((await rawRequest(server.port, 'PUT', '/admin/functions/queue')).status).toBe(404)
      expect(events).toEqual([])
    })
  })

  test('the page at / lists the functions and escapes their names', async () => {
    await start({ functions: [...functions, { name: `<'"&>`, listener }, { name: 'every', trigger: {} }] })
    const response = await get('/')
    const page = response.body.toString('utf8')
    expect(response.status).toBe(200)
    expect(response.headers).toContainEqual(['content-type', 'text/html'])
    expect(response.headers).toContainEqual(['content-length', String(response.body.length)])
    expect(page).toContain('Your Functions 4.0 app is up and running')
    expect(page.match(/<li>.*<\/li>/g)).toEqual([
      '<li><b>Queue</b>: httpTrigger</li>',
      '<li><b>off</b>:  <code>/api/off</code> (disabled)</li>',
      '<li><b>web</b>: GET, POST <code>/api/Web/{id?}</code></li>',
      '<li><b>&#60;&#39;&#34;&#38;&#62;</b>: httpTrigger</li>',
      '<li><b>every</b>:  <code>/api/every</code></li>',
    ])
    expect(page.match(/<\/li>\n<li>/g)).toHaveLength(4)
  })

  test('without a route prefix the app may have a function at /', async () => {
    await start({ functions: [{ name: 'root', trigger: { route: '{*path}' } }], settings: noPrefix })
    expect((await get('/')).status).toBe(204)
  })
})

const noPrefix = { AzureFunctionsJobHost__extensions__http__routePrefix: '' }
