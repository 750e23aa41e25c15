import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals'
import { HttpRequest, InvocationContext, type HttpResponse } from '@azure/functions'
import { fakeFunctionsCore, type FakeFunctionsCore } from '../support/functionsCore.ts'

// What the app registers with a Functions host, and what the host then calls. The library is the real one; only the module that
// a Functions worker provides is replaced.

let core: FakeFunctionsCore

beforeAll(async () => {
  core = fakeFunctionsCore()
  await import('../../src/main.ts')
})

afterAll(async () => {
  // The app loads storage by itself when it is idle: that must not outlive the test.
  const { warmedUp } = await import('../../src/main.ts')
  await warmedUp
  core.restore()
})

function call(name: string, input: unknown, metadata: Record<string, unknown> = {}) {
  const context = new InvocationContext({
    functionName: name,
    triggerMetadata: metadata,
    logHandler: () => undefined,
  })
  const callback = core.functions.get(name)?.callback
  if (callback === undefined) throw new Error(`${name} is not registered`)
  return callback(input, context)
}

test('every function is registered with its trigger and access level', () => {
  const http = (methods: string[], authLevel: string, route?: string) =>
    expect.objectContaining({
      type: 'httpTrigger',
      methods,
      authLevel,
      ...(route !== undefined && { route }),
    })
  expect(
    Object.fromEntries([...core.functions.values()].map(({ name, trigger }) => [name, trigger])),
  ).toStrictEqual({
    hello: http(['GET', 'HEAD'], 'anonymous'),
    order: http(['POST'], 'function'),
    orderStatus: http(['GET', 'HEAD'], 'function', 'order/{id}'),
    openapi: http(['GET', 'HEAD'], 'anonymous', 'openapi.json'),
    docs: http(['GET', 'HEAD'], 'anonymous'),
    orderProcessor: expect.objectContaining({
      type: 'queueTrigger',
      queueName: 'orders',
      connection: 'AzureWebJobsStorage',
      dataType: 'binary',
    }),
    importOrders: expect.objectContaining({
      type: 'blobTrigger',
      path: 'imports/{name}',
      connection: 'AzureWebJobsStorage',
      source: 'LogsAndContainerScan',
      // The host says which blob it is, and does not send its content.
      properties: { supportsDeferredBinding: 'true' },
    }),
    queueMonitor: expect.objectContaining({ type: 'timerTrigger', schedule: '0 */5 * * * *' }),
  })
})

describe('a call of a registered function reaches its handler', () => {
  const request = (method: string, path: string, body?: string) =>
    new HttpRequest({
      method,
      url: `http://localhost:7071/api/${path}`,
      params: { id: 'a1' },
      ...(body !== undefined && { body: { string: body } }),
    })

  it.each([
    ['hello', request('GET', 'hello'), 200],
    ['openapi', request('GET', 'openapi.json'), 200],
    ['docs', request('GET', 'docs'), 200],
    ['order', request('POST', 'order', 'hello'), 400],
    // No storage is configured.
    ['order', request('POST', 'order', '{"item":"widget"}'), 503],
    ['orderStatus', request('GET', 'order/a1'), 503],
  ])('%s', async (name, input, status) => {
    expect(((await call(name, input)) as HttpResponse).status).toBe(status)
  })

  it('orderProcessor', async () => {
    await expect(
      call('orderProcessor', new TextEncoder().encode('{"item":"widget"}'), { id: 'm1', dequeueCount: 1 }),
    ).rejects.toThrow('is unknown')
  })

  it('importOrders', async () => {
    // No storage is configured.
    await expect(call('importOrders', undefined, { blobTrigger: 'imports/a.jsonl' })).rejects.toThrow(
      'Storage is not configured',
    )
  })

  it('queueMonitor', async () => {
    await expect(call('queueMonitor', {})).resolves.toBeUndefined()
  })
})
