// eslint-disable-next-line import-x/no-restricted-paths -- until this is measured in the worker process itself
import { createApp, type App } from '../../../func-local/src/worker/app.ts'
// eslint-disable-next-line import-x/no-restricted-paths -- until this is measured in the worker process itself
import { createCoreApi } from '../../../func-local/src/worker/core-api.ts'
// eslint-disable-next-line import-x/no-restricted-paths -- until this is measured in the worker process itself
import { provideCoreModule } from '../../../func-local/src/worker/core-module.ts'

// Node's modules that the Functions worker has loaded before the app comes: its gRPC client, above all, needs them.
// https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/package.json
const LOADED_BY_THE_WORKER = [
  ...[
    'node:crypto',
    'node:dns',
    'node:events',
    'node:fs',
    'node:http',
    'node:http2',
    'node:https',
    'node:net',
  ],
  ...['node:os', 'node:path', 'node:stream', 'node:tls', 'node:url', 'node:util', 'node:zlib'],
]

/** Makes this process what a Functions worker is to an app: it has the module `@azure/functions-core`. */
export function standInForWorker(): App {
  for (const name of LOADED_BY_THE_WORKER) process.getBuiltinModule(name)
  const app = createApp()
  provideCoreModule(
    createCoreApi(
      app,
      '3.12.0',
      () => '4.1000.0',
      () => undefined,
    ),
  )
  return app
}
