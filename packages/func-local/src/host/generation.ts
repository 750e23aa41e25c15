import type { InvocationOutcome, Listener, Registry, Services, TriggerEvent } from '../registry.ts'
import { RETURN_BINDING, BindingError, defineFunction, type FunctionDefinition } from './function.ts'
import { createAttempt } from './invoker.ts'
import type { WorkerProcess } from './worker-process.ts'

/** A function that is bound to its trigger, or disabled. */
export interface LoadedFunction {
  readonly definition: FunctionDefinition
  readonly disabled: boolean
  readonly listener: Listener
  /** Runs the function; never rejects. */
  readonly invoke: (event: TriggerEvent) => Promise<InvocationOutcome>
}

/**
 * One worker process with the functions it registered. When the app changes, or its worker dies, a new generation
 * takes over and the old one finishes what it has begun.
 */
export interface Generation {
  readonly worker: WorkerProcess
  /** In order of their names: the order in which the host tries HTTP routes. */
  readonly functions: readonly LoadedFunction[]
  /** One line for each function that cannot run, with the reason. */
  readonly problems: readonly string[]
  /** Begins to listen to events. */
  readonly start: () => void
  /** Takes no more events; resolves when everything that runs has ended. The worker is still there then. */
  readonly drain: () => Promise<void>
}

/** Which functions of the app take part. */
export interface FunctionFilter {
  /** Names from `--functions` or `host.json`; `undefined` means all. */
  readonly only: readonly string[] | undefined
}

/** Binds the functions a worker registered. A function that cannot be bound is reported and left out. */
export function createGeneration(
  worker: WorkerProcess,
  registry: Registry,
  services: Services,
  filter: FunctionFilter,
): Generation {
  const problems: string[] = []
  const functions: LoadedFunction[] = []
  const running = new Set<Promise<unknown>>()

  for (const metadata of worker.functions) {
    if (filter.only?.every((name) => name.toLowerCase() !== metadata.name.toLowerCase()) === true) continue
    try {
      functions.push(load(defineFunction(metadata)))
    } catch (error) {
      if (!(error instanceof BindingError)) throw error
      problems.push(`The '${metadata.name}' function is in error: ${error.message}`)
    }
  }
  functions.sort((a, b) => (a.definition.name < b.definition.name ? -1 : 1))

  return {
    worker,
    functions,
    problems,
    start: () => {
      for (const { disabled, listener, definition } of functions) {
        if (disabled) continue
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
      await Promise.all(functions.filter(({ disabled }) => !disabled).map(({ listener }) => listener.stop()))
      while (running.size > 0) await Promise.all(running)
    },
  }

  function load(fn: FunctionDefinition): LoadedFunction {
    const type = registry.trigger(fn.trigger.type)
    if (type === undefined) {
      throw new BindingError(
        `its trigger '${fn.trigger.type}' is not supported by func-local. The other functions are not affected.`,
      )
    }
    for (const binding of [...fn.inputs, ...fn.outputs]) {
      if (binding.type.toLowerCase() === 'http' && binding.direction === 'out') continue
      const bindingType = registry.binding(binding.type)
      const side = binding.direction === 'out' ? 'output' : 'input'
      if (bindingType?.[side] === undefined) {
        const shown = binding.name === RETURN_BINDING ? 'its return value' : `its ${side} '${binding.name}'`
        throw new BindingError(
          `${shown} has the type '${binding.type}', which func-local does not support as an ${side}. The other functions are not affected.`,
        )
      }
      bindingType.check?.(binding, services)
    }
    const attempt = createAttempt(fn, worker, registry, services)
    const invoke = (event: TriggerEvent): Promise<InvocationOutcome> => {
      const work = attempt(event)
      running.add(work)
      void work.finally(() => running.delete(work))
      return work
    }
    const listener = type.bind({ fn, services, capabilities: worker.capabilities, invoke })
    return { definition: fn, disabled: isDisabled(fn.name, services), listener, invoke }
  }
}

/** https://learn.microsoft.com/azure/azure-functions/disable-function */
function isDisabled(name: string, { settings }: Services): boolean {
  const value = settings.get(`AzureWebJobs.${name}.Disabled`) ?? settings.get(`AzureWebJobs:${name}:Disabled`)
  return value !== undefined && /^\s*(?:true|1)\s*$/i.test(value)
}
