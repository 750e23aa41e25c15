import inspector from 'node:inspector'
import type { FromWorker, FunctionMetadata, LogEntry, ToWorker } from '../protocol.ts'
import type { App } from './app.ts'
import { loadEntryPoints } from './entry-points.ts'
import { toError } from './errors.ts'
import { runHooks, throughLogHooks, withReadOnly, type LogScope } from './hooks.ts'
import { runInvocation } from './invocation.ts'
import type { StreamResponses } from './stream-responses.ts'

/** What a worker needs of its process. */
export interface WorkerOptions {
  readonly app: App
  readonly streamResponses: StreamResponses
  /** Sends a message to the host. */
  readonly send: (message: FromWorker) => void
  /** The host has said which version it is. */
  readonly onHostVersion: (version: string) => void
  /** Ends the process when everything has been sent. */
  readonly end: () => void
}

/** Loads the app and runs its functions when the host asks. */
export interface Worker {
  readonly receive: (message: ToWorker) => void
  /** Logs, through the app's log hooks. */
  readonly log: (entry: LogEntry, scope?: LogScope) => void
}

const LATE_MS = 300
const LATE_QUIET_MS = 50

/** Creates a worker over an app that has not been loaded. */
export function createWorker({ app, streamResponses, send, onHostVersion, end }: WorkerOptions): Worker {
  return { receive, log }

  function log(entry: LogEntry, scope?: LogScope): void {
    send({ type: 'log', entry: throughLogHooks(app, entry, scope) })
  }

  function debug(message: string): void {
    log({ level: 'debug', category: 'system', message })
  }

  function receive(message: ToWorker): void {
    switch (message.type) {
      case 'init':
        onHostVersion(message.hostVersion)
        void load(message.appDirectory)
        break
      case 'status':
        send({ type: 'status' })
        break
      case 'invoke':
        runInvocation(app, message.request, log, streamResponses).then(
          (response) => {
            const httpResponded = streamResponses.settle(message.request.invocationId)
            send({ type: 'response', response: { ...response, httpResponded } })
          },
          (thrown: unknown) => {
            streamResponses.settle(message.request.invocationId)
            const error = toError(thrown)
            const exception = { message: error.message, stackTrace: error.stack ?? error.message }
            send({
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
      send({
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
      send({ type: 'failed', message: error.message, stack: error.stack ?? error.message })
    }
  }

  function loading(what: string): void {
    send({ type: 'loading', what })
  }

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
    end()
  }
}
