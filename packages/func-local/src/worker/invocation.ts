import type { App, CoreInvocationContext } from './app.ts'
import { WorkerError } from './errors.ts'
import { runHooks, withReadOnly, type LogScope } from './hooks.ts'
import { reportLostOutputs } from './lost-outputs.ts'
import type { StreamResponses } from './stream-responses.ts'
import type { InvocationRequest, InvocationResponse, LogEntry } from '../protocol.ts'

/** Writes a log entry, through the log hooks, with what is known of the invocation. */
export type WorkerLog = (entry: LogEntry, scope?: LogScope) => void

/**
 * Runs one invocation through the library's programming model, with the app's hooks around it:
 * https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/src/eventHandlers/InvocationHandler.ts
 *
 * Throws what the handler or a hook threw.
 */
export async function runInvocation(
  app: App,
  request: InvocationRequest,
  log: WorkerLog,
  streamResponses: StreamResponses,
): Promise<InvocationResponse> {
  const registered = app.functions.get(request.functionId)
  if (registered === undefined || app.programmingModel === undefined) {
    throw new WorkerError(`Function code for '${request.functionId}' is not loaded and cannot be invoked.`)
  }
  const { metadata } = registered
  const logScope: { current: LogScope | undefined } = { current: undefined }
  const core: CoreInvocationContext = {
    invocationId: request.invocationId,
    request,
    metadata,
    log: (level, category, message) => {
      log(
        { level, category, message, invocationId: request.invocationId, functionName: metadata.name },
        logScope.current,
      )
    },
  }
  const debug = (message: string): void => {
    core.log('debug', 'system', message)
  }

  const model = await app.programmingModel.getInvocationModel(core)
  const { context, inputs } = await model.getArguments()
  reportLostOutputs(context, metadata, (message) => {
    core.log('warning', 'system', message)
  })
  await streamResponses.turn(request.invocationId)
  const hookData: Record<string, unknown> = {}
  logScope.current = { hookData, invocationContext: context }
  const shared = {
    hookData: () => hookData,
    appHookData: () => app.appHookData,
    invocationContext: () => context,
  }

  const before = withReadOnly({ functionCallback: registered.callback, inputs }, shared)
  await inState(core, 'preInvocationHooks', () => runHooks(app, 'preInvocation', before, debug))

  // Hooks may have replaced the handler and the inputs.
  const outcome: { inputs: unknown[]; result: unknown; error: unknown } = {
    inputs: before.inputs,
    result: null,
    error: null,
  }
  const after = withReadOnly(outcome, shared)
  await inState(core, 'invocation', async () => {
    try {
      after.result = await model.invokeFunction(context, before.inputs, before.functionCallback)
    } catch (thrown) {
      after.error = thrown
    }
  })
  await inState(core, 'postInvocationHooks', () => runHooks(app, 'postInvocation', after, debug))

  if (after.error !== null && after.error !== undefined) throw after.error as Error
  return await streamResponses.sending(request.invocationId, () => model.getResponse(context, after.result))
}

async function inState(
  core: CoreInvocationContext,
  state: NonNullable<CoreInvocationContext['state']>,
  run: () => Promise<void>,
): Promise<void> {
  core.state = state
  try {
    await run()
  } finally {
    core.state = undefined
  }
}
