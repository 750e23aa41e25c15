import { afterEach, describe, expect, test } from '@jest/globals'
import inspector from 'node:inspector'
import type { FromWorker, InvocationRequest } from '../src/protocol.ts'
import { createApp, type App, type ProgrammingModel } from '../src/worker/app.ts'
import { createWorker } from '../src/worker/worker.ts'
import { writeApp, type TestApp } from './harness/app.ts'
import { until } from './harness/fake-storage.ts'

const REQUEST: InvocationRequest = {
  invocationId: 'i-1',
  functionId: 'fn',
  inputData: [],
  triggerMetadata: {},
  traceContext: { traceParent: '', traceState: '', attributes: {} },
}

interface World {
  readonly app: App
  readonly sent: FromWorker[]
  readonly versions: string[]
  readonly settled: string[]
  readonly ended: () => boolean
  readonly receive: ReturnType<typeof createWorker>['receive']
  /** Sends a message to the worker, and waits for the next one of a type. */
  readonly ask: <Type extends FromWorker['type']>(
    message: Parameters<World['receive']>[0],
    type: Type,
  ) => Promise<Extract<FromWorker, { type: Type }>>
}

function world(): World {
  const app = createApp()
  const sent: FromWorker[] = []
  const versions: string[] = []
  const settled: string[] = []
  let ended = false
  const { receive } = createWorker({
    app,
    send: (message) => sent.push(message),
    onHostVersion: (version) => versions.push(version),
    end: () => (ended = true),
    streamResponses: {
      turn: () => Promise.resolve(),
      sending: (_id, send) => send(),
      settle: (id) => {
        settled.push(id)
        return true
      },
    },
  })
  return {
    app,
    sent,
    versions,
    settled,
    ended: () => ended,
    receive,
    ask: async (message, type) => {
      const from = sent.length
      const found = (): FromWorker | undefined => sent.slice(from).find((one) => one.type === type)
      receive(message)
      await until(() => found() !== undefined)
      return found() as never
    },
  }
}

const model = (changes: Partial<ProgrammingModel> = {}): ProgrammingModel => ({
  name: 'library',
  version: '4.0',
  getInvocationModel: () => ({
    getArguments: () => Promise.resolve({ context: {}, inputs: ['in'] }),
    invokeFunction: async (_context, inputs, callback) => await callback(...inputs),
    getResponse: (_context, result) =>
      Promise.resolve({ invocationId: 'i-1', returnValue: { string: String(result) } }),
  }),
  ...changes,
})

describe('a worker', () => {
  let files: TestApp | undefined
  afterEach(async () => {
    await files?.remove()
    files = undefined
  })
  const init = async (
    more: Record<string, string> = {},
  ): Promise<{ type: 'init'; appDirectory: string; hostVersion: string }> => {
    files = await writeApp({ 'package.json': '{ "main": "src/*.js" }', 'src/a.js': '', ...more })
    return { type: 'init', appDirectory: files.directory, hostVersion: '4.1037' }
  }
  const register = (
    app: App,
    name: string,
    callback: (...inputs: unknown[]) => unknown = () => 'ok',
  ): void => {
    app.functions.set(name, {
      metadata: { functionId: name, name, bindings: { b: { type: 't', keep: 1, drop: () => 1 } } },
      callback,
    })
  }

  test('responds to a status message at once', () => {
    const { receive, sent } = world()
    receive({ type: 'status' })
    expect(sent).toEqual([{ type: 'status' }])
  })

  test('loads the app, says what it does, and then what there is', async () => {
    const { app, ask, sent, versions } = world()
    register(app, 'fn')
    const contexts: unknown[] = []
    app.hooks.appStart.push((context) => contexts.push({ ...context }))
    const ready = await ask(await init(), 'ready')
    expect(versions).toEqual(['4.1037'])
    expect(ready).toEqual({
      type: 'ready',
      functions: [{ functionId: 'fn', name: 'fn', bindings: { b: { type: 't', keep: 1 } } }],
      capabilities: { RawHttpBodyBytes: 'true', RpcHttpBodyOnly: 'true', TypedDataCollection: 'true' },
      model: '',
      files: ['src/a.js'],
    })
    expect(sent.flatMap((message) => (message.type === 'loading' ? [message.what] : []))).toEqual([
      'loading src/a.js has not finished',
      'an appStart hook has not finished',
      'the library has not said what it can do',
    ])
    expect(sent.flatMap((message) => (message.type === 'log' ? [message.entry] : []))[0]).toEqual({
      level: 'debug',
      category: 'system',
      message: 'Loading entry point file "src/a.js"',
    })
    expect(contexts).toEqual([{ functionAppDirectory: files?.directory, hookData: {}, appHookData: {} }])
    expect(contexts[0]).toHaveProperty('hookData', app.appLevelHookData)
    expect(app.registrationClosed).toBe(true)
  })

  test('has the capabilities that the library makes of its own, and its name', async () => {
    const { app, ask } = world()
    register(app, 'fn')
    app.programmingModel = model({ getCapabilities: (own) => ({ ...own, HttpUri: 'http://x' }) })
    const ready = await ask(await init(), 'ready')
    expect(ready.model).toBe('library 4.0')
    expect(ready.capabilities).toEqual({
      RawHttpBodyBytes: 'true',
      RpcHttpBodyOnly: 'true',
      TypedDataCollection: 'true',
      HttpUri: 'http://x',
    })
  })

  test('a library without capabilities has those of the worker', async () => {
    const { app, ask } = world()
    register(app, 'fn')
    app.programmingModel = model()
    expect(Object.keys((await ask(await init(), 'ready')).capabilities)).toHaveLength(3)
  })

  test('an app that does not load is failed, with the stack', async () => {
    const { ask, app } = world()
    const failed = await ask(await init({ 'src/a.js': "throw new TypeError('broken')" }), 'failed')
    expect(failed.message).toBe('Worker was unable to load entry point "src/a.js": broken')
    expect(failed.stack).toMatch(/^TypeError: broken\n/)
    expect(app.registrationClosed).toBe(false)
  })

  test('an appStart hook that fails is failed', async () => {
    const { ask, app } = world()
    app.hooks.appStart.push(() => Promise.reject(new Error('no start')))
    expect((await ask(await init(), 'failed')).message).toBe('no start')
  })

  test('waits a moment for functions that are registered late, and for all of them', async () => {
    const { app, ask } = world()
    const message = await init()
    setTimeout(() => {
      register(app, 'late')
    }, 40)
    setTimeout(() => {
      register(app, 'later')
    }, 90)
    const ready = await ask(message, 'ready')
    expect(ready.functions.map(({ name }) => name)).toEqual(['late', 'later'])
  })

  test('does not wait long for functions that never come', async () => {
    const { ask } = world()
    const message = await init()
    const began = performance.now()
    expect((await ask(message, 'ready')).functions).toEqual([])
    expect(performance.now() - began).toBeGreaterThan(250)
  })

  test('does not wait when there are functions', async () => {
    const { app, ask } = world()
    register(app, 'fn')
    const message = await init()
    setTimeout(() => {
      register(app, 'too late')
    }, 40)
    const ready = await ask(message, 'ready')
    expect(ready.functions).toHaveLength(1)
  })

  test('runs invocations, and says whether their request has a response', async () => {
    const { app, ask, settled } = world()
    register(app, 'fn', (input) => `got ${String(input)}`)
    app.programmingModel = model()
    const { response } = await ask({ type: 'invoke', request: REQUEST }, 'response')
    expect(response).toEqual({ invocationId: 'i-1', returnValue: { string: 'got in' }, httpResponded: true })
    expect(settled).toEqual(['i-1'])
  })

  test('what an invocation throws is its exception', async () => {
    const { app, ask, settled } = world()
    register(app, 'fn', () => Promise.reject(new TypeError('no')))
    app.programmingModel = model()
    const { response } = await ask({ type: 'invoke', request: REQUEST }, 'response')
    expect(response).toEqual({
      invocationId: 'i-1',
      exception: { message: 'no', stackTrace: expect.stringMatching(/^TypeError: no\n/) },
    })
    expect(settled).toEqual(['i-1'])
    register(app, 'fn', () => Promise.reject(Object.assign(new Error('bare'), { stack: undefined })))
    const bare = await ask({ type: 'invoke', request: REQUEST }, 'response')
    expect(bare.response.exception).toEqual({ message: 'bare', stackTrace: 'bare' })
  })

  test('its log goes through the hooks of the app', async () => {
    const { app, ask, sent } = world()
    register(app, 'fn')
    const seen: unknown[] = []
    app.hooks.log.push((context) => seen.push({ ...context }))
    await ask(await init(), 'ready')
    expect(seen.length).toBe(sent.filter(({ type }) => type === 'log').length)
    expect(seen[0]).toMatchObject({ category: 'system', level: 'debug' })
  })

  test('runs the terminate hooks, and ends, also when one fails', async () => {
    const { app, receive, ended, sent } = world()
    const contexts: unknown[] = []
    app.hooks.appTerminate.push((context) => {
      expect(ended()).toBe(false)
      contexts.push({ ...context })
    })
    receive({ type: 'terminate' })
    await until(ended)
    expect(contexts).toEqual([{ hookData: {}, appHookData: {} }])
    expect(sent.at(-1)).toMatchObject({ entry: { message: 'Executed "appTerminate" hooks' } })

    const failing = world()
    failing.app.hooks.appTerminate.push(() => Promise.reject(new Error('no end')))
    failing.receive({ type: 'terminate' })
    await until(failing.ended)
    expect(failing.sent.at(-1)).toEqual({
      type: 'log',
      entry: { level: 'error', category: 'system', message: 'An appTerminate hook failed: no end' },
    })
  })

  test('frees the debugger when it is told to, and does nothing where there is none', () => {
    const { receive, sent } = world()
    expect(inspector.url()).toBeUndefined()
    receive({ type: 'detachDebugger' })
    inspector.open(0, '127.0.0.1')
    try {
      receive({ type: 'detachDebugger' })
      expect(inspector.url()).toBeUndefined()
    } finally {
      if (inspector.url() !== undefined) inspector.close()
    }
    expect(sent).toEqual([])
  })
})
