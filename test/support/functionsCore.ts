import { jest } from '@jest/globals'

// What is used here of the module that only a Functions worker has; it is published without types.

/** How the library tells the worker of a function. */
export interface Metadata {
  readonly name: string
  readonly bindings: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly retryOptions?: unknown
}

/** What the library registers: it calls the handler with what the worker has made of the inputs. */
export type Callback = (...inputs: unknown[]) => unknown

/** A function as the app registered it. */
export interface Registered {
  readonly name: string
  readonly trigger: Readonly<Record<string, unknown>>
  readonly callback: Callback
  readonly metadata: Metadata
}

/** The module in the place of the worker's. */
export interface FakeFunctionsCore {
  /** By their names. */
  readonly functions: ReadonlyMap<string, Registered>
  /** The library's side of invocations, in the order in which they were set. */
  readonly models: readonly unknown[]
  /** Takes the module away. */
  readonly restore: () => void
}

/** Puts a module in the place of the one that a worker provides, for what is imported afterwards. */
export function fakeFunctionsCore(): FakeFunctionsCore {
  const functions = new Map<string, Registered>()
  const models: unknown[] = []
  jest.resetModules()
  jest.mock(
    '@azure/functions-core',
    () => ({
      version: '4.0.0',
      hostVersion: '4.1037.0',
      setProgrammingModel: (model: unknown) => {
        models.push(model)
      },
      registerFunction: (metadata: Metadata, callback: Callback) => {
        const bindings = Object.values(metadata.bindings)
        const trigger = bindings.find(({ type }) => String(type).endsWith('Trigger')) ?? {}
        functions.set(metadata.name, { name: metadata.name, trigger, callback, metadata })
      },
      registerHook: () => undefined,
      log: () => undefined,
    }),
    { virtual: true },
  )
  return { functions, models, restore: () => jest.unmock('@azure/functions-core') }
}
