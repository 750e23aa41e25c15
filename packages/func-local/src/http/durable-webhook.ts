import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { describeValue } from '../bindings/captured.ts'
import type { LoadedFunction } from '../host/generation.ts'
import type { Log } from '../host/log.ts'

/** What the client of Durable Functions gets. */
export interface DurableAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const ACCEPTED = 202
const NOT_FOUND = 404
const NOT_IMPLEMENTED = 501

/**
 * A call of the Durable Functions client (`startNew`, `getStatus`, …). There is no engine here: the start of an orchestration is
 * captured like an output, anything else says so:
 * https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api
 */
export function durableCall(
  { method }: IncomingMessage,
  path: readonly string[],
  body: Buffer,
  functions: readonly LoadedFunction[],
  log: Log,
): DurableAnswer {
  const [collection = '', name = '', instanceId = ''] = path
  if (collection.toLowerCase() !== 'orchestrators' || method !== 'POST') {
    return {
      status: NOT_IMPLEMENTED,
      body: {
        message: 'func-local starts no orchestrations, so that there is none to ask for or to change.',
      },
    }
  }
  const orchestrator = functions.find(
    ({ definition }) =>
      definition.name.toLowerCase() === name.toLowerCase() &&
      definition.trigger.type.toLowerCase() === 'orchestrationtrigger',
  )
  if (orchestrator === undefined)
    return { status: NOT_FOUND, body: { message: `The app has no orchestrator '${name}'.` } }
  const own = orchestrator.definition.name
  const input =
    body.length === 0 ? 'without an input' : `with the input ${describeValue({ bytes: body }, log.redact)}`
  log.info(
    `The start of the orchestration '${own}', ${input}, is captured: func-local does not run orchestrations. Call by hand: func-local invoke ${own}`,
  )
  return { status: ACCEPTED, body: { id: instanceId === '' ? randomUUID().replaceAll('-', '') : instanceId } }
}
