import { randomUUID } from 'node:crypto'
import { resolveExpression } from '../binding-expression.ts'
import type { InvocationResponse, LogLevel, RetryContext, RpcException, TypedData } from '../protocol.ts'
import type { BindingScope, InvocationOutcome, Registry, Services, TriggerEvent } from '../registry.ts'
import {
  BindingError,
  isHttpOutput,
  RETURN_BINDING,
  type FunctionDefinition,
  type NamedBinding,
} from './function.ts'
import type { FunctionTimeout } from '../config/host-options.ts'
import { traceContext } from './trace-context.ts'
import { WorkerExitError, type WorkerProcess } from './worker-process.ts'

/** What a 32-bit timer can hold. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Runs one attempt of a function: inputs, handler, outputs, and the log lines around them. */
export type Attempt = (event: TriggerEvent, retryContext?: RetryContext) => Promise<InvocationOutcome>

/** Makes the function that runs one attempt; it never rejects. */
export function createAttempt(
  fn: FunctionDefinition,
  worker: WorkerProcess,
  registry: Registry,
  services: Services,
  timeout: FunctionTimeout | undefined,
): Attempt {
  const category = `Function.${fn.name}`
  const { log, invocations } = services

  return async (event, retryContext) => {
    const invocationId = event.invocationId ?? randomUUID()
    const started = performance.now()
    event.onAttempt?.(invocationId)
    const about = { invocationId, functionName: fn.name }
    if (invocations.isWatched())
      invocations.publish({ ...about, kind: 'began', reason: event.reason, at: new Date() })
    const write = (level: LogLevel, message: string): void => {
      log.write(category, level, message, about)
    }
    write('information', `Executing 'Functions.${fn.name}' (Reason='${event.reason}', Id=${invocationId})`)
    if (event.details !== undefined) write('information', `Trigger Details: ${event.details}`)
    const duration = (): string => `${Math.round(performance.now() - started)}ms`
    const ended = (error: RpcException | undefined, response?: InvocationResponse): void => {
      if (!invocations.isWatched()) return
      const returnValue = response?.returnValue ?? undefined
      const milliseconds = performance.now() - started
      invocations.publish({ ...about, kind: 'ended', error, returnValue, milliseconds })
    }
    try {
      const response = await run(invocationId, event, retryContext)
      write(
        'information',
        `Executed 'Functions.${fn.name}' (Succeeded, Id=${invocationId}, Duration=${duration()})`,
      )
      ended(undefined, response)
      return { ok: true, response }
    } catch (thrown) {
      const error = exceptionOf(thrown)
      write('error', `Executed 'Functions.${fn.name}' (Failed, Id=${invocationId}, Duration=${duration()})`)
      write('error', describe(fn, error))
      ended(error)
      const endedWorker =
        thrown instanceof TimeoutError || (thrown instanceof WorkerExitError && !worker.wasKilled())
      return { ok: false, error, endedWorker }
    }
  }

  /**
   * Fails an invocation that takes too long. JavaScript cannot be interrupted, so its worker ends with it, as under the
   * real host: https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout
   */
  async function withinTime<T>(invocationId: string, work: Promise<T>): Promise<T> {
    if (timeout === undefined) return await work
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => {
          const what = `function 'Functions.${fn.name}' (Id: '${invocationId}')`
          log.error(`Timeout value of ${timeout.text} exceeded by ${what}. Initiating cancellation.`)
          reject(
            new TimeoutError(
              `Timeout value of ${timeout.text} was exceeded by function: Functions.${fn.name}`,
            ),
          )
          worker.kill()
        },
        Math.min(timeout.milliseconds, LONGEST_TIMER_MS),
      )
    })
    try {
      return await Promise.race([work, expired])
    } finally {
      clearTimeout(timer)
    }
  }

  async function run(
    invocationId: string,
    event: TriggerEvent,
    retryContext: RetryContext | undefined,
  ): Promise<InvocationResponse> {
    let bindingData: Readonly<Record<string, unknown>> | undefined
    const scopeOf = (binding: NamedBinding): BindingScope => ({
      fn,
      binding,
      services,
      resolve: (template) => {
        bindingData ??= { ...event.bindingData(), sys: { methodName: fn.name } }
        return resolveExpression(template, { settings: services.settings, bindingData })
      },
    })
    const inputs = await Promise.all(
      fn.inputs.map(async (binding) => {
        const data =
          event.inputs?.get(binding.name) ?? (await registry.binding(binding.type).input?.(scopeOf(binding)))
        return data === undefined ? [] : [{ name: binding.name, data }]
      }),
    )
    const response = await withinTime(
      invocationId,
      worker.invoke({
        invocationId,
        functionId: fn.id,
        inputData: [{ name: fn.trigger.name, data: event.data }, ...inputs.flat()],
        triggerMetadata: event.metadata,
        traceContext: event.trace ?? traceContext(),
        ...(retryContext === undefined ? {} : { retryContext }),
      }),
    )
    if (response.exception !== undefined) throw new HandlerError(response.exception)
    for (const binding of fn.outputs) {
      const value = outputValue(response, binding.name)
      // The response is the trigger's to write.
      if (value === undefined || isHttpOutput(binding)) continue
      const type = registry.binding(binding.type)
      if (type.output === undefined) continue
      await type.output(scopeOf(binding), value)
      if (!invocations.isWatched()) continue
      const { name } = binding
      const output = {
        name,
        type: binding.type,
        value,
        isWritten: type.captured?.(binding, services.settings) === undefined,
      }
      invocations.publish({ invocationId, functionName: fn.name, kind: 'output', output })
    }
    return response
  }
}

/** The invocation took longer than `functionTimeout`. */
class TimeoutError extends Error {}

/** The value the app gave to an output; `undefined` when it gave none. */
export function outputValue(response: InvocationResponse, name: string): TypedData | undefined {
  if (name === RETURN_BINDING) return response.returnValue ?? undefined
  return response.outputData?.find((output) => output.name === name)?.data ?? undefined
}

/** The handler, or a hook, threw. */
class HandlerError extends Error {
  readonly exception: RpcException

  constructor(exception: RpcException) {
    super(exception.message)
    this.exception = exception
  }
}

function exceptionOf(thrown: unknown): RpcException {
  if (thrown instanceof HandlerError) return thrown.exception
  if (thrown instanceof BindingError || thrown instanceof TimeoutError)
    return { message: thrown.message, stackTrace: '' }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return { message: error.message === '' ? error.name : error.message, stackTrace: error.stack ?? '' }
}

/** Worded as the real host words it; tools look for `Result: Failure`. */
function describe(fn: FunctionDefinition, error: RpcException): string {
  const text = `System.Private.CoreLib: Exception while executing function: Functions.${fn.name}. System.Private.CoreLib: Result: Failure\nException: ${error.message}`
  return error.stackTrace === undefined || error.stackTrace === ''
    ? text
    : `${text}\nStack: ${error.stackTrace}`
}
