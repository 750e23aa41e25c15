import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { readConfiguration } from '../src/config/configuration.ts'
import { ConfigurationError } from '../src/config/json-file.ts'
import { extensions } from '../src/extensions.ts'
import { startHost, type HostOptions, type RunningHost } from '../src/host/host.ts'
import { AppLoadError } from '../src/host/worker-process.ts'
import { StoppedError } from '../src/host/app-runner.ts'
import { writeApp, type TestApp } from './harness/app.ts'
import { createFakeLog, type FakeLog } from './harness/fake-log.ts'
import { until } from './harness/fake-storage.ts'
import { freePort } from './harness/port.ts'
import { WORKER_CHANNEL } from './harness/worker-channel.ts'

/** A worker whose app is `functions.json` in its folder; it answers with its environment, or never. */
const WORKER = `${WORKER_CHANNEL}
const { readFileSync } = require('node:fs')
socket.on('close', () => process.exit(0))
function receive(message) {
  if (message.type === 'init') {
    const { functions, fails, log } = JSON.parse(readFileSync('functions.js', 'utf8'))
    for (const entry of log ?? []) send({ type: 'log', entry })
    if (fails) send({ type: 'failed', message: fails, stack: fails })
    else if (functions) send({ type: 'ready', functions, capabilities: {}, model: '', files: ['functions.js'] })
  } else if (message.type === 'terminate') socket.end(() => process.exit(0))
  else if (message.type === 'invoke') {
    const { invocationId, functionId } = message.request
    if (functionId === 'never') return
    const text = JSON.stringify({ environment: process.env, arguments: process.execArgv })
    send({ type: 'response', response: { invocationId, returnValue: { http: { statusCode: '200', body: { string: text } } } } })
  }
}
`
const http = (name: string, more: object = {}): object => ({
  functionId: name,
  name,
  bindings: {
    req: { type: 'httpTrigger', direction: 'in', authLevel: 'anonymous', ...more },
    $return: { type: 'http', direction: 'out' },
  },
})
const app = (...functions: object[]): string => JSON.stringify({ functions })

describe('a host in this process', () => {
  let script: string
  let scripts: string
  let files: TestApp | undefined
  let host: RunningHost | undefined
  const zone = process.env['TZ']

  beforeAll(async () => {
    scripts = await mkdtemp(path.join(tmpdir(), 'func-local-host-'))
    script = path.join(scripts, 'worker.cjs')
    await writeFile(script, WORKER)
  })
  afterAll(async () => {
    await rm(scripts, { recursive: true, force: true })
  })
  afterEach(async () => {
    await host?.stop()
    host = undefined
    await files?.remove()
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  })

  interface Started {
    readonly log: FakeLog
    readonly configured: unknown[]
    readonly url: string
    readonly port: number
  }

  /** Starts a host over an app that is `functions.js`, data that counts as code. */
  async function start(
    functions: string,
    more: Readonly<Record<string, string>> = {},
    changes: Partial<HostOptions> = {},
  ): Promise<Started> {
    files = await writeApp({
      'package.json': '{ "main": "functions.js" }',
      'functions.js': functions,
      ...more,
    })
    const { directory } = files
    const configured: unknown[] = []
    const log: FakeLog = { ...createFakeLog(), configure: (configuration) => configured.push(configuration) }
    const read = () => readConfiguration(directory, { PATH: process.env['PATH'] ?? '' })
    host = await startHost({
      appDirectory: directory,
      address: '127.0.0.1',
      port: 0,
      functions: undefined,
      nodeArguments: () => [],
      workerScript: script,
      version: '4.1',
      initial: read(),
      configuration: read,
      cors: () => undefined,
      keys: undefined,
      tls: undefined,
      watch: true,
      interactive: true,
      setTimeZone: (name) => {
        if (name === undefined) delete process.env['TZ']
        else process.env['TZ'] = name
      },
      log,
      extensions,
      listens: true,
      stopping: new AbortController().signal,
      ...changes,
    })
    return { log, configured, port: host.port, url: `http://127.0.0.1:${host.port}` }
  }
  const answer = async (url: string): Promise<{ environment: Record<string, string>; arguments: string[] }> =>
    (await (await fetch(url)).json()) as { environment: Record<string, string>; arguments: string[] }

  test('serves the functions of the app, and says so', async () => {
    const { log, url, port, configured } = await start(app(http('hello')), {
      'host.json': '{ "version": "2.0", "logging": { "logLevel": { "default": "Error" } } }',
      'local.settings.json':
        '{ "IsEncrypted": false, "Values": { "MINE": "x", "FUNC_LOCAL_KEY": "12345678", "TZ": "Asia/Tokyo" } }',
    })
    const { environment, arguments: given } = await answer(`${url}/api/hello`)
    expect(environment).toMatchObject({
      MINE: 'x',
      TZ: 'Asia/Tokyo',
      AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
      AzureWebJobsScriptRoot: files?.directory,
      FUNCTIONS_WORKER_RUNTIME: 'node',
      WEBSITE_HOSTNAME: `localhost:${port}`,
    })
    expect(given).toEqual(['--enable-source-maps'])
    expect(process.env['TZ']).toBe('Asia/Tokyo')
    expect(configured).toEqual([{ levels: new Map([['default', 'error']]), secrets: ['12345678'] }])
    expect(log.lines.filter((line) => !line.startsWith('information Execut'))).toEqual([
      'plain ',
      'plain Functions:',
      'plain ',
      `plain \thello: http://localhost:${port}/api/hello`,
      'plain ',
      'information Worker process started and initialized.',
      expect.stringMatching(/^information Host lock lease acquired by instance ID '[0-9A-F]{32}'\.$/),
    ])
  })

  test("the app's own settings come before what the host gives", async () => {
    const { url } = await start(app(http('hello')), {
      'local.settings.json': '{ "IsEncrypted": false, "Values": { "WEBSITE_HOSTNAME": "mine" } }',
    })
    const { environment } = await answer(`${url}/api/hello`)
    expect(environment['WEBSITE_HOSTNAME']).toBe('mine')
    expect(environment).not.toHaveProperty('TZ')
    expect(process.env['TZ']).toBeUndefined()
  })

  test('names another address than the local one as it is', async () => {
    const { log, port } = await start(app(http('hello')), {}, { address: '127.0.0.2' })
    expect(log.lines).toContain(`plain \thello: http://127.0.0.2:${port}/api/hello`)
  })

  test('says what is wrong with the app, each once', async () => {
    const { log } = await start(app(http('hello'), http('bad', { methods: ['brew'] })), {
      'host.json': '{ "version": "2.0", "wrong": 1, "extensions": { "http": { "unknown": 1 } } }',
      'local.settings.json': '{ "IsEncrypted": false, "Values": { "A": null } }',
      'old/function.json': '{}',
    })
    const warnings = log.lines.filter((line) => line.startsWith('warning '))
    for (const part of [
      '"A" is null',
      '"extensions.http.unknown" is not a known setting',
      "The 'bad' function is in error",
      "The 'old' function is in error",
    ])
      expect(warnings.filter((line) => line.includes(part))).toHaveLength(1)
    const before = warnings.length
    await files?.write({
      'functions.js': app(http('hello'), http('bad', { methods: ['brew'] }), http('more')),
    })
    await until(() => log.lines.some((line) => line.includes('initialized. Functions: hello, more.')))
    expect(log.lines.filter((line) => line.startsWith('warning '))).toHaveLength(before)
  })

  test('an app without functions says why', async () => {
    const { log } = await start(app())
    expect(log.lines.find((line) => line.startsWith('warning No job functions found.'))).toContain(
      '"main" in package.json loads functions.js',
    )
  })

  test.each([
    [
      'the command line',
      { functions: ['one', 'none'] },
      '{ "version": "2.0", "functions": ["two"] }',
      'one',
      '--functions',
    ],
    [
      'host.json',
      {},
      '{ "version": "2.0", "functions": ["two", "none"] }',
      'two',
      '"functions" in host.json',
    ],
  ])('functions are those that %s names', async (_what, changes, hostJson, name, source) => {
    const { log } = await start(app(http('one'), http('two')), { 'host.json': hostJson }, changes)
    expect(log.lines.filter((line) => line.includes('/api/'))).toEqual([
      expect.stringContaining(`\t${name}:`),
    ])
    expect(log.lines).toContain(
      `warning ${source} names 'none', and the app has no such function. Did you mean 'one'?`,
    )
  })

  test("passes on the log of the worker, the app's under its function", async () => {
    const categories: string[] = []
    const entry = (category: string, functionName?: string): object => ({
      level: 'warning',
      category,
      message: 'm',
      functionName,
    })
    const log: FakeLog = {
      ...createFakeLog(),
      write: (category, level, message) => categories.push(`${category} ${level} ${message}`),
    }
    await start(
      JSON.stringify({
        functions: [http('hello')],
        log: [entry('user', 'fn'), entry('user'), entry('system', 'fn')],
      }),
      {},
      { log },
    )
    expect(categories).toEqual([
      'Function.fn.User warning m',
      'Function.Host.User warning m',
      'Worker warning m',
    ])
  })

  test('a save loads the app anew, with its configuration whole', async () => {
    const seen: unknown[] = []
    const { log, url, configured } = await start(
      app(http('hello')),
      {},
      { cors: (configuration) => void seen.push(configuration.settings.get('A')) },
    )
    await files?.write({ 'local.settings.json': '{ "IsEncrypted": false, "Values": { "A": "new" } }' })
    await until(() =>
      log.lines.some(
        (line) => line === 'information Worker process started and initialized. Functions: hello.',
      ),
    )
    expect((await answer(`${url}/api/hello`)).environment['A']).toBe('new')
    expect(configured.length).toBeGreaterThanOrEqual(2)
    expect(seen[0]).toBeUndefined()
    expect(seen.at(-1)).toBe('new')
  })

  test('an app that does not load ends the start, and frees the port', async () => {
    const work = start(JSON.stringify({ fails: 'broken' }))
    await expect(work).rejects.toThrow(AppLoadError)
    await expect(work).rejects.toThrow('broken')
    await files?.remove()
    await expect(start(app(http('x', { route: '{a}{b}' })))).rejects.toThrow(ConfigurationError)
  })

  test('a stop before or during the first load ends the start', async () => {
    const stopping = new AbortController()
    stopping.abort()
    await expect(start(app(http('hello')), {}, { stopping: stopping.signal })).rejects.toThrow(StoppedError)
    await files?.remove()
    const during = new AbortController()
    const work = start('{}', {}, { stopping: during.signal })
    const failed = expect(work).rejects.toThrow('The host was stopped before the app had loaded.')
    setTimeout(() => {
      during.abort()
    }, 300)
    await failed
  })

  test('an open page of the console does not hold up the end of a start', async () => {
    const stopping = new AbortController()
    const port = await freePort()
    const log = createFakeLog()
    const setup = { console: true, port, log, stopping: stopping.signal }
    const failed = expect(start('{}', {}, setup)).rejects.toThrow(StoppedError)
    const address = `http://127.0.0.1:${port}/admin/func-local/console/events`
    const open = async (): Promise<Response> => await fetch(address).catch(open)
    const events = await open()
    stopping.abort()
    await failed
    // It has ended; it was not cut off.
    expect(await events.text()).toContain('"phase":"loading"')
    expect(log.lines.filter((line) => line.includes('Stopping'))).toEqual([])
  })

  test('a stop without work is quick, and clean; the port is free', async () => {
    const { url, log } = await start(app(http('hello')))
    await answer(`${url}/api/hello`)
    const before = log.lines.length
    expect(await host?.stop()).toBe(true)
    host = undefined
    expect(log.lines).toHaveLength(before)
    await expect(fetch(`${url}/api/hello`)).rejects.toThrow()
  })

  test('with a console says where it is, and an open page does not hold up a stop', async () => {
    const accept = { accept: 'text/html' }
    const { url, log, port } = await start(app(http('hello')), {}, { console: true })
    expect(log.lines).toContain(`plain Console: http://localhost:${port}/`)
    expect(await (await fetch(url, { headers: accept })).text()).toContain('id="invocation-list"')
    const events = await fetch(`${url}/admin/func-local/console/events`)
    await answer(`${url}/api/hello`)
    const before = log.lines.length
    expect(await host?.stop()).toBe(true)
    host = undefined
    const text = await events.text()
    expect(text).toContain('"text":"Worker process started and initialized."')
    expect(log.lines).toHaveLength(before)
  })

  test('with another address the console is said where it answers, and nowhere else', async () => {
    const all = await start(app(http('hello')), {}, { console: true, address: '0.0.0.0' })
    expect(all.log.lines).toContain(`plain \thello: http://0.0.0.0:${all.port}/api/hello`)
    const [line = ''] = all.log.lines.filter((one) => one.startsWith('plain Console: '))
    const page = await fetch(line.replace('plain Console: ', ''), { headers: { accept: 'text/html' } })
    expect(await page.text()).toContain('id="invocation-list"')
    const [own] = Object.values(networkInterfaces()).flatMap((every = []) =>
      every.filter(({ internal, family }) => !internal && family === 'IPv4'),
    )
    // Without a network there is no other address.
    if (own === undefined) return
    await host?.stop()
    await files?.remove()
    const { log } = await start(app(http('hello')), {}, { console: true, address: own.address })
    expect(log.lines.filter((one) => one.includes('Console'))).toEqual([])
  })

  test('with a function at / says where the console is then', async () => {
    const hostJson = '{ "version": "2.0", "extensions": { "http": { "routePrefix": "" } } }'
    const { log, port } = await start(
      app(http('root', { route: '/' })),
      { 'host.json': hostJson },
      { console: true },
    )
    expect(log.lines).toContain(`plain Console: http://localhost:${port}/admin/func-local/console`)
  })

  test('an invocation over the time limit of host.json fails', async () => {
    const hostJson = '{ "version": "2.0", "functionTimeout": "00:00:01" }'
    const { url, log } = await start(app(http('never')), { 'host.json': hostJson })
    expect((await fetch(`${url}/api/never`)).status).toBe(500)
    expect(log.lines.some((line) => line.includes('Timeout value of 00:00:01 exceeded'))).toBe(true)
  })
})
