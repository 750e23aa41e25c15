import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
// eslint-disable-next-line import-x/no-restricted-paths -- until this is measured in the worker process itself
import { runInvocation } from '../../../func-local/src/worker/invocation.ts'
// eslint-disable-next-line import-x/no-restricted-paths -- until this is measured in the worker process itself
import { watchStreamResponses } from '../../../func-local/src/worker/stream-responses.ts'
import { standInForWorker } from './standIn.ts'

// Loads an app and places one order, through the library's own programming model, as the Functions worker does. Says
// the answer's status: when it is 200 the record is stored.
const app = standInForWorker()
const folder = process.argv[2] ?? ''
const { main } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { main: string }
await import(pathToFileURL(path.join(folder, main)).href)

const order = app.functions.get('order')
const trigger = Object.entries(order?.metadata.bindings ?? {}).find(([, { type }]) => type === 'httpTrigger')
const body = Buffer.from(JSON.stringify({ item: 'widget', quantity: 2 }))
const response = await runInvocation(
  app,
  {
    invocationId: randomUUID(),
    functionId: 'order',
    inputData: [
      {
        name: trigger?.[0] ?? '',
        data: { http: { method: 'POST', url: 'http://localhost/api/order', body: { bytes: body } } },
      },
    ],
    triggerMetadata: {},
    traceContext: { traceParent: '', traceState: '', attributes: {} },
  },
  () => undefined,
  watchStreamResponses(),
)
const answer = [
  ...(response.outputData ?? []).map(({ data }) => data?.http),
  response.returnValue?.http,
].find((http) => http !== undefined)

console.log(JSON.stringify({ status: Number(answer?.statusCode) }))
process.exit(0)
