import { afterAll, beforeAll, describe, expect, it, jest, test } from '@jest/globals'
import { HttpRequest, InvocationContext, type HttpResponseInit } from '@azure/functions'

// What the app tells a Functions host, and what the host then calls: the library is the real one, the host's side of it
// (the module that only a Functions worker has) is here.

interface Registered {
  readonly name: string
  readonly trigger: Record<string, unknown>
  readonly handler: (input: unknown, context: InvocationContext) => Promise<unknown>
}

const registered = new Map<string, Registered>()

beforeAll(async () => {
  jest.mock(
    '@azure/functions-core',
    () => ({
      version: '4.0.0',
      setProgrammingModel: () => undefined,
      registerFunction: (
        { name, bindings }: { name: string; bindings: Record<string, Record<string, unknown>> },
        handler: Registered['handler'],
      ) => {
        const trigger = Object.values(bindings).find(({ type }) => String(type).endsWith('Trigger')) ?? {}
        registered.set(name, { name, trigger, handler })
      },
      registerHook: () => undefined,
      log: () => undefined,
    }),
    { virtual: true },
  )
  await import('../../src/main.ts')
})

afterAll(async () => {
  // The app loads storage by itself, soon after it is registered: that must not outlive the test.
  await new Promise((resolve) => setImmediate(resolve))
  const { warmUp } = await import('../../src/handlers.ts')
  await warmUp()
  jest.unmock('@azure/functions-core')
})

function call(name: string, input: unknown, metadata: Record<string, unknown> = {}) {
  const context = new InvocationContext({
    functionName: name,
    triggerMetadata: metadata,
    logHandler: () => undefined,
  })
  const handler = registered.get(name)?.handler
  if (handler === undefined) throw new Error(`${name} is not registered`)
  return handler(input, context)
}

test('every function is registered, with its trigger and who may call it', () => {
  const http = (methods: string[], authLevel: string, route?: string) =>
    expect.objectContaining({
      type: 'httpTrigger',
      methods,
      authLevel,
      ...(route !== undefined && { route }),
    })
  expect(
    Object.fromEntries([...registered.values()].map(({ name, trigger }) => [name, trigger])),
  ).toStrictEqual({
    hello: http(['GET'], 'anonymous'),
    order: http(['POST'], 'function'),
    orderStatus: http(['GET'], 'function', 'order/{id}'),
    openapi: http(['GET'], 'anonymous', 'openapi.json'),
    docs: http(['GET'], 'anonymous'),
    orderProcessor: expect.objectContaining({
      type: 'queueTrigger',
      queueName: 'orders',
      connection: 'AzureWebJobsStorage',
      dataType: 'binary',
    }),
    queueMonitor: expect.objectContaining({ type: 'timerTrigger', schedule: '0 */5 * * * *' }),
  })
})

describe('a call of a registered function reaches what it does', () => {
  const request = (method: string, path: string, body?: string) =>
    new HttpRequest({
      method,
      url: `http://localhost:7071/api/${path}`,
      params: { id: 'a1' },
      ...(body !== undefined && { body: { string: body } }),
    })

  it.each([
    ['hello', request('GET', 'hello'), undefined],
    ['openapi', request('GET', 'openapi.json'), undefined],
    ['docs', request('GET', 'docs'), undefined],
    ['order', request('POST', 'order', 'hello'), 400],
    // Nothing says where storage is.
    ['order', request('POST', 'order', '{"item":"widget"}'), 503],
    ['orderStatus', request('GET', 'order/a1'), 503],
  ])('%s', async (name, input, status) => {
    expect(((await call(name, input)) as HttpResponseInit).status).toBe(status)
  })

  it('orderProcessor', async () => {
    await expect(
      call('orderProcessor', new TextEncoder().encode('{"item":"widget"}'), { id: 'm1', dequeueCount: 1 }),
    ).rejects.toThrow('not known')
  })

  it('queueMonitor', async () => {
    await expect(call('queueMonitor', {})).resolves.toBeUndefined()
  })
})
