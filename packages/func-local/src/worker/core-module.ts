import Module from 'node:module'
import type { CoreApi } from './core-api.ts'

const NAME = '@azure/functions-core'
const GLOBAL_KEY = 'func-local.functions-core'

type Load = (request: string, parent: unknown, isMain: boolean) => unknown
type Resolved = { url: string; shortCircuit?: boolean; format?: string }
type Resolve = (specifier: string, context: unknown, next: (s: string, c: unknown) => Resolved) => Resolved
/** What is used of `node:module`. */
export interface ModuleInternals {
  _load: Load
  /** Synchronous hooks in this thread; Node 22.15 and later. */
  registerHooks?: (hooks: { resolve: Resolve }) => void
  register: (url: string) => void
}

/**
 * Makes the module `@azure/functions-core` loadable in this process. It exists only inside a Functions worker, so
 * the app's library finds it through `require`, through a bundle's `createRequire`, and through `import`.
 */
export function provideCoreModule(
  api: CoreApi,
  internals: ModuleInternals = Module as unknown as ModuleInternals,
): void {
  const load = internals._load
  internals._load = function (this: unknown, request, parent, isMain) {
    return request === NAME ? api : load.call(this, request, parent, isMain)
  }

  Reflect.set(globalThis, Symbol.for(GLOBAL_KEY), api)
  const names = Object.keys(api).map((name) => `export const ${name} = core.${name};`)
  const source = [
    `const core = globalThis[Symbol.for('${GLOBAL_KEY}')];`,
    'export default core;',
    ...names,
  ].join('\n')
  const url = `data:text/javascript,${encodeURIComponent(source)}`

  if (internals.registerHooks !== undefined) {
    internals.registerHooks({
      // `require` never gets here for this name: `_load` has resolved it.
      resolve: (specifier, context, next) =>
        specifier === NAME ? { url, shortCircuit: true, format: 'module' } : next(specifier, context),
    })
  } else {
    const hooks = `export const resolve = (s, c, next) =>
      s === ${JSON.stringify(NAME)} ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(s, c)`
    internals.register(`data:text/javascript,${encodeURIComponent(hooks)}`)
  }
}
