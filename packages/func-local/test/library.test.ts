import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { runInThisContext } from 'node:vm'
import {
  HostStartError,
  InvocationError,
  startHost,
  type FunctionsHost,
  type InvokeOptions,
  type LogEntry,
} from '../src/index.ts'
import { answering, writeApp, type TestApp } from './harness/app.ts'
import { onCoreTools, spawnHost } from './harness/host.ts'

const APP = `const { app, input, output } = require('@azure/functions')
const sent = output.serviceBusQueue({ queueName: 'sent', connection: 'Bus' })
const seen = input.generic({ type: 'sql', name: 'seen', connectionStringSetting: 'Sql', commandText: 'SELECT 1' })
app.http('hello', {
  route: 'hello/{name?}',
  extraOutputs: [sent],
  handler: async (request, context) => {
    const { name = 'world' } = request.params
    context.log('greets ' + name)
    if (name === 'nobody') throw new Error('nobody is here')
    context.extraOutputs.set(sent, { name })
    return { status: 201, jsonBody: { name, method: request.method, query: request.query.get('q'), body: await request.text() } }
  },
})
app.serviceBusQueue('greet', {
  queueName: 'greetings',
  connection: 'Bus',
  extraInputs: [seen],
  return: sent,
  handler: (message, context) => {
    context.warn('greeted ' + JSON.stringify(message))
    if (message.name === 'nobody') throw new Error('nobody is there')
    return { message, seen: context.extraInputs.get(seen) ?? null }
  },
})
app.generic('bytes', {
  trigger: { type: 'unheardOf', name: 'data', dataType: 'binary' },
  handler: (data) => Buffer.from(data).toString('hex'),
})
app.timer('tick', { schedule: '0 0 1 1 *', handler: (timer) => ({ isPastDue: timer.isPastDue }) })
app.http('environment', { handler: () => ({ jsonBody: { ...process.env, zone: new Date(0).getTimezoneOffset() } }) })
app.http('fetched', { authLevel: 'function', handler: () => ({ body: new Uint8Array([255, 0]) }) })
`

;(onCoreTools ? describe.skip : describe)('startHost', () => {
  let app: TestApp
  const settings = { NODE_OPTIONS: '' }
  const hosts: FunctionsHost[] = []
  const started = async (options: Parameters<typeof startHost>[0] = {}): Promise<FunctionsHost> => {
    const host = await startHost({
      scriptRoot: app.directory,
      ...options,
      settings: { ...settings, ...options.settings },
    })
    hosts.push(host)
    return host
  }

  beforeAll(async () => {
    app = await writeApp({ 'src/app.js': APP })
  })
  afterEach(async () => {
    jest.useRealTimers()
    await Promise.all(hosts.splice(0).map((host) => host.stop()))
  })
  afterAll(async () => {
    await app.remove()
  })

  test('serves an app on a free port, and lists its functions', async () => {
    const host = await started({
      functions: ['hello', 'greet'],
      settings: { 'AzureWebJobs.greet.Disabled': 'true' },
    })
    expect(host.url).toBe(`http://127.0.0.1:${host.port}`)
    expect(host.functions).toEqual([
      { name: 'greet', trigger: 'serviceBusTrigger', disabled: true, onCall: true },
      {
        name: 'hello',
        trigger: 'httpTrigger',
        disabled: false,
        onCall: false,
        url: `${host.url}/api/hello/{name?}`,
        methods: ['GET', 'POST'],
      },
    ])
    const response = await fetch(`${host.url}/api/hello/Ada?q=1`)
    expect([response.status, await response.json()]).toEqual([
      201,
      { name: 'Ada', method: 'GET', query: '1', body: '' },
    ])
  })

  test('invoke calls an HTTP function as a client does, and returns response, outputs and logs', async () => {
    const host = await started({ functions: ['hello', 'fetched'], enableAuth: true })
    const call = { params: { name: 'Ada Ö' }, query: { q: 'x y' }, body: { a: 1 } }
    const { invocationId, result, outputs, logs } = await host.invoke('HELLO', call)
    expect(result).toMatchObject({
      status: 201,
      headers: { 'content-type': 'application/json' },
      body: { name: 'Ada Ö', method: 'POST', query: 'x y', body: '{"a":1}' },
    })
    expect(outputs).toEqual([
      {
        invocationId,
        name: expect.any(String),
        type: 'serviceBus',
        binding: { queueName: 'sent', connection: 'Bus' },
        value: { name: 'Ada Ö' },
        isWritten: false,
      },
    ])
    expect(logs).toEqual([{ level: 'information', message: 'greets Ada Ö' }])
    expect(host.logs).toContainEqual({
      time: expect.anything(),
      level: 'information',
      category: 'Function.hello.User',
      message: 'greets Ada Ö',
      functionName: 'hello',
      invocationId,
    })
    // A call by hand needs no key; a request does.
    expect((await host.invoke('fetched')).result).toMatchObject({ status: 200, body: Buffer.from([255, 0]) })
    expect((await fetch(`${host.url}/api/fetched`)).status).toBe(401)
    const headers = { 'x-functions-key': host.key ?? '' }
    expect((await fetch(`${host.url}/api/fetched`, { headers })).status).toBe(200)
  })

  test('invoke calls other functions with the value of their trigger, also when they are on call', async () => {
    const host = await started({ functions: ['greet', 'tick', 'bytes'] })
    const { result, outputs, logs } = await host.invoke('greet', { name: 'Ada' })
    const returned = { message: { name: 'Ada' }, seen: null }
    expect(result).toEqual(returned)
    expect(outputs).toMatchObject([
      { name: '$return', type: 'serviceBus', value: returned, isWritten: false },
    ])
    expect(logs).toEqual([{ level: 'warning', message: 'greeted {"name":"Ada"}' }])
    expect((await host.invoke('tick')).result).toEqual({ isPastDue: false })
    expect((await host.invoke('bytes', new Uint8Array([255, 0, 10]))).result).toBe('ff000a')
    expect(host.outputs('GREET')).toEqual(outputs)
    expect(host.outputs('tick')).toEqual([])
  })

  test('invoke gives inputs, and takes a sample without data', async () => {
    const host = await started({ functions: ['greet'] })
    const { result } = await host.invoke('greet', 'x', { inputs: { sql: { id: 7 } } })
    expect(result).toEqual({ message: 'x', seen: { id: 7 } })
    expect((await host.invoke('greet')).result).toMatchObject({ message: expect.anything() })
  })

  test('invoke rejects with what the handler threw, its logs and its outputs', async () => {
    const host = await started({ functions: ['hello', 'greet'] })
    for (const [name, data, message] of [
      ['greet', { name: 'nobody' }, 'nobody is there'],
      ['hello', { params: { name: 'nobody' } }, 'nobody is here'],
    ] as const) {
      const failure = await host.invoke(name, data).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(InvocationError)
      expect(failure).toMatchObject({ name: 'InvocationError', message, outputs: [] })
      expect((failure as InvocationError).stack).toContain('app.js')
      expect((failure as InvocationError).logs).toHaveLength(1)
    }
  })

  test.each<[string, unknown, InvokeOptions, RegExp]>([
    ['missing', undefined, {}, /There is no function 'missing'/],
    ['greet', 1n, {}, /must be text, bytes or JSON, not a bigint/],
    ['greet', 'x', { inputs: { none: 1 } }, /Function 'greet' has no input 'none'; its inputs: seen/],
    ['greet', 'x', { blob: 'a/b' }, /Function 'greet' cannot be invoked: it has no blob trigger/],
  ])('invoke(%j, %p, %j) rejects', async (name, data, options, message) => {
    const host = await started({ functions: ['greet'] })
    await expect(host.invoke(name, data, options)).rejects.toThrow(message)
  })

  test('outputs and logs are there whatever made the function run', async () => {
    const entries: LogEntry[] = []
    const host = await started({ functions: ['hello'], logger: (entry) => entries.push(entry) })
    await fetch(`${host.url}/api/hello/Grace?code=not-for-the-log`)
    const isRequest = ({ category }: LogEntry): boolean => category === 'Host.Requests'
    while (!entries.some(isRequest)) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(host.outputs('hello').map(({ value }) => value)).toEqual([{ name: 'Grace' }])
    expect(entries).toEqual(host.logs)
    const request = entries.find(isRequest)
    expect(request?.message).toMatch(/^GET \/api\/hello\/Grace 201 \d+ ms$/)
    expect(request).toMatchObject({
      functionName: 'hello',
      invocationId: host.outputs('hello')[0]?.invocationId,
    })
    expect(JSON.stringify(entries)).not.toContain('not-for-the-log')
  })

  test('several hosts run at once, each with its own settings, and the process keeps its own', async () => {
    const before = processState()
    const [one, two] = await Promise.all([
      started({ functions: ['environment'], settings: { MINE: 'one', TZ: 'Asia/Tokyo' } }),
      started({
        functions: ['environment'],
        settings: { MINE: 'two', TZ: 'America/St_Johns', HOME: undefined },
      }),
    ])
    const seen = await Promise.all(
      [one, two].map(async ({ url }) => (await (await fetch(`${url}/api/environment`)).json()) as object),
    )
    expect(seen).toMatchObject([
      { MINE: 'one', zone: -540 },
      { MINE: 'two', zone: 210 },
    ])
    expect(seen[1]).not.toHaveProperty('HOME')
    expect(processState()).toEqual(before)
    await one.stop()
    expect((await fetch(`${two.url}/api/environment`)).status).toBe(200)
  })

  test('the key that is made is shown once, and not by an app that logs it', async () => {
    const { logs, key = '', invoke } = await started({ functions: ['greet'], enableAuth: true })
    await invoke('greet', { name: key })
    const messages = logs.map(({ message }) => message)
    expect(messages.filter((message) => message.includes(key))).toEqual([
      expect.stringMatching(/^Key for functions/),
    ])
    expect(messages).toContain('greeted {"name":"***"}')
  })

  test('a setting counts before every spelling of its name in the environment', async () => {
    process.env['mine'] = 'environment'
    process.env['Other__Level'] = 'environment'
    try {
      const { url } = await started({
        functions: ['environment'],
        settings: { MINE: 'setting', 'Other:Level': 'setting' },
      })
      const seen = await (await fetch(`${url}/api/environment`)).json()
      expect(seen).toMatchObject({ MINE: 'setting', 'Other:Level': 'setting' })
      expect(Object.values(seen as object)).not.toContain('environment')
    } finally {
      delete process.env['mine']
      delete process.env['Other__Level']
    }
  })

  test('await using stops it', async () => {
    let url: string
    {
      await using host = await startHost({ scriptRoot: app.directory, settings, functions: ['environment'] })
      url = host.url
      expect((await fetch(`${url}/api/environment`)).status).toBe(200)
    }
    await expect(fetch(url)).rejects.toThrow()
  })

  test("a test's fake timers, clock and globals do not reach it", async () => {
    jest.useFakeTimers({ now: 0 })
    const host = await started({ functions: ['hello'] })
    const { result } = await host.invoke('hello')
    // Strictly: its objects are this test's own.
    expect((result as { readonly body: unknown }).body).toStrictEqual({
      name: 'world',
      method: 'GET',
      query: null,
      body: '',
    })
    for (const { time } of host.logs) expect(time.getTime()).toBeGreaterThan(Date.parse('2026-01-01'))
    await host.stop()
  })

  test('a logger that throws does not take the host with it', async () => {
    let calls = 0
    const host = await started({
      functions: ['environment'],
      logger: () => {
        calls++
        throw new Error('of the logger')
      },
    })
    expect((await fetch(`${host.url}/api/environment`)).status).toBe(200)
    expect(calls).toBe(1)
    expect(host.logs).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('of the logger') }),
    )
  })

  describe('rejects with the line that the command prints', () => {
    test.each<[string, Record<string, string>]>([
      ['without host.json', { 'host.json': '' }],
      ['with an invalid value in host.json', { 'host.json': '{ "version": "2.0", "functionTimeout": "x" }' }],
      [
        'with an invalid route',
        { 'src/a.js': answering('a', 'x').replace('{ handler', "{ route: '/x', handler") },
      ],
      [
        'for another language',
        {
          'local.settings.json':
            '{ "IsEncrypted": false, "Values": { "FUNCTIONS_WORKER_RUNTIME": "python" } }',
        },
      ],
    ])('%s', async (_name, files) => {
      const broken = await writeApp(files)
      try {
        const command = await spawnHost(broken.directory, { env: { FUNCTIONS_WORKER_RUNTIME: '' } })
        await command.exited
        const failure = await startHost({
          scriptRoot: broken.directory,
          settings: { FUNCTIONS_WORKER_RUNTIME: undefined },
        }).catch((error: unknown) => error)
        expect(failure).toBeInstanceOf(HostStartError)
        const { message } = failure as HostStartError
        expect(message).not.toContain('\n')
        expect(command.output().trimEnd().split('\n').at(-1)).toBe(message)
      } finally {
        await broken.remove()
      }
    })

    test('on a port that is taken', async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      await expect(started({ port })).rejects.toThrow(`Port ${port} is unavailable.`)
      server.close()
    })

    test('when it is aborted', async () => {
      await expect(started({ signal: AbortSignal.abort() })).rejects.toThrow(HostStartError)
    })

    test('for an app that does not load, with the place in its code', async () => {
      const broken = await writeApp({ 'src/a.js': "throw new Error('not today')" })
      await expect(startHost({ scriptRoot: broken.directory })).rejects.toThrow(/not today[\s\S]*a\.js:1/)
      await broken.remove()
    })
  })

  // FUNC_LOCAL_HOSTS=50 is the measure that is promised.
  test('hosts one after the other leave no process, no port and no file', async () => {
    const count = Number(process.env['FUNC_LOCAL_HOSTS'] ?? 10)
    const small = { functions: ['environment'] }
    await (await started(small)).stop()
    const before = { children: children(), open: openFiles(), files: readdirSync(app.directory) }
    for (let i = 0; i < count; i++) {
      const host = await started(small)
      expect((await fetch(`${host.url}/api/environment`)).status).toBe(200)
      await host.stop()
      await expect(fetch(host.url)).rejects.toThrow()
    }
    expect({ children: children(), files: readdirSync(app.directory) }).toEqual({
      children: before.children,
      files: before.files,
    })
    // Clients of the tests keep some connections for a moment.
    expect(openFiles() - before.open).toBeLessThan(5)
  })
})

function processState(): unknown {
  // Not the one of Jest's sandbox.
  const real = runInThisContext('process') as NodeJS.Process
  return {
    env: { ...real.env },
    cwd: real.cwd(),
    listeners: ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException'].map((name) => real.listenerCount(name)),
    exitCode: real.exitCode,
  }
}

/** The processes that this one has started, where the system shows them; the one that shows them is none. */
function children(): readonly string[] {
  if (process.platform === 'win32') return []
  return execFileSync('ps', ['-A', '-o', 'ppid=,comm='], { encoding: 'utf8' })
    .split('\n')
    .filter((row) => row.trim().startsWith(`${process.pid} `) && !/\bps$/.test(row))
}

/** How many files and sockets this process has open, where the system shows them. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}
