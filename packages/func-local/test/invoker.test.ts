import { describe, expect, test } from '@jest/globals'
import { capturedBinding } from '../src/bindings/captured.ts'
import { BindingError, RETURN_BINDING, type FunctionDefinition } from '../src/host/function.ts'
import { createAttempt, outputValue, type Attempt } from '../src/host/invoker.ts'
import { WorkerExitError } from '../src/host/worker-process.ts'
import type { InvocationRequest, InvocationResponse, TypedData } from '../src/protocol.ts'
import { createRegistry, type BindingType, type TriggerEvent } from '../src/registry.ts'
import { onCallTrigger } from '../src/triggers/on-call/on-call.ts'
import { fakeFunction, fakeServices, type FakeServices } from './harness/services.ts'
import { fakeWorker, type FakeWorker } from './harness/fake-worker.ts'

const EVENT: TriggerEvent = {
  data: { string: 'in' },
  metadata: { Id: { string: '1' } },
  bindingData: () => ({ id: '7' }),
  reason: 'why',
  invocationId: 'i-1',
}
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

interface World {
  readonly attempt: Attempt
  readonly worker: FakeWorker
  readonly services: FakeServices
  /** What outputs were given: the text in the binding's path, resolved, and the value. */
  readonly written: [string, TypedData][]
}

function world(
  respond: (
    request: InvocationRequest,
  ) => Partial<InvocationResponse> | Promise<Partial<InvocationResponse>> = () => ({}),
  changes: Partial<FunctionDefinition> & { timeout?: { text: string; milliseconds: number } } = {},
): World {
  const { timeout, ...others } = changes
  const written: [string, TypedData][] = []
  const box: BindingType = {
    type: 'box',
    input: ({ binding, resolve }) => {
      const path = resolve(String(binding['path']))
      return Promise.resolve(path === 'none' ? undefined : { string: `content of ${path}` })
    },
    output: ({ binding, resolve }, value) => {
      const path = resolve(String(binding['path']))
      if (path === 'refused') return Promise.reject(new BindingError('refused by storage'))
      written.push([path, value])
      return Promise.resolve()
    },
  }
  const services = fakeServices({ BOX: 'blue' })
  const worker = fakeWorker({}, respond)
  const fn = { ...fakeFunction({ type: 'queueTrigger' }), ...others }
  return {
    attempt: createAttempt(
      fn,
      worker,
      createRegistry([], [box], { trigger: onCallTrigger, binding: capturedBinding }),
      services,
      timeout,
    ),
    worker,
    services,
    written,
  }
}

const input = (name: string, path: string): FunctionDefinition['inputs'][number] => ({
  name,
  type: 'BOX',
  direction: 'in',
  path,
})
const output = (name: string, path: string): FunctionDefinition['outputs'][number] => ({
  name,
  type: 'box',
  direction: 'out',
  path,
})

describe('an attempt', () => {
  test('passes the event to the worker, and logs begin and end', async () => {
    const { attempt, worker, services } = world()
    const outcome = await attempt(EVENT)
    expect(outcome).toEqual({ ok: true, response: { invocationId: 'i-1' } })
    expect(worker.requests).toHaveLength(1)
    const [request] = worker.requests
    expect(request).toMatchObject({
      invocationId: 'i-1',
      functionId: 'id-1',
      inputData: [{ name: 'in', data: { string: 'in' } }],
      triggerMetadata: { Id: { string: '1' } },
    })
    expect(request?.traceContext.traceParent).toMatch(/^00-/)
    expect(request).not.toHaveProperty('retryContext')
    expect(services.log.lines).toHaveLength(2)
    expect(services.log.lines[0]).toBe("information Executing 'Functions.fn' (Reason='why', Id=i-1)")
    expect(services.log.lines[1]).toMatch(
      /^information Executed 'Functions\.fn' \(Succeeded, Id=i-1, Duration=\d+ms\)$/,
    )
  })

  test('logs under the category of the function', async () => {
    const { attempt, services } = world()
    const categories: string[] = []
    services.log.write = (category) => categories.push(category)
    await attempt({ ...EVENT, details: 'x' })
    expect(categories).toEqual(['Function.fn', 'Function.fn', 'Function.fn'])
  })

  test('has an id, a trace context and a retry context as they are given', async () => {
    const { attempt, worker, services } = world()
    const trace = { traceParent: 'p', traceState: 's', attributes: {} }
    const { invocationId: _, ...event } = EVENT
    await attempt({ ...event, trace, details: 'MessageId: 1' }, { retryCount: 1, maxRetryCount: 2 })
    const [request] = worker.requests
    expect(request).toMatchObject({ traceContext: trace, retryContext: { retryCount: 1, maxRetryCount: 2 } })
    expect(request?.invocationId).toMatch(GUID)
    expect(services.log.lines[1]).toBe('information Trigger Details: MessageId: 1')
  })

  test('gives inputs with the data of its trigger, and leaves out what is not there', async () => {
    const { attempt, worker } = world(undefined, {
      inputs: [
        input('a', '{id}-%BOX%'),
        input('b', 'none'),
        input('c', '{sys.methodName}'),
        { name: 'd', type: 'unknown' },
      ],
    })
    await attempt(EVENT)
    expect(worker.requests[0]?.inputData).toEqual([
      { name: 'in', data: { string: 'in' } },
      { name: 'a', data: { string: 'content of 7-blue' } },
      { name: 'c', data: { string: 'content of fn' } },
    ])
  })

  test('asks the trigger for its data once, and only for expressions', async () => {
    let asked = 0
    const event = { ...EVENT, bindingData: () => ({ id: String(++asked) }) }
    const plain = world()
    await plain.attempt(event)
    expect(asked).toBe(0)
    const { attempt, worker } = world(undefined, { inputs: [input('a', '{id}'), input('b', '{id}')] })
    await attempt(event)
    expect(worker.requests[0]?.inputData.slice(1).map(({ data }) => data.string)).toEqual([
      'content of 1',
      'content of 1',
    ])
  })

  test('writes what the function gave to its outputs, and to its return value', async () => {
    const { attempt, written } = world(
      () => ({
        returnValue: { string: 'returned' },
        outputData: [
          { name: 'a', data: { string: 'one' } },
          { name: 'b', data: null },
          { name: 'other', data: { string: 'x' } },
        ],
      }),
      {
        outputs: [
          output('a', 'x/{id}'),
          output('b', 'never'),
          output('c', 'never'),
          output(RETURN_BINDING, 'y'),
          { name: 'other', type: 'unknown' },
        ],
      },
    )
    expect((await attempt(EVENT)).ok).toBe(true)
    expect(written).toEqual([
      ['x/7', { string: 'one' }],
      ['y', { string: 'returned' }],
    ])
  })

  test('an output that cannot be written fails it', async () => {
    const { attempt, services } = world(() => ({ returnValue: { string: 'x' } }), {
      outputs: [output(RETURN_BINDING, 'refused')],
    })
    expect(await attempt(EVENT)).toEqual({
      ok: false,
      error: { message: 'refused by storage', stackTrace: '' },
      endedWorker: false,
    })
    expect(services.log.lines.slice(1)).toEqual([
      expect.stringMatching(/^error Executed 'Functions\.fn' \(Failed, Id=i-1, Duration=\d+ms\)$/),
      'error System.Private.CoreLib: Exception while executing function: Functions.fn. System.Private.CoreLib: Result: Failure\nException: refused by storage',
    ])
  })

  test('what the handler threw fails it, with its stack, and nothing is written', async () => {
    const exception = { message: 'no', stackTrace: 'Error: no\n  at handler', source: 's' }
    const { attempt, services, written } = world(() => ({ exception, returnValue: { string: 'x' } }), {
      outputs: [output(RETURN_BINDING, 'y')],
    })
    expect(await attempt(EVENT)).toEqual({ ok: false, error: exception, endedWorker: false })
    expect(written).toEqual([])
    expect(services.log.lines.at(-1)).toBe(
      'error System.Private.CoreLib: Exception while executing function: Functions.fn. System.Private.CoreLib: Result: Failure\nException: no\nStack: Error: no\n  at handler',
    )
  })

  test.each([
    [new TypeError('gone'), 'gone', /^TypeError: gone\n/],
    [new TypeError(''), 'TypeError', /^TypeError(?:: ?)?\n/],
    ['text', 'text', /^Error: text\n/],
  ])('a worker that rejects with %p fails it', async (thrown, message, stack) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- anything can be thrown
    const { attempt } = world(() => Promise.reject(thrown))
    const outcome = await attempt(EVENT)
    if (outcome.ok) throw new Error('It succeeded.')
    expect(outcome.error.message).toBe(message)
    expect(outcome.error.stackTrace).toMatch(stack)
  })

  test.each([
    ['by itself', false],
    ['because the host ended it', true],
  ])('says whether its worker ended: %s', async (_, isKilled) => {
    const { attempt, worker } = world(() => Promise.reject(new WorkerExitError('exited')))
    if (isKilled) worker.kill()
    expect(await attempt(EVENT)).toMatchObject({ ok: false, endedWorker: !isKilled })
  })

  test('an exception without a stack is logged without one', async () => {
    const { attempt, services } = world(() => ({ exception: { message: 'no' } }))
    await attempt(EVENT)
    expect(services.log.lines.at(-1)).toMatch(/Result: Failure\nException: no$/)
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout
describe('an attempt that takes too long', () => {
  test('fails, and its worker ends with it', async () => {
    const { attempt, worker, services } = world(() => new Promise(() => undefined), {
      timeout: { text: '00:00:00.0100000', milliseconds: 10 },
    })
    expect(await attempt(EVENT)).toEqual({
      ok: false,
      error: {
        message: 'Timeout value of 00:00:00.0100000 was exceeded by function: Functions.fn',
        stackTrace: '',
      },
      endedWorker: true,
    })
    expect(worker.wasKilled()).toBe(true)
    expect(services.log.lines[1]).toBe(
      "error Timeout value of 00:00:00.0100000 exceeded by function 'Functions.fn' (Id: 'i-1'). Initiating cancellation.",
    )
  })

  test('one that ends in time leaves no timer behind, however long the time is', async () => {
    const { attempt, worker, services } = world(() => ({}), {
      timeout: { text: '25.00:00:00', milliseconds: 25 * 24 * 60 * 60 * 1000 },
    })
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    expect((await attempt(EVENT)).ok).toBe(true)
    expect(timers()).toBe(before)
    // A timer that is too long for Node.js would have fired at once.
    const slow = world(() => new Promise((resolve) => setTimeout(resolve, 200, {})), {
      timeout: { text: '25.00:00:00', milliseconds: 25 * 24 * 60 * 60 * 1000 },
    })
    expect((await slow.attempt(EVENT)).ok).toBe(true)
    expect(slow.worker.wasKilled()).toBe(false)
    expect(worker.wasKilled()).toBe(false)
    expect(services.log.lines).toHaveLength(2)
  })
})

test('the value of an output', () => {
  const response: InvocationResponse = {
    invocationId: '1',
    returnValue: { string: 'r' },
    outputData: [
      { name: 'a', data: { string: 'x' } },
      { name: 'b', data: null },
    ],
  }
  expect(outputValue(response, 'a')).toEqual({ string: 'x' })
  expect(outputValue(response, 'b')).toBeUndefined()
  expect(outputValue(response, 'c')).toBeUndefined()
  expect(outputValue(response, '$return')).toEqual({ string: 'r' })
  expect(outputValue({ invocationId: '1', returnValue: null }, '$return')).toBeUndefined()
  expect(outputValue({ invocationId: '1' }, 'a')).toBeUndefined()
})
