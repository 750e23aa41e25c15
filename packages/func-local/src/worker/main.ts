/**
 * The worker process: loads the app and runs its functions when the host asks. It talks to the host over the
 * inherited file descriptor 3, so that the app's standard output stays the app's.
 */
import inspector from 'node:inspector'
import { Socket } from 'node:net'
import { openChannel } from '../channel.ts'
import type { FromWorker, FunctionMetadata, LogEntry, ToWorker } from '../protocol.ts'
import { createApp } from './app.ts'
import { createCoreApi } from './core-api.ts'
import { provideCoreModule } from './core-module.ts'
import { loadEntryPoints } from './entry-points.ts'
import { toError } from './errors.ts'
import { runHooks, throughLogHooks, withReadOnly, type LogScope } from './hooks.ts'
import { runInvocation } from './invocation.ts'
import { flushOnExit, redirectOutput } from './output.ts'
import { watchStreamResponses } from './stream-responses.ts'

/** The version of the worker's core API that this process implements. */
const WORKER_VERSION = '3.12.0'
const HOST_CHANNEL = 3

const app = createApp()
const streamResponses = watchStreamResponses()
let hostVersion = ''
const socket = new Socket({ fd: HOST_CHANNEL })
flushOnExit(socket, HOST_CHANNEL)
const channel = openChannel<FromWorker, ToWorker>(socket, receive)
redirectOutput(channel, socket)
// Without its host a worker has no purpose; this also ends it when the host is killed hard.
socket.on('close', () => process.exit(0))
socket.on('error', () => process.exit(0))
// Ctrl-C reaches the whole process group; the host decides when its worker ends.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

provideCoreModule(createCoreApi(app, WORKER_VERSION, () => hostVersion, log))

function log(entry: LogEntry, scope?: LogScope): void {
  channel.send({ type: 'log', entry: throughLogHooks(app, entry, scope) })
}

function debug(message: string): void {
  log({ level: 'debug', category: 'system', message })
}

function receive(message: ToWorker): void {
  switch (message.type) {
    case 'init':
      hostVersion = message.hostVersion
      void load(message.appDirectory)
      break
    case 'status':
      channel.send({ type: 'status' })
      break
    case 'invoke':
      runInvocation(app, message.request, log, streamResponses).then(
        (response) => {
          const httpResponded = streamResponses.settle(message.request.invocationId)
          channel.send({ type: 'response', response: { ...response, httpResponded } })
        },
        (thrown: unknown) => {
          streamResponses.settle(message.request.invocationId)
          const error = toError(thrown)
          const exception = { message: error.message, stackTrace: error.stack ?? error.message }
          channel.send({
            type: 'response',
            response: { invocationId: message.request.invocationId, exception },
          })
        },
      )
      break
    case 'detachDebugger':
      // Frees the inspector's port for the next worker.
      if (inspector.url() !== undefined) inspector.close()
      break
    case 'terminate':
      void terminate()
  }
}

async function load(appDirectory: string): Promise<void> {
  try {
    const files = await loadEntryPoints(appDirectory, debug, (file) => {
      loading(`loading ${file} has not finished`)
    })
    const context = withReadOnly(
      { functionAppDirectory: appDirectory },
      { hookData: () => app.appLevelHookData, appHookData: () => app.appHookData },
    )
    loading('an appStart hook has not finished')
    await runHooks(app, 'appStart', context, debug)
    if (app.functions.size === 0) await lateRegistration()
    app.registrationClosed = true
    loading('the library has not said what it can do')
    // https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/src/eventHandlers/getWorkerCapabilities.ts
    const own = { RawHttpBodyBytes: 'true', RpcHttpBodyOnly: 'true', TypedDataCollection: 'true' }
    const capabilities = (await app.programmingModel?.getCapabilities?.(own)) ?? own
    channel.send({
      type: 'ready',
      // Bindings reach the host as JSON; whatever else an app put into its options stays here.
      functions: [...app.functions.values()].map(
        ({ metadata }) => JSON.parse(JSON.stringify(metadata)) as FunctionMetadata,
      ),
      capabilities,
      model:
        app.programmingModel === undefined
          ? ''
          : `${app.programmingModel.name} ${app.programmingModel.version}`,
      files,
    })
  } catch (thrown) {
    const error = toError(thrown)
    channel.send({ type: 'failed', message: error.message, stack: error.stack ?? error.message })
  }
}

function loading(what: string): void {
  channel.send({ type: 'loading', what })
}

const LATE_MS = 300
const LATE_QUIET_MS = 50

/**
 * Waits a moment for an app that registers its functions only after it has loaded, in a callback or a promise of its own:
 * the real host asks for them a little later, and gets those, too.
 */
async function lateRegistration(): Promise<void> {
  const deadline = Date.now() + LATE_MS
  while (Date.now() < deadline) {
    const before = app.functions.size
    await new Promise((resolve) => setTimeout(resolve, LATE_QUIET_MS))
    if (before > 0 && app.functions.size === before) return
  }
}

async function terminate(): Promise<void> {
  const context = withReadOnly(
    {},
    { hookData: () => app.appLevelHookData, appHookData: () => app.appHookData },
  )
  try {
    await runHooks(app, 'appTerminate', context, debug)
  } catch (thrown) {
    log({
      level: 'error',
      category: 'system',
      message: `An appTerminate hook failed: ${toError(thrown).message}`,
    })
  }
  socket.end(() => process.exit(0))
}
