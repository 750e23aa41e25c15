import type { App, CoreFunctionMetadata, FunctionCallback, HookCallback, ProgrammingModel } from './app.ts'
import { WorkerError } from './errors.ts'
import { hooksNamed } from './hooks.ts'
import type { LogEntry, LogLevel } from '../protocol.ts'

/** Something that can be undone. */
export class Disposable {
  readonly #dispose: () => void

  constructor(dispose: () => void) {
    this.#dispose = dispose
  }

  static from(...disposables: { dispose: () => unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose()
    })
  }

  dispose(): void {
    this.#dispose()
  }
}

/** What `require('@azure/functions-core')` gives the app's library. */
export interface CoreApi {
  readonly version: string
  readonly hostVersion: string
  readonly workerVersion: string
  readonly Disposable: typeof Disposable
  readonly registerHook: (name: string, callback: HookCallback) => Disposable
  readonly setProgrammingModel: (model: ProgrammingModel) => void
  readonly getProgrammingModel: () => ProgrammingModel | undefined
  readonly registerFunction: (metadata: CoreFunctionMetadata, callback: FunctionCallback) => Disposable
  readonly log: (level: LogLevel, category: LogEntry['category'], message: string) => void
}

/**
 * Builds the module `@azure/functions-core` over the app's state. Its surface is that of the real worker:
 * https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/types-core/index.d.ts
 */
export function createCoreApi(
  app: App,
  version: string,
  hostVersion: () => string,
  log: (entry: LogEntry) => void,
): CoreApi {
  return {
    version,
    get hostVersion() {
      return hostVersion()
    },
    workerVersion: version,
    Disposable,

    registerHook: (name, callback) => {
      const hooks = hooksNamed(app, name)
      hooks.push(callback)
      return new Disposable(() => {
        const index = hooks.indexOf(callback)
        if (index >= 0) hooks.splice(index, 1)
      })
    },

    setProgrammingModel: (model) => {
      log({
        level: 'debug',
        category: 'system',
        message: `Setting Node.js programming model to "${model.name}" version "${model.version}"`,
      })
      app.programmingModel = model
    },

    getProgrammingModel: () => app.programmingModel,

    registerFunction: (metadata, callback) => {
      if (app.registrationClosed) {
        throw new WorkerError('A function can only be registered during app startup.')
      }
      const functionId = metadata.functionId ?? metadata.name
      if (app.functions.has(functionId)) {
        throw new WorkerError(`A function with id "${functionId}" has already been registered.`)
      }
      app.functions.set(functionId, { metadata: { ...metadata, functionId }, callback })
      return new Disposable(() => {
        if (app.registrationClosed) {
          throw new WorkerError('A function can only be disposed during app startup.')
        }
        app.functions.delete(functionId)
      })
    },

    log: (level, category, message) => {
      log({ level, category, message })
    },
  }
}
