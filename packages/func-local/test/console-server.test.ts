import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { request as openRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { realpathSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { createEventStreams, MOST_STREAMS } from '../src/console/event-streams.ts'
import { CONSOLE_PATH } from '../src/console/messages.ts'
import { policyOf } from '../src/console/page-file.ts'
import type { Listener } from '../src/registry.ts'
import { rawRequest, type WireResponse } from './harness/exchange.ts'
import { refusal, startFakeStorage, until, type FakeStorage } from './harness/fake-storage.ts'
import { serve, type ServedFunction, type ServerSetup, type TestServer } from './harness/http-server.ts'
import { fakeByHand } from './harness/services.ts'

const HTML = { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' }
const JSON_TYPE = { 'content-type': 'application/json' }

describe('the console of a host', () => {
  let storage: FakeStorage
  let server: TestServer
  const streams: Stream[] = []
  beforeAll(async () => {
    storage = await startFakeStorage()
  })
  afterAll(() => storage.stop())
  afterEach(async () => {
    storage.intercept = () => undefined
    for (const { end } of streams.splice(0)) end()
    await server.close()
  })

  const listener: Listener = { start: () => undefined, stop: () => Promise.resolve(), byHand: fakeByHand }
  const writes = (queueName: string): NonNullable<ServedFunction['outputs']> => [
    { name: 'sent', type: 'queue', direction: 'out', queueName },
  ]
  const functions: readonly ServedFunction[] = [
    { name: 'web', trigger: { route: 'web/{id:int}/{rest?}', methods: ['post'] }, outputs: writes('sent') },
    { name: 'off', disabled: true },
    { name: 'other', listener, outputs: writes('to-{id}') },
  ]
  const start = async (setup: ServerSetup = {}): Promise<void> => {
    const settings = { AzureWebJobsStorage: storage.connectionString }
    server = await serve({ functions, settings, console: true, ...setup })
  }
  const get = (path: string, headers: Record<string, string> = {}): Promise<WireResponse> =>
    rawRequest(server.port, 'GET', path, headers)
  const post = (body: string, headers: Record<string, string> = JSON_TYPE): Promise<WireResponse> =>
    rawRequest(server.port, 'POST', `${CONSOLE_PATH}/messages`, headers, body)
  const isPage = ({ body }: WireResponse): boolean => body.toString().includes('id="invocation-list"')

  interface Stream {
    readonly status: number
    /** Waits for an event, and returns its data. */
    readonly next: (name: string) => Promise<Record<string, unknown>>
    readonly ended: Promise<unknown>
    readonly end: () => void
  }

  async function follow(headers: Record<string, string> = {}): Promise<Stream> {
    const path = `${CONSOLE_PATH}/events`
    const sent = openRequest({ host: '127.0.0.1', port: server.port, path, headers, agent: false }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    response.on('error', () => undefined)
    const stream: Stream = {
      status: response.statusCode ?? 0,
      next: async (name) => {
        const pattern = new RegExp(`event: ${name}\\ndata: (.*)\\n\\n`)
        await until(() => pattern.test(text))
        const [whole = '', data = ''] = pattern.exec(text) ?? []
        text = text.replace(whole, '')
        return JSON.parse(data) as Record<string, unknown>
      },
      ended: new Promise((resolve) => response.once('close', resolve)),
      end: () => sent.destroy(),
    }
    streams.push(stream)
    return stream
  }

  describe('who gets it', () => {
    test('a browser at /, and anybody at its own path', async () => {
      await start()
      expect(isPage(await get('/', HTML))).toBe(true)
      expect(isPage(await get(CONSOLE_PATH))).toBe(true)
      const head = await rawRequest(server.port, 'HEAD', '/', HTML)
      expect([head.status, head.body.length]).toEqual([200, 0])
    })

    test('curl, other methods and hosts without a console have the plain page', async () => {
      await start()
      for (const response of [await get('/'), await get('/', { accept: '*/*' }), await rawRequest(server.port, 'POST', '/', HTML)]) {
        expect(isPage(response)).toBe(false)
        expect(response.body.toString()).toContain('Your Functions 4.0 app is up and running')
      }
      await server.close()
      await start({ console: false })
      expect(isPage(await get('/', HTML))).toBe(false)
      expect((await get(`${CONSOLE_PATH}/events`)).status).toBe(404)
    }) // prettier-ignore

    test('a function at / keeps it', async () => {
      const root = { name: 'root', trigger: { route: '/' } }
      await start({
        functions: [root],
        settings: { AzureFunctionsJobHost__extensions__http__routePrefix: '' },
      })
      expect((await get('/', HTML)).status).toBe(204)
      expect(isPage(await get(CONSOLE_PATH))).toBe(true)
    })

    test('nobody under another name, also when the host lets others in', async () => {
      await start()
      expect((await get('/', { ...HTML, host: 'evil.example' })).status).toBe(403)
      await server.close()
      await start({ address: '0.0.0.0' })
      expect(isPage(await get('/', HTML))).toBe(true)
      expect(isPage(await get('/', { ...HTML, host: 'evil.example' }))).toBe(false)
      expect((await get(`${CONSOLE_PATH}/events`, { host: 'evil.example' })).status).toBe(404)
    })

    test('nobody from another machine', async () => {
      const [own] = Object.values(networkInterfaces()).flatMap((all = []) =>
        all.filter(({ internal, family }) => !internal && family === 'IPv4'),
      )
      await start({ address: '0.0.0.0' })
      // Without a network there is nobody.
      if (own === undefined) return
      const response = await fetch(`http://${own.address}:${server.port}/`, { headers: HTML })
      expect(await response.text()).toContain('Your Functions 4.0 app is up and running')
      expect((await fetch(`http://${own.address}:${server.port}${CONSOLE_PATH}/queues`)).status).toBe(404)
    })

    test.each<[string, Record<string, string>]>([
      ['another origin', { origin: 'https://evil.example' }],
      ['another port', { origin: 'http://127.0.0.1:1' }],
      ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
      ['a page of the same site', { 'sec-fetch-site': 'same-site' }],
    ])('no page from %s reads or sends anything, whatever CORS lets in', async (_what, headers) => {
      await start({ cors: { origins: ['*'], credentials: false } })
      for (const path of ['/events', '/queues', '/messages?queue=x', '/invocation?id=1'])
        expect((await get(CONSOLE_PATH + path, headers)).status).toBe(403)
      expect((await post('{}', { ...JSON_TYPE, ...headers })).status).toBe(403)
    })

    test('with --enableAuth the page is there, and the rest needs the key', async () => {
      await start({ key: 'k' })
      expect(isPage(await get('/', HTML))).toBe(true)
      const refused = await get(`${CONSOLE_PATH}/events`)
      expect(refused.status).toBe(401)
      expect(refused.headers).toContainEqual(['www-authenticate', 'Bearer'])
      expect((await post('{}')).status).toBe(401)
      expect((await get(`${CONSOLE_PATH}/queues`, { 'x-functions-key': 'k' })).status).toBe(200)
    })

    test('a message must be JSON in its type and its form', async () => {
      await start()
      expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
      for (const body of ['', '{', '{}', '{"queue":"q"}', '{"queue":"q","message":{"base64":"%"}}', '{"queue":"q","message":{"text":""},"more":1}'])
        expect((await post(body)).status).toBe(400)
      expect((await post('{"queue":"none","message":{"text":""}}')).status).toBe(404)
      for (const method of ['DELETE', 'HEAD'])
        expect((await rawRequest(server.port, method, `${CONSOLE_PATH}/events`)).status).toBe(405)
      expect((await get(`${CONSOLE_PATH}/nothing`)).status).toBe(404)
    }) // prettier-ignore
  })

  test('the page runs its own script and nothing else', async () => {
    await start()
    const response = await get('/', HTML)
    const headers = new Map(response.headers)
    expect(headers.get('content-security-policy')).toBe(policyOf(response.body.toString()))
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']{44}'; script-src 'sha256-[^']{44}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'$/,
    )
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('vary')).toBe('Accept')
    // Two pages have two policies: the hash is of what is in it.
    expect(policyOf('<style>a</style><script>b</script>')).not.toBe(
      policyOf('<style>a</style><script>c</script>'),
    )
    expect(policyOf('nothing')).toContain('script-src')
  })

  describe('the stream', () => {
    test('begins with the app and its functions', async () => {
      await start()
      const { next } = await follow()
      const app = await next('app')
      expect(app).toMatchObject({ version: '1.2.3', phase: 'running', workerPid: 7, entries: [] })
      expect(app['appDirectory']).toBe(realpathSync(String(app['appDirectory'])))
      expect(app['functions']).toMatchObject([
        { name: 'off', state: 'disabled', reason: 'AzureWebJobs.off.Disabled is set.' },
        { name: 'other', state: 'ready', form: { kind: 'other', sample: 'sample' } },
        {
          ...{ name: 'web', trigger: 'httpTrigger', source: '/api/web/{id:int}/{rest?}', state: 'ready' },
          form: {
            ...{ kind: 'http', methods: ['POST'], method: 'POST', body: '{\n  "name": "sample"\n}' },
            params: [
              { name: 'id', value: '1', isOptional: false },
              { name: 'rest', value: '', isOptional: true },
            ],
          },
        },
      ])
      expect((app['functions'] as { form?: unknown }[])[0]?.form).toBeUndefined()
      expect(await next('invocations')).toEqual({ total: 0, failed: 0, running: [], invocations: [] })
    })

    test('says that the app is loading', async () => {
      await start({ loading: true })
      expect(await (await follow()).next('app')).toMatchObject({ phase: 'loading', functions: [] })
    })

    test('goes on with what happens, to every page, and only what has changed', async () => {
      await start()
      const about = { functionName: 'web' }
      const begin = (invocationId: string): void => {
        server.invocations.publish({ ...about, invocationId, kind: 'began', reason: 'r', at: new Date() })
      }
      begin('before')
      const [first, second] = [await follow(), await follow()]
      for (const { next } of [first, second])
        expect(await next('invocations')).toMatchObject({ total: 1, invocations: [{ id: 'before' }] })
      begin('after')
      for (const { next } of [first, second])
        expect(await next('invocations')).toMatchObject({
          ...{ total: 2, running: ['before', 'after'], invocations: [{ id: 'after' }] },
        })
    })

    test('tells what the host says', async () => {
      await start()
      const { next } = await follow()
      await next('app')
      server.console?.log.error('It does not load.')
      expect(await next('app')).toMatchObject({ entries: [{ level: 'error', text: 'It does not load.' }] })
      expect(server.log.lines).toContain('error It does not load.')
    })

    test('an invocation is there with its log until others take its place', async () => {
      await start()
      const about = { invocationId: 'a b', functionName: 'web' }
      await get('/', HTML)
      server.invocations.publish({ ...about, kind: 'began', reason: 'r', at: new Date() })
      server.invocations.publish({ ...about, kind: 'log', level: 'warning', message: 'm' })
      const found = await get(`${CONSOLE_PATH}/invocation?id=a%20b`)
      expect(JSON.parse(found.body.toString())).toMatchObject({
        reason: 'r',
        logs: [{ level: 'warning', message: 'm' }],
      })
      expect(new Map(found.headers).get('content-type')).toBe('application/json; charset=utf-8')
      expect((await get(`${CONSOLE_PATH}/invocation?id=c`)).status).toBe(404)
      expect((await get(`${CONSOLE_PATH}/invocation`)).status).toBe(404)
    })

    test('so many pages at once, and one more when another has gone', async () => {
      await start()
      // Of the six connections that a browser opens to a host, some stay free.
      expect(MOST_STREAMS).toBeLessThanOrEqual(4)
      for (let n = 0; n < MOST_STREAMS; n++) expect((await follow()).status).toBe(200)
      expect((await follow()).status).toBe(503)
      streams[0]?.end()
      while ((await follow()).status !== 200) continue
    })

    test('ends with the host, and none begins after that', async () => {
      await start()
      const { ended } = await follow()
      server.console?.close()
      await ended
      expect((await follow()).status).toBe(503)
    })

    test('none begins when the host has ended before the first', async () => {
      await start()
      server.console?.close()
      expect((await follow()).status).toBe(503)
    })
  })

  describe('queues', () => {
    const id = 'AzureWebJobsStorage/sent'

    test('storage is asked only when somebody asks', async () => {
      await start()
      const before = storage.requests.length
      await get('/', HTML)
      await (await follow()).next('app')
      expect(storage.requests).toHaveLength(before)
      const shown = JSON.parse((await get(`${CONSOLE_PATH}/queues`)).body.toString()) as unknown
      expect(shown).toMatchObject([{ id: 'AzureWebJobsStorage/to-{id}', isPattern: true }, { id, writers: ['web'] }].reverse())
      expect(storage.requests.length).toBeGreaterThan(before)
    }) // prettier-ignore

    test('a message is sent as text or bytes, and can be looked at', async () => {
      await start()
      const sent = await post(JSON.stringify({ queue: id, message: { text: '<b>' } }))
      expect(JSON.parse(sent.body.toString())).toEqual({ sent: true })
      await post(JSON.stringify({ queue: id, message: { base64: '/w==' } }))
      const looked = await get(`${CONSOLE_PATH}/messages?queue=${encodeURIComponent(id)}`)
      expect(JSON.parse(looked.body.toString())).toMatchObject({
        messages: [{ body: { text: '<b>' } }, { body: { text: 'ff', isHex: true } }],
      })
      const poison = await get(`${CONSOLE_PATH}/messages?queue=${encodeURIComponent(id)}&poison`)
      expect(JSON.parse(poison.body.toString())).toMatchObject({ kind: 'failed' })
    })

    test('only to queues that a function names', async () => {
      await start()
      for (const queue of ['AzureWebJobsStorage/to-{id}', 'AzureWebJobsStorage/mine'])
        expect((await post(JSON.stringify({ queue, message: { text: '' } }))).status).toBe(404)
      expect((await get(`${CONSOLE_PATH}/messages?queue=mine`)).status).toBe(404)
    })

    test('what storage refuses is said', async () => {
      await start()
      storage.intercept = () => refusal(413, 'RequestBodyTooLarge')
      const sent = await post(JSON.stringify({ queue: id, message: { text: 'x' } }))
      expect(JSON.parse(sent.body.toString())).toMatchObject({
        sent: false,
        reason: expect.stringContaining('48 KiB'),
      })
    })
  })
})

test('a page that does not read is cut off', async () => {
  const written: string[] = []
  const fake = {
    writableLength: 0,
    isDestroyed: false,
    writeHead: (): void => undefined,
    write: (text: string) => written.push(text),
    end: () => undefined,
    once: () => undefined,
    destroy: (): void => {
      fake.isDestroyed = true
    },
  }
  let revision = 0
  const streams = createEventStreams({
    app: () => 'app',
    invocations: () => 'changes',
    revision: () => revision,
  })
  streams.changed('app')
  streams.open(fake as unknown as ServerResponse)
  expect(written).toHaveLength(2)
  revision = 1
  streams.changed('invocations')
  await until(() => written.length === 3)
  fake.writableLength = 2 ** 30
  revision = 2
  streams.changed('app')
  await until(() => fake.isDestroyed)
  expect(written).toHaveLength(3)
  streams.close()
})
