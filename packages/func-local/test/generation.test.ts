import { describe, expect, test } from '@jest/globals'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { capturedBinding } from '../src/bindings/captured.ts'
import { ConfigurationError } from '../src/config/json-file.ts'
import type { HostJsonOptions } from '../src/config/host-options.ts'
import { BindingError } from '../src/host/function.ts'
import { createGeneration, type FunctionFilter, type Generation } from '../src/host/generation.ts'
import type {
  BindingInfo,
  FunctionMetadata,
  InvocationRequest,
  InvocationResponse,
  RetryOptions,
} from '../src/protocol.ts'
import {
  createRegistry,
  type BindingType,
  type Listener,
  type TriggerContext,
  type TriggerType,
} from '../src/registry.ts'
import { onCallTrigger } from '../src/triggers/on-call/on-call.ts'
import { fakeWorker, type FakeWorker } from './harness/fake-worker.ts'
import { fakeByHand, fakeServices, type FakeServices } from './harness/services.ts'

const OPTIONS: HostJsonOptions = {
  functionTimeout: undefined,
  retry: undefined,
  functions: undefined,
  logLevels: new Map(),
  watch: { enabled: true, directories: [], files: [] },
}
const EVENT = { data: {}, metadata: {}, bindingData: () => ({}), reason: 'r' }

interface World {
  readonly generation: Generation
  readonly worker: FakeWorker
  readonly services: FakeServices
  /** What the triggers were bound with. */
  readonly bound: TriggerContext[]
  /** `start a`, `stop a`, … */
  readonly steps: string[]
}

interface Setup {
  readonly settings?: Readonly<Record<string, string>>
  readonly sections?: Readonly<Record<string, unknown>>
  readonly options?: Partial<HostJsonOptions>
  readonly filter?: Partial<FunctionFilter>
  readonly respond?: (
    request: InvocationRequest,
  ) => Partial<InvocationResponse> | Promise<Partial<InvocationResponse>>
  readonly start?: (name: string) => void | Promise<void>
  readonly stop?: (name: string) => Promise<void>
  readonly handle?: () => Promise<void>
}

function load(functions: readonly FunctionMetadata[], setup: Setup = {}): World {
  const bound: TriggerContext[] = []
  const steps: string[] = []
  const listener = (context: TriggerContext, more: Partial<Listener> = {}): Listener => {
    bound.push(context)
    const { name, trigger } = context.fn
    if (trigger['refused'] === true) throw new BindingError('its trigger is refused.')
    if (trigger['fatal'] === true) throw new ConfigurationError(`Function '${name}' is fatal.`)
    if (trigger['broken'] === true) throw new TypeError('a bug')
    return {
      start: () => {
        steps.push(`start ${name}`)
        return setup.start?.(name)
      },
      stop: () => {
        steps.push(`stop ${name}`)
        return setup.stop?.(name) ?? Promise.resolve()
      },
      byHand: fakeByHand,
      ...more,
    }
  }
  const plain: TriggerType = {
    type: 'plainTrigger',
    supportsRetry: false,
    bind: (context) => listener(context),
  }
  const retried: TriggerType = {
    type: 'retriedTrigger',
    supportsRetry: true,
    bind: (context) => listener(context),
  }
  const http: TriggerType = {
    type: 'httpTrigger',
    supportsRetry: false,
    bind: (context) =>
      listener(context, {
        endpoint: {
          methods: undefined,
          template: context.fn.name,
          route: context.fn.name,
          authLevel: 'anonymous',
          match: () => new Map(),
          handle: () => setup.handle?.() ?? Promise.resolve(),
        },
      }),
  }
  const box: BindingType = {
    type: 'box',
    output: () => Promise.resolve(),
    check: (binding) => {
      if (binding['path'] === 'bad') throw new BindingError("its path is 'bad'.")
    },
  }
  const source: BindingType = { type: 'source', input: () => Promise.resolve(undefined) }
  const worker = fakeWorker({ functions, capabilities: { HttpUri: 'http://x' } }, setup.respond)
  const services = fakeServices(setup.settings ?? {}, setup.sections)
  const generation = createGeneration(
    worker,
    createRegistry([plain, retried, http], [box, source], {
      trigger: onCallTrigger,
      binding: capturedBinding,
    }),
    services,
    { ...OPTIONS, ...setup.options },
    { only: undefined, debugging: false, listens: true, ...setup.filter },
    '/app',
  )
  return { generation, worker, services, bound, steps }
}

function fn(
  name: string,
  trigger: BindingInfo = {},
  bindings: Record<string, BindingInfo> = {},
  retryOptions?: RetryOptions,
): FunctionMetadata {
  return {
    functionId: `id-${name}`,
    name,
    bindings: { in: { type: 'plainTrigger', direction: 'in', ...trigger }, ...bindings },
    ...(retryOptions === undefined ? {} : { retryOptions }),
  }
}

const names = ({ functions }: Generation): string[] => functions.map(({ definition }) => definition.name)
const only = (...given: string[]): Partial<FunctionFilter> => ({
  only: { names: given, source: '--functions' },
})

function later(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}
async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a generation of the app', () => {
  test('binds each function, in order of their names', () => {
    const { generation, bound, worker } = load([fn('b'), fn('B2'), fn('a')])
    expect(names(generation)).toEqual(['B2', 'a', 'b'])
    expect(bound.map((context) => context.fn.id)).toEqual(['id-B2', 'id-a', 'id-b'])
    expect(bound[0]?.capabilities).toEqual({ HttpUri: 'http://x' })
    expect(generation).toMatchObject({ problems: [], unknownNames: [], only: undefined })
    expect(generation.worker).toBe(worker)
  })

  test('a function that cannot be bound is left out, and said; the others run', () => {
    const { generation } = load([
      fn('a'),
      fn('b', { refused: true }),
      fn('c', { type: 'otherTrigger' }),
      fn('host'),
      fn('d', {}, { out: { type: 'box', direction: 'out', path: 'bad' } }),
    ])
    expect(names(generation)).toEqual(['a', 'c'])
    expect(generation.problems).toEqual([
      "The 'b' function is in error: its trigger is refused.",
      "The 'd' function is in error: its path is 'bad'.",
      "The 'host' function is in error: 'host' is not a name for a function: the host keeps it for itself. Choose another.",
      "'c' is on call only: func-local does not listen to otherTrigger. Call by hand: func-local invoke c",
    ])
  })

  test.each<[string, BindingInfo, string]>([
    [
      'of the other side',
      { type: 'box', direction: 'in' },
      "its input 'x' has the type 'box', which func-local does not support as an input.",
    ],
    [
      'of the other side',
      { type: 'source', direction: 'out' },
      "its output 'x' has the type 'source', which func-local does not support as an output.",
    ],
  ])('a binding that is %s is refused: %j', (_what, binding, reason) => {
    expect(load([fn('a', {}, { x: binding })]).generation.problems[0]).toContain(reason)
  })

  test.each<[BindingInfo, string]>([
    [
      { type: 'sql', direction: 'out' },
      "Outputs of type sql ('a') are captured: the log shows them, and nothing is written to these services.",
    ],
    [
      { type: 'sql', direction: 'in' },
      "Inputs of type sql ('a') are undefined here, because func-local does not read these services. Give one a value: func-local invoke a --input sql=@file.json",
    ],
    [
      { type: 'http', direction: 'in' },
      "Inputs of type http ('a') are undefined here, because func-local does not read these services. Give one a value: func-local invoke a --input http=@file.json",
    ],
  ])('a binding of a service that is not here leaves the function in: %j', (binding, line) => {
    const { generation } = load([fn('a', {}, { x: binding })])
    expect(names(generation)).toEqual(['a'])
    expect(generation.problems).toEqual([line])
  })

  test('a host that does not listen starts and stops no listener; its functions can be called', async () => {
    const { generation, steps, worker } = load([fn('a')], { filter: { listens: false } })
    generation.start()
    await settled()
    expect((await generation.functions[0]?.invokeOnce(EVENT))?.ok).toBe(true)
    await generation.drain()
    expect(steps).toEqual([])
    expect(worker.requests).toHaveLength(1)
  })

  test('a return value of the other side is called that', () => {
    const { generation } = load([fn('a', {}, { $return: { type: 'source', direction: 'out' } })])
    expect(generation.problems).toEqual([
      "The 'a' function is in error: its return value has the type 'source', which func-local does not support as an output. The other functions are not affected.",
    ])
  })

  test('supported bindings, and a response to HTTP, are taken', () => {
    const { generation } = load([
      fn(
        'a',
        {},
        {
          x: { type: 'BOX', direction: 'out' },
          y: { type: 'source', direction: 'in' },
          $return: { type: 'HTTP', direction: 'out' },
        },
      ),
    ])
    expect(names(generation)).toEqual(['a'])
  })

  test('what the real host does not start with is refused whole, a line for each reason', () => {
    const error = (): unknown =>
      load([fn('a', { fatal: true }), fn('b', { refused: true }), fn('Same'), fn('same')], {
        sections: { 'extensions.http': { maxConcurrentRequests: 0 } },
      })
    expect(error).toThrow(ConfigurationError)
    expect(error).toThrow(
      [
        "Functions 'Same' and 'same': their names differ only in case, and the host does not start with them. Rename one.",
        "Function 'a' is fatal.",
        'host.json: "extensions.http.maxConcurrentRequests" and "maxOutstandingRequests" must be positive, or -1 for no limit; with the value that is there every HTTP request fails.',
        "The 'b' function is in error: its trigger is refused.",
      ].join('\n'),
    )
  })

  test('a fault of this program is thrown as it is', () => {
    expect(() => load([fn('a', { broken: true })])).toThrow(TypeError)
  })

  test('limits that let no request run are a problem', () => {
    expect(
      load([], { sections: { 'extensions.http': { maxOutstandingRequests: 0 } } }).generation.problems,
    ).toEqual([expect.stringContaining('must be positive, or -1 for no limit')])
    expect(
      load([], { sections: { 'extensions.http': { maxOutstandingRequests: 5 } } }).generation.problems,
    ).toEqual([])
  })

  describe('with names that were asked for', () => {
    test('has those functions only, in any case', () => {
      const { generation } = load([fn('first'), fn('second'), fn('third', { refused: true })], {
        filter: only('FIRST', 'second'),
      })
      expect(names(generation)).toEqual(['first', 'second'])
      expect(generation.problems).toEqual([])
      expect(generation.only?.names).toEqual(['FIRST', 'second'])
    })

    test('says which of them no function has, and what may be meant', () => {
      const { generation } = load([fn('first'), fn('second')], { filter: only('firts', 'first', 'nothing') })
      expect(generation.unknownNames).toEqual(['firts', 'nothing'])
      expect(generation.problems).toEqual([
        "--functions names 'firts', and the app has no such function. Did you mean 'first'?",
        "--functions names 'nothing', and the app has no such function.",
      ])
    })

    test('an empty list leaves all out', () => {
      expect(names(load([fn('first')], { filter: only() }).generation)).toEqual([])
    })
  })

  // https://learn.microsoft.com/azure/azure-functions/disable-function
  test.each([
    ['AzureWebJobs.a.Disabled', 'true', true],
    ['AzureWebJobs.a.Disabled', ' 1 ', true],
    ['AzureWebJobs.a.Disabled', 'TRUE', true],
    ['AzureWebJobs_a_Disabled', 'true', true],
    ['AzureWebJobs:a:Disabled', 'true', true],
    ['AzureWebJobs__a__Disabled', 'true', true],
    ['AzureWebJobs.a.Disabled', 'false', false],
    ['AzureWebJobs.a.Disabled', '11', false],
    ['AzureWebJobs.a.Disabled', 'true!', false],
    ['AzureWebJobs.b.Disabled', 'true', false],
  ])('the setting %s = %j: disabled is %s', (name, value, disabled) => {
    const { generation, steps } = load([fn('a')], { settings: { [name]: value } })
    expect(generation.functions[0]?.disabled).toBe(disabled)
    generation.start()
    return settled().then(async () => {
      await generation.drain()
      expect(steps).toEqual(disabled ? [] : ['start a', 'stop a'])
    })
  })

  test('a listener that cannot start is said, and the others start', async () => {
    const { generation, services, steps } = load([fn('a'), fn('b'), fn('c')], {
      start: (name) => {
        if (name === 'a') throw new Error('no port')
        return name === 'b' ? Promise.reject(new Error('no way')) : undefined
      },
    })
    generation.start()
    await settled()
    expect(steps).toEqual(['start a', 'start b', 'start c'])
    expect(services.log.lines).toEqual([
      "error The listener for function 'Functions.a' was unable to start: Error: no port",
      "error The listener for function 'Functions.b' was unable to start: Error: no way",
    ])
  })
})

describe('a generation that ends', () => {
  test('waits for its listeners, and for what runs, and names it', async () => {
    const listener = later()
    const work = later()
    const { generation, bound } = load([fn('a')], {
      stop: () => listener.promise,
      respond: () => work.promise.then(() => ({})),
    })
    expect(generation.unfinished()).toEqual([])
    const outcome = bound[0]?.invoke(EVENT)
    expect(generation.unfinished()).toEqual(['a'])
    let drained = false
    const drain = generation.drain().then(() => (drained = true))
    work.resolve()
    expect(await outcome).toMatchObject({ ok: true })
    await settled()
    expect(drained).toBe(false)
    expect(generation.unfinished()).toEqual([])
    listener.resolve()
    await drain
  })

  test('waits for work that begins while it ends', async () => {
    const works = [later(), later()]
    let calls = 0
    const { generation, bound } = load([fn('a')], {
      respond: () => (works[calls++]?.promise ?? Promise.resolve()).then(() => ({})),
    })
    void bound[0]?.invoke(EVENT)
    let drained = false
    const drain = generation.drain().then(() => (drained = true))
    void bound[0]?.invoke(EVENT)
    expect(generation.unfinished()).toEqual(['a', 'a'])
    works[0]?.resolve()
    await settled()
    expect(drained).toBe(false)
    works[1]?.resolve()
    await drain
  })

  test('waits for HTTP requests from their first byte, also for those that fail', async () => {
    const work = later()
    const { generation } = load([fn('web', { type: 'httpTrigger' })], {
      handle: () => work.promise.then(() => Promise.reject(new Error('aborted'))),
    })
    const message = new IncomingMessage(new Socket())
    const request = { message, target: { path: '/', search: '' }, headers: new Map(), params: new Map() }
    const response = new ServerResponse(message)
    const handled = generation.functions[0]?.listener.endpoint?.handle(request, response)
    expect(generation.unfinished()).toEqual(['web'])
    let drained = false
    const drain = generation.drain().then(() => (drained = true))
    await settled()
    expect(drained).toBe(false)
    work.resolve()
    await expect(handled).rejects.toThrow('aborted')
    await drain
    expect(generation.unfinished()).toEqual([])
  })

  test('each HTTP function knows those before it', () => {
    const { bound } = load([fn('b', { type: 'httpTrigger' }), fn('a', { type: 'httpTrigger' }), fn('aa')])
    const [first] = bound
    // One list that grows: after the load it holds all.
    expect(first?.bound.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(first?.bound[0]?.endpoint.route).toBe('a')
    expect(first?.throttle).toBe(bound[1]?.throttle)
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
describe('the retry policy', () => {
  const POLICY: RetryOptions = {
    retryStrategy: 'fixedDelay',
    maxRetryCount: 2,
    delayInterval: { seconds: 0 },
  }
  const failing = (): Partial<InvocationResponse> => ({ exception: { message: 'no' } })

  test('of the function repeats what fails, and says so', async () => {
    const { generation, worker, services } = load([fn('a', { type: 'retriedTrigger' }, {}, POLICY)], {
      respond: failing,
      options: { retry: { ...POLICY, maxRetryCount: 9 } },
    })
    expect((await generation.functions[0]?.invoke(EVENT))?.ok).toBe(false)
    expect(worker.requests).toHaveLength(3)
    expect(services.log.lines.filter((line) => line.includes('Waiting'))).toEqual([
      "information Waiting for `00:00:00` before retrying function execution. Next attempt: '1'. Max retry count: '2'",
      "information Waiting for `00:00:00` before retrying function execution. Next attempt: '2'. Max retry count: '2'",
    ])
    expect(generation.problems).toEqual([])
  })

  test('does not hold for one call', async () => {
    const { generation, worker } = load([fn('a', { type: 'retriedTrigger' }, {}, POLICY)], {
      respond: failing,
    })
    expect((await generation.functions[0]?.invokeOnce(EVENT))?.ok).toBe(false)
    expect(worker.requests).toHaveLength(1)
  })

  test('of host.json is for those without one, where the trigger supports it', async () => {
    const { generation, worker } = load([fn('a', { type: 'retriedTrigger' }), fn('b')], {
      respond: failing,
      options: { retry: { ...POLICY, maxRetryCount: 1 } },
    })
    await generation.functions[0]?.invoke(EVENT)
    expect(worker.requests).toHaveLength(2)
    await generation.functions[1]?.invoke(EVENT)
    expect(worker.requests).toHaveLength(3)
    expect(generation.problems).toEqual([])
  })

  test('that is not there repeats nothing', async () => {
    const { generation, worker } = load([fn('a', { type: 'retriedTrigger' })], { respond: failing })
    expect((await generation.functions[0]?.invoke(EVENT))?.ok).toBe(false)
    expect(worker.requests).toHaveLength(1)
  })

  test('of a function whose trigger does not support it is ignored, and that is said', async () => {
    const { generation, worker } = load([fn('a', {}, {}, POLICY)], { respond: failing })
    await generation.functions[0]?.invoke(EVENT)
    expect(worker.requests).toHaveLength(1)
    expect(generation.problems).toEqual([
      "The retry policy of function 'a' is ignored: triggers of type 'plainTrigger' do not support retry policies.",
    ])
  })

  test('ends with the generation', async () => {
    const { generation, worker } = load(
      [fn('a', { type: 'retriedTrigger' }, {}, { ...POLICY, delayInterval: { seconds: 3600 } })],
      { respond: failing },
    )
    const outcome = generation.functions[0]?.invoke(EVENT)
    await settled()
    await generation.drain()
    expect((await outcome)?.ok).toBe(false)
    expect(worker.requests).toHaveLength(1)
  })
})

describe('the time limit', () => {
  const options = { functionTimeout: { text: '00:00:00.005', milliseconds: 5 } }
  const slow = (): Promise<Partial<InvocationResponse>> =>
    new Promise((resolve) => setTimeout(resolve, 30, {}))

  test('of host.json holds', async () => {
    const { generation } = load([fn('a')], { options, respond: slow })
    expect(await generation.functions[0]?.invoke(EVENT)).toMatchObject({ ok: false })
  })

  test('does not hold under a debugger', async () => {
    const { generation } = load([fn('a')], { options, respond: slow, filter: { debugging: true } })
    expect(await generation.functions[0]?.invoke(EVENT)).toMatchObject({ ok: true })
  })
})
