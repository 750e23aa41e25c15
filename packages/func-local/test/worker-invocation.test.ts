import { describe, expect, test } from '@jest/globals'
import type { InvocationRequest, InvocationResponse, LogEntry } from '../src/protocol.ts'
import { createApp, type App, type CoreInvocationContext } from '../src/worker/app.ts'
import type { LogScope } from '../src/worker/hooks.ts'
import { runInvocation } from '../src/worker/invocation.ts'

const REQUEST: InvocationRequest = {
  invocationId: 'i-1',
  functionId: 'id-1',
  inputData: [],
  triggerMetadata: {},
  traceContext: { traceParent: '', traceState: '', attributes: {} },
}

interface World {
  readonly app: App
  /** What happened, in its order. */
  readonly steps: string[]
  readonly logged: { entry: LogEntry; scope: LogScope | undefined }[]
  readonly core: () => CoreInvocationContext
  readonly run: (request?: InvocationRequest) => Promise<InvocationResponse>
}

/** An app with one function, in a model that calls its handler and makes a response of what it gives. */
function invocation(handler: (...inputs: unknown[]) => unknown): World {
  const app = createApp()
  const steps: string[] = []
  const logged: World['logged'] = []
  let core: CoreInvocationContext | undefined
  const found = (): CoreInvocationContext => {
    if (core === undefined) throw new Error('The model was not asked.')
    return core
  }
  app.functions.set('id-1', {
    metadata: { functionId: 'id-1', name: 'fn', bindings: {} },
    callback: handler,
  })
  app.programmingModel = {
    name: 'model',
    version: '1',
    getInvocationModel: (context) => {
      core = context
      return {
        getArguments: () =>
          Promise.resolve({ context: { extraOutputs: { set: () => undefined } }, inputs: ['a', 'b'] }),
        invokeFunction: async (_context, inputs, callback) => {
          steps.push(`invoke in ${context.state ?? 'no state'}`)
          return await callback(...inputs)
        },
        getResponse: (_context, result) => {
          steps.push(`response in ${context.state ?? 'no state'}`)
          return Promise.resolve({ invocationId: 'i-1', returnValue: { json: JSON.stringify(result) } })
        },
      }
    },
  }
  const streamResponses = {
    turn: (id: string) => {
      steps.push(`turn ${id}`)
      return Promise.resolve()
    },
    sending: <T>(id: string, send: () => Promise<T>): Promise<T> => {
      steps.push(`sending ${id}`)
      return send()
    },
    settle: () => false,
  }
  return {
    app,
    steps,
    logged,
    core: found,
    run: (request = REQUEST) =>
      runInvocation(app, request, (entry, scope) => logged.push({ entry, scope }), streamResponses),
  }
}

// https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/src/eventHandlers/InvocationHandler.ts
describe('an invocation in the worker', () => {
  test('runs the handler with its inputs, and the hooks around it', async () => {
    const { app, steps, run, core } = invocation((...inputs) => inputs)
    const step = (name: string) => (): void => void steps.push(`${name} in ${core().state ?? 'no state'}`)
    app.hooks.preInvocation.push(step('pre'))
    app.hooks.postInvocation.push(step('post'))
    expect(await run()).toEqual({ invocationId: 'i-1', returnValue: { json: '["a","b"]' } })
    expect(steps).toEqual([
      'turn i-1',
      'pre in preInvocationHooks',
      'invoke in invocation',
      'post in postInvocationHooks',
      'sending i-1',
      'response in no state',
    ])
    expect(core()).toMatchObject({ invocationId: 'i-1', request: REQUEST, metadata: { name: 'fn' } })
  })

  test('hooks before it may replace the handler and the inputs', async () => {
    const { app, run } = invocation(() => 'old')
    app.hooks.preInvocation.push((context) => {
      Object.assign(context, { functionCallback: (...inputs: unknown[]) => inputs, inputs: ['c'] })
    })
    let after: unknown
    app.hooks.postInvocation.push((context) => (after = { ...context }))
    expect((await run()).returnValue).toEqual({ json: '["c"]' })
    expect(after).toMatchObject({ inputs: ['c'], result: ['c'], error: null })
  })

  test('hooks after it may replace the result, or forgive an error', async () => {
    const ok = invocation(() => 1)
    ok.app.hooks.postInvocation.push((context) => {
      Object.assign(context, { result: 2 })
    })
    expect((await ok.run()).returnValue).toEqual({ json: '2' })

    const failing = invocation(() => {
      throw new Error('no')
    })
    let seen: unknown
    failing.app.hooks.postInvocation.push((context) => {
      seen = { ...context }
      Object.assign(context, { error: undefined, result: 'forgiven' })
    })
    expect((await failing.run()).returnValue).toEqual({ json: '"forgiven"' })
    expect(seen).toMatchObject({ result: null, error: new Error('no') })
  })

  test('an error of the handler is thrown, after the hooks; one that a hook sets as well', async () => {
    const failing = invocation(() => Promise.reject(new Error('no')))
    failing.app.hooks.postInvocation.push(() => failing.steps.push('post'))
    await expect(failing.run()).rejects.toThrow('no')
    expect(failing.steps).toContain('post')
    expect(failing.steps).not.toContain('sending i-1')

    const refused = invocation(() => 1)
    refused.app.hooks.postInvocation.push((context) => {
      Object.assign(context, { error: new Error('by a hook') })
    })
    await expect(refused.run()).rejects.toThrow('by a hook')
  })

  test('a hook that fails ends it, and leaves its state', async () => {
    const { app, run, core, steps } = invocation(() => 1)
    app.hooks.preInvocation.push(() => {
      throw new Error('no')
    })
    await expect(run()).rejects.toThrow('no')
    expect(core().state).toBeUndefined()
    expect(steps).toEqual(['turn i-1'])
  })

  test('hooks share data with each other and with log hooks', async () => {
    const { app, run, core, logged } = invocation(() => {
      core().log('information', 'user', 'from the handler')
    })
    const seen: Record<string, unknown>[] = []
    app.hooks.preInvocation.push((context) => seen.push({ ...context }))
    app.hooks.postInvocation.push((context) => seen.push({ ...context }))
    await run()
    const [before, after] = seen
    expect(before?.['hookData']).toBe(after?.['hookData'])
    expect(before?.['hookData']).toEqual({})
    expect(before?.['appHookData']).toBe(app.appHookData)
    expect(before?.['invocationContext']).toBe(after?.['invocationContext'])
    const own = logged.find(({ entry }) => entry.category === 'user')
    expect(own?.entry).toEqual({
      level: 'information',
      category: 'user',
      message: 'from the handler',
      invocationId: 'i-1',
      functionName: 'fn',
    })
    expect(own?.scope?.hookData).toBe(before?.['hookData'])
    expect(own?.scope?.invocationContext).toBe(before?.['invocationContext'])
    expect(logged.map(({ entry }) => `${entry.level} ${entry.category} ${entry.message}`)).toEqual([
      'debug system Executing 1 "preInvocation" hooks',
      'debug system Executed "preInvocation" hooks',
      'information user from the handler',
      'debug system Executing 1 "postInvocation" hooks',
      'debug system Executed "postInvocation" hooks',
    ])
  })

  test('a value for an output that is not registered is reported', async () => {
    const { app, run, logged } = invocation(() => 1)
    app.hooks.preInvocation.push((context) => {
      const { invocationContext } = context as {
        invocationContext: { extraOutputs: { set: (name: string) => void } }
      }
      invocationContext.extraOutputs.set('not there')
    })
    await run()
    expect(logged.map(({ entry }) => entry)).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        category: 'system',
        message: expect.stringContaining("Function 'fn' sets the extra output 'not there'"),
      }),
    )
  })

  test('a function that is not there, or not without a library, cannot run', async () => {
    const { app, run } = invocation(() => 1)
    await expect(run({ ...REQUEST, functionId: 'other' })).rejects.toThrow(
      "Function code for 'other' is not loaded and cannot be invoked.",
    )
    app.programmingModel = undefined
    await expect(run()).rejects.toThrow("Function code for 'id-1' is not loaded and cannot be invoked.")
  })
})
