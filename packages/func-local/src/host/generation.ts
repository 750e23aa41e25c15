import { ConfigurationError } from '../config/json-file.ts'
import { createThrottle } from '../http/throttle.ts'
import { throttleLimits } from '../http/http-options.ts'
import type { FunctionMetadata } from '../protocol.ts'
import type {
  BoundEndpoint,
  InvocationOutcome,
  Listener,
  Registry,
  Services,
  TriggerEvent,
} from '../registry.ts'
import {
  RETURN_BINDING,
  BindingError,
  defineFunction,
  isHttpOutput,
  type FunctionDefinition,
} from './function.ts'
import type { HostJsonOptions } from '../config/host-options.ts'
import { describeSameNames } from '../mcp/catalog.ts'
import { nearest } from '../nearest.ts'
import { describeOnCall } from './on-call.ts'
import { describeRefusals, type Refusal } from './refusals.ts'
import { createAttempt } from './invoker.ts'
import { withRetries } from './retry.ts'
import type { WorkerProcess } from './worker-process.ts'

/** A function that is bound to its trigger, or disabled. */
export interface LoadedFunction {
  readonly definition: FunctionDefinition
  readonly disabled: boolean
  readonly listener: Listener
  /** Runs the function; never rejects. */
  readonly invoke: (event: TriggerEvent) => Promise<InvocationOutcome>
  /** Runs it without the repetitions of a retry policy. */
  readonly invokeOnce: (event: TriggerEvent) => Promise<InvocationOutcome>
}

/**
 * One worker process with the functions it registered. When the app changes, or its worker dies, a new generation
 * takes over and the old one finishes what it has begun.
 */
export interface Generation {
  readonly worker: WorkerProcess
  /** In order of their names: the order in which the host tries HTTP routes. */
  readonly functions: readonly LoadedFunction[]
  /** The functions that cannot run. */
  readonly refusals: readonly Refusal[]
  /** One line for each reason why functions cannot run, and for each thing about one that has no effect. */
  readonly problems: readonly string[]
  /** Which functions were asked for; `undefined` means all. */
  readonly only: FunctionNames | undefined
  /** Those of them that no function has. */
  readonly unknownNames: readonly string[]
  /** What runs now, in words. */
  readonly unfinished: () => readonly string[]
  /** Begins to listen to events. */
  readonly start: () => void
  /** Takes no more events; resolves when everything that runs has ended. The worker is still there then. */
  readonly drain: () => Promise<void>
}

/** Names that were given, and where. */
export interface FunctionNames {
  readonly names: readonly string[]
  readonly source: string
}

/** Which functions of the app take part. */
export interface FunctionFilter {
  /** Names from `--functions` or `host.json`; `undefined` means all. */
  readonly only: FunctionNames | undefined
  /** A debugger may hold an invocation for as long as it likes. */
  readonly debugging: boolean
  /** Whether triggers fire. */
  readonly listens: boolean
}

/**
 * Binds the functions a worker registered. A function that cannot be bound is reported and left out.
 *
 * @throws {ConfigurationError} with a line for each reason why the whole host does not start, as in Azure.
 */
export function createGeneration(
  worker: WorkerProcess,
  registry: Registry,
  services: Services,
  hostOptions: HostJsonOptions,
  filter: FunctionFilter,
  appDirectory: string,
): Generation {
  const problems: string[] = []
  const fatal = [...sameNames(worker.functions)]
  const refusals: Refusal[] = []
  const functions: LoadedFunction[] = []
  const bound: BoundEndpoint[] = []
  const throttle = createThrottle(throttleLimits(services.hostConfig))
  const running = new Map<Promise<unknown>, string>()
  const stopping = new AbortController()
  if (!throttle.isUsable)
    problems.push(
      'host.json: "extensions.http.maxConcurrentRequests" and "maxOutstandingRequests" must be positive, or -1 for no limit; with the value that is there every HTTP request fails.',
    )

  for (const metadata of inOrder(worker.functions)) {
    if (filter.only?.names.every((name) => !isNamed(metadata.name, name)) === true) continue
    try {
      functions.push(load(defineFunction(metadata)))
    } catch (error) {
      if (error instanceof ConfigurationError) fatal.push(error.message)
      else if (error instanceof BindingError) refusals.push({ name: metadata.name, reason: error.message })
      else throw error
    }
  }
  if (fatal.length > 0) {
    throw new ConfigurationError([...fatal, ...problems, ...describeRefusals(refusals)].join('\n'))
  }
  const all = worker.functions.map(({ name }) => name)
  const unknownNames = filter.only?.names.filter((name) => !all.some((one) => isNamed(one, name))) ?? []
  for (const name of unknownNames) {
    const meant = nearest(name, all)
    problems.push(
      `${filter.only?.source ?? ''} names '${name}', and the app has no such function.${meant === undefined ? '' : ` Did you mean '${meant}'?`}`,
    )
  }

  return {
    worker,
    functions,
    refusals,
    problems: [
      ...describeRefusals(refusals),
      ...problems,
      ...describeSameNames(functions),
      ...describeOnCall(functions, registry, services.settings, appDirectory),
    ],
    only: filter.only,
    unknownNames,
    unfinished: () => [...running.values()],
    start: () => {
      for (const { disabled, listener, definition } of functions) {
        if (disabled || !filter.listens) continue
        void Promise.resolve()
          .then(() => listener.start())
          .catch((error: unknown) => {
            services.log.error(
              `The listener for function 'Functions.${definition.name}' was unable to start: ${String(error)}`,
            )
          })
      }
    },
    drain: async () => {
      stopping.abort()
      const listening = filter.listens ? functions.filter(({ disabled }) => !disabled) : []
      await Promise.all(listening.map(({ listener }) => listener.stop()))
      while (running.size > 0) await Promise.allSettled(running.keys())
    },
  }

  /** Keeps the generation alive until the work has ended. */
  function track<T>(name: string, work: Promise<T>): Promise<T> {
    running.set(work, name)
    const done = (): void => {
      running.delete(work)
    }
    work.then(done, done)
    return work
  }

  function load(fn: FunctionDefinition): LoadedFunction {
    const type = registry.trigger(fn.trigger.type)
    for (const binding of [...fn.inputs, ...fn.outputs]) {
      if (isHttpOutput(binding)) continue
      const bindingType = registry.binding(binding.type)
      const side = binding.direction === 'out' ? 'output' : 'input'
      if (bindingType[side] === undefined) {
        const shown = binding.name === RETURN_BINDING ? 'its return value' : `its ${side} '${binding.name}'`
        throw new BindingError(
          `${shown} has the type '${binding.type}', which func-local does not support as an ${side}. The other functions are not affected.`,
        )
      }
      bindingType.check?.(binding, services)
    }
    const attempt = createAttempt(
      fn,
      worker,
      registry,
      services,
      filter.debugging ? undefined : hostOptions.functionTimeout,
    )
    let run: (event: TriggerEvent) => Promise<InvocationOutcome> = attempt
    const retry = fn.retry ?? hostOptions.retry
    if (retry !== undefined && type.supportsRetry) {
      run = withRetries(attempt, retry, stopping.signal, (delay, next, max) => {
        const wait = new Date(delay).toISOString().slice(11, 19)
        services.log.write(
          `Function.${fn.name}`,
          'information',
          `Waiting for \`${wait}\` before retrying function execution. Next attempt: '${next}'. Max retry count: '${max}'`,
        )
      })
    } else if (fn.retry !== undefined) {
      problems.push(
        `The retry policy of function '${fn.name}' is ignored: triggers of type '${fn.trigger.type}' do not support retry policies.`,
      )
    }
    const invoke = (event: TriggerEvent): Promise<InvocationOutcome> => track(fn.name, run(event))
    const { capabilities } = worker
    const listener = type.bind({ fn, services, bound, throttle, capabilities, invoke })
    const { endpoint } = listener
    if (endpoint !== undefined) bound.push({ name: fn.name, endpoint })
    const handled: Listener =
      endpoint === undefined
        ? listener
        : {
            ...listener,
            // A request belongs to the generation from its first byte, before its invocation begins.
            endpoint: { ...endpoint, handle: (...args) => track(fn.name, endpoint.handle(...args)) },
          }
    const invokeOnce = (event: TriggerEvent): Promise<InvocationOutcome> => track(fn.name, attempt(event))
    return { definition: fn, disabled: isDisabled(fn.name, services), listener: handled, invoke, invokeOnce }
  }
}

/** By name: the order in which the host tries routes, and in which the first of two that conflict wins. */
function inOrder(functions: readonly FunctionMetadata[]): FunctionMetadata[] {
  return [...functions].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A line for each two functions whose names differ only in case: the real host does not start with them. */
function* sameNames(functions: readonly FunctionMetadata[]): Generator<string> {
  const seen = new Map<string, string>()
  for (const { name } of inOrder(functions)) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined)
      yield `Functions '${other}' and '${name}': their names differ only in case, and the host does not start with them. Rename one.`
    seen.set(name.toLowerCase(), name)
  }
}

function isNamed(name: string, given: string): boolean {
  return name.toLowerCase() === given.toLowerCase()
}

/** https://learn.microsoft.com/azure/azure-functions/disable-function */
function isDisabled(name: string, { settings }: Services): boolean {
  const value =
    settings.get(`AzureWebJobs.${name}.Disabled`) ??
    settings.get(`AzureWebJobs_${name}_Disabled`) ??
    settings.get(`AzureWebJobs:${name}:Disabled`)
  return value !== undefined && /^\s*(?:true|1)\s*$/i.test(value)
}
