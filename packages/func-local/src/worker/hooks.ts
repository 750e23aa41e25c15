import { HOOK_NAMES, type App, type HookCallback, type HookName } from './app.ts'
import { ReadOnlyError, WorkerRangeError } from './errors.ts'
import type { LogEntry } from '../protocol.ts'

/** The callbacks registered for a hook; an unknown name is a `RangeError`, which the library relies on. */
export function hooksNamed(app: App, name: string): HookCallback[] {
  const known = HOOK_NAMES.find((hook) => hook === name)
  if (known === undefined) throw new WorkerRangeError(`Unrecognized hook "${name}"`)
  return app.hooks[known]
}

/** Makes a context whose listed properties are read live and cannot be replaced. */
export function withReadOnly<T extends object>(target: T, properties: Record<string, () => unknown>): T {
  for (const [name, get] of Object.entries(properties)) {
    Object.defineProperty(target, name, {
      enumerable: true,
      get,
      set: () => {
        throw new ReadOnlyError(name)
      },
    })
  }
  return target
}

/** Runs a hook's callbacks one after the other; the first that fails ends it. */
export async function runHooks(
  app: App,
  name: Exclude<HookName, 'log'>,
  context: object,
  log: (message: string) => void,
): Promise<void> {
  const callbacks = app.hooks[name]
  if (callbacks.length === 0) return
  log(`Executing ${callbacks.length} "${name}" hooks`)
  for (const callback of callbacks) await callback(context)
  log(`Executed "${name}" hooks`)
}

/** The context of one invocation that log hooks can see. */
export interface LogScope {
  readonly hookData: Record<string, unknown>
  readonly invocationContext: unknown
}

/**
 * Passes a log entry through the app's log hooks. They may rewrite the app's own entries, never the system's, and
 * a hook that throws changes nothing:
 * https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/src/WorkerContext.ts
 */
export function throughLogHooks(app: App, entry: LogEntry, scope: LogScope | undefined): LogEntry {
  if (app.hooks.log.length === 0) return entry
  const hookData = scope?.hookData ?? {}
  const context = withReadOnly(
    { level: entry.level, message: entry.message },
    {
      category: () => entry.category,
      hookData: () => hookData,
      appHookData: () => app.appHookData,
      invocationContext: () => scope?.invocationContext,
    },
  )
  try {
    for (const callback of app.hooks.log) void callback(context)
  } catch {
    return entry
  }
  return entry.category === 'user' ? { ...entry, level: context.level, message: context.message } : entry
}
