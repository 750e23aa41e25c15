import { beforeEach, describe, expect, test } from '@jest/globals'
import type { LogEntry } from '../src/protocol.ts'
import { createApp, HOOK_NAMES, type App, type ProgrammingModel } from '../src/worker/app.ts'
import { createCoreApi, Disposable, type CoreApi } from '../src/worker/core-api.ts'
import { provideCoreModule } from '../src/worker/core-module.ts'
import { hooksNamed, runHooks, throughLogHooks, withReadOnly } from '../src/worker/hooks.ts'
import { reportLostOutputs } from '../src/worker/lost-outputs.ts'

const MODEL: ProgrammingModel = {
  name: 'model',
  version: '4.1',
  getInvocationModel: () => Promise.reject(new Error()),
}

// https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/types-core/index.d.ts
describe('the core module that the library finds', () => {
  let app: App
  let core: CoreApi
  let entries: LogEntry[]
  let hostVersion = ''
  beforeEach(() => {
    app = createApp()
    entries = []
    core = createCoreApi(
      app,
      '3.12.0',
      () => hostVersion,
      (entry) => entries.push(entry),
    )
  })

  test('names the versions, that of the host once it is known', () => {
    expect(core).toMatchObject({ version: '3.12.0', workerVersion: '3.12.0', hostVersion: '' })
    hostVersion = '4.1'
    expect(core.hostVersion).toBe('4.1')
  })

  test('an app begins empty', () => {
    expect(app).toEqual({
      functions: new Map(),
      hooks: { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] },
      appHookData: {},
      appLevelHookData: {},
      programmingModel: undefined,
      registrationClosed: false,
    })
    expect(core.getProgrammingModel()).toBeUndefined()
  })

  test('takes the programming model, and says which', () => {
    core.setProgrammingModel(MODEL)
    expect(core.getProgrammingModel()).toBe(MODEL)
    expect(entries).toEqual([
      {
        level: 'debug',
        category: 'system',
        message: 'Setting Node.js programming model to "model" version "4.1"',
      },
    ])
  })

  test('logs', () => {
    core.log('warning', 'user', 'x')
    expect(entries).toEqual([{ level: 'warning', category: 'user', message: 'x' }])
  })

  test('registers functions by their id, or their name, each once', () => {
    const callback = (): void => undefined
    core.registerFunction({ name: 'a', bindings: {} }, callback)
    core.registerFunction({ name: 'a', functionId: 'id-2', bindings: {} }, callback)
    expect([...app.functions]).toEqual([
      ['a', { metadata: { name: 'a', functionId: 'a', bindings: {} }, callback }],
      ['id-2', { metadata: { name: 'a', functionId: 'id-2', bindings: {} }, callback }],
    ])
    expect(() => core.registerFunction({ name: 'id-2', bindings: {} }, callback)).toThrow(
      'A function with id "id-2" has already been registered.',
    )
  })

  test('a registration can be taken back, while the app loads', () => {
    const register = (name: string): Disposable =>
      core.registerFunction({ name, bindings: {} }, () => undefined)
    const [a, b] = [register('a'), register('b')]
    a.dispose()
    expect([...app.functions.keys()]).toEqual(['b'])
    app.registrationClosed = true
    expect(() => {
      b.dispose()
    }).toThrow('A function can only be disposed during app startup.')
    expect(() => register('c')).toThrow('A function can only be registered during app startup.')
    expect([...app.functions.keys()]).toEqual(['b'])
  })

  test('registers hooks, and takes them back, once', () => {
    const [one, two] = [(): void => undefined, (): void => undefined]
    for (const name of HOOK_NAMES) {
      const hook = core.registerHook(name, one)
      core.registerHook(name, two)
      expect(app.hooks[name]).toEqual([one, two])
      hook.dispose()
      hook.dispose()
      expect(app.hooks[name]).toEqual([two])
    }
    expect(() => core.registerHook('other', one)).toThrow(RangeError)
    expect(() => hooksNamed(app, 'other')).toThrow('Unrecognized hook "other"')
  })

  test('several things can be undone as one', () => {
    const undone: string[] = []
    const all = Disposable.from(new Disposable(() => undone.push('a')), { dispose: () => undone.push('b') })
    expect(undone).toEqual([])
    all.dispose()
    expect(undone).toEqual(['a', 'b'])
  })

  test('is found by require and by import, and nothing else changes', async () => {
    type Resolve = (specifier: string, context: unknown, next: (s: string, c: unknown) => unknown) => unknown
    const resolvers: Resolve[] = []
    const loaded: unknown[][] = []
    const internals = {
      _load(this: unknown, ...args: unknown[]): unknown {
        loaded.push([this, ...args])
        return 'another'
      },
      registerHooks: ({ resolve }: { resolve: Resolve }): void => {
        resolvers.push(resolve)
      },
      register: (): void => {
        throw new Error('not with hooks')
      },
    }
    provideCoreModule(core, internals as never)
    expect(internals._load('@azure/functions-core', 'parent', false)).toBe(core)
    expect(internals._load.call('self', 'fs', 'parent', true)).toBe('another')
    expect(loaded).toEqual([['self', 'fs', 'parent', true]])

    const [resolve] = resolvers
    const next = (specifier: string, context: unknown): unknown => [specifier, context]
    expect(resolve?.('fs', 'context', next)).toEqual(['fs', 'context'])
    const resolved = resolve?.('@azure/functions-core', 'context', next) as { url: string }
    expect(resolved).toMatchObject({ shortCircuit: true, format: 'module' })
    const module = (await import(resolved.url)) as Record<string, unknown>
    expect(module['default']).toBe(core)
    expect(module['registerFunction']).toBe(core.registerFunction)
    expect(Object.keys(module).sort()).toEqual([...Object.keys(core), 'default'].sort())
  })

  test('is found where Node.js has hooks of a thread of their own only', async () => {
    const urls: string[] = []
    const internals = { _load: () => undefined, register: (url: string) => urls.push(url) }
    provideCoreModule(core, internals)
    expect(urls).toHaveLength(1)
    const { resolve } = (await import(urls[0] ?? '')) as {
      resolve: (s: string, c: unknown, next: (s: string, c: unknown) => unknown) => unknown
    }
    expect(resolve('fs', 1, (s, c) => [s, c])).toEqual(['fs', 1])
    const { url, shortCircuit } = resolve('@azure/functions-core', 1, () => undefined) as {
      url: string
      shortCircuit: boolean
    }
    expect(shortCircuit).toBe(true)
    expect(await import(url)).toMatchObject({ version: '3.12.0', default: { workerVersion: '3.12.0' } })
  })
})

describe('hooks', () => {
  test('a context is read live and cannot be replaced', () => {
    let value = 1
    const target = { own: 1 }
    const context = withReadOnly(target, { data: () => value }) as { own: number; data: number }
    expect(context).toBe(target)
    value = 2
    expect(context.data).toBe(2)
    expect(Object.keys(context)).toEqual(['own', 'data'])
    context.own = 5
    expect(context.own).toBe(5)
    expect(() => (context.data = 3)).toThrow("Cannot assign to read only property 'data'")
  })

  test('run one after the other, with one context, and say so', async () => {
    const app = createApp()
    const seen: unknown[] = []
    const lines: string[] = []
    const context = {}
    app.hooks.appStart.push(
      async (given) => {
        await Promise.resolve()
        seen.push('first', given)
      },
      () => seen.push('second'),
    )
    await runHooks(app, 'appStart', context, (line) => lines.push(line))
    expect(seen).toEqual(['first', context, 'second'])
    expect(seen[1]).toBe(context)
    expect(lines).toEqual(['Executing 2 "appStart" hooks', 'Executed "appStart" hooks'])
    await runHooks(app, 'appTerminate', context, (line) => lines.push(line))
    expect(lines).toHaveLength(2)
  })

  test('one that fails ends the rest', async () => {
    const app = createApp()
    const seen: string[] = []
    app.hooks.preInvocation.push(
      () => Promise.reject(new Error('no')),
      () => seen.push('second'),
    )
    await expect(runHooks(app, 'preInvocation', {}, () => undefined)).rejects.toThrow('no')
    expect(seen).toEqual([])
  })

  // https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/src/WorkerContext.ts
  describe('for logs', () => {
    const entry = (category: LogEntry['category']): LogEntry => ({
      level: 'information',
      category,
      message: 'm',
      invocationId: '1',
    })
    const change = (context: object): void => {
      Object.assign(context, { level: 'error', message: 'changed' })
    }

    test("rewrite the app's own entries, never the system's", () => {
      const app = createApp()
      app.hooks.log.push(change)
      expect(throughLogHooks(app, entry('user'), undefined)).toEqual({
        level: 'error',
        category: 'user',
        message: 'changed',
        invocationId: '1',
      })
      expect(throughLogHooks(app, entry('system'), undefined)).toEqual(entry('system'))
    })

    test('that throw change nothing', () => {
      const app = createApp()
      app.hooks.log.push(change, () => {
        throw new Error('no')
      })
      const given = entry('user')
      expect(throughLogHooks(app, given, undefined)).toBe(given)
    })

    test('see what is known of the invocation', () => {
      const app = createApp()
      const seen: Record<string, unknown>[] = []
      app.hooks.log.push((context) => seen.push({ ...context }))
      const scope = { hookData: { a: 1 }, invocationContext: 'context' }
      throughLogHooks(app, entry('user'), scope)
      throughLogHooks(app, entry('user'), undefined)
      expect(seen).toEqual([
        { level: 'information', message: 'm', category: 'user', hookData: { a: 1 }, appHookData: {}, invocationContext: 'context' },
        { level: 'information', message: 'm', category: 'user', hookData: {}, appHookData: {}, invocationContext: undefined },
      ]) // prettier-ignore
      expect(seen[0]?.['hookData']).toBe(scope.hookData)
      expect(seen[0]?.['appHookData']).toBe(app.appHookData)
    })

    test('without any, an entry is itself', () => {
      const given = entry('user')
      expect(throughLogHooks(createApp(), given, undefined)).toBe(given)
    })
  })
})

describe('a value for an output that the function does not have', () => {
  let serial = 0
  /** Sets values in an invocation of a function with the output `known`; gives what was reported, and what was set. */
  function invocation(name = `fn${serial++}`): {
    set: (output: unknown, value?: unknown) => void
    lines: string[]
    values: unknown[][]
  } {
    const values: unknown[][] = []
    const lines: string[] = []
    const outputs = {
      set(this: unknown, output: unknown, value: unknown): void {
        values.push([this === outputs, output, value])
      },
    }
    const report = (line: string): void => void lines.push(line)
    reportLostOutputs({ extraOutputs: outputs }, { functionId: '1', name, bindings: { known: {} } }, report)
    return {
      set: (output, value) => {
        outputs.set(output, value)
      },
      lines,
      values,
    }
  }
  const said = (name: string, output: string): string =>
    `Function '${name}' sets the extra output ${output}, with which it was not registered: the value is lost, in Azure too. Add it to its extraOutputs.`

  test('is reported once for each function and output, and passed on', () => {
    const { set, lines, values } = invocation('lost')
    set('missing', 1)
    set('missing', 2)
    set('other', 3)
    set('known', 4)
    expect(lines).toEqual([said('lost', "'missing'"), said('lost', "'other'")])
    expect(values).toEqual([[true, 'missing', 1], [true, 'missing', 2], [true, 'other', 3], [true, 'known', 4]]) // prettier-ignore
    const again = invocation('lost')
    again.set('missing')
    expect(again.lines).toEqual([])
    const another = invocation('another')
    another.set('missing')
    expect(another.lines).toHaveLength(1)
    another.set('toString')
    expect(another.lines).toHaveLength(2)
  })

  test.each([
    [{ name: 'a', type: 'queue', queueName: 'orders' }, "queue 'orders'"],
    [{ name: 'a', type: 'blob', path: 'box/x' }, "blob 'box/x'"],
    [{ name: 'a', type: 'table', tableName: 'rows' }, "table 'rows'"],
    [{ name: 'a', type: 'other', path: 5 }, 'other'],
    [{ name: 'a', path: 'box/x' }, "'box/x'"],
  ])('%j is described by what it writes to', (output, described) => {
    const { set, lines } = invocation('describing')
    set({ ...output, name: `${output.name}${serial++}` })
    expect(lines).toEqual([said('describing', described)])
  })

  test.each([undefined, null, 5, {}, { name: 5 }, { name: 'known', type: 'queue' }])(
    '%j is none that can be named, or known',
    (output) => {
      const { set, lines, values } = invocation()
      set(output, 1)
      expect(lines).toEqual([])
      expect(values).toEqual([[true, output, 1]])
    },
  )

  test.each([undefined, null, 'text', {}, { extraOutputs: null }, { extraOutputs: 'x' }, { extraOutputs: {} }, { extraOutputs: { set: 1 } }])(
    'the context %j of another library is left as it is',
    (context) => {
      const before = JSON.stringify(context)
      reportLostOutputs(context, { functionId: '1', name: 'f', bindings: {} }, () => undefined)
      expect(JSON.stringify(context)).toBe(before)
    },
  ) // prettier-ignore
})
