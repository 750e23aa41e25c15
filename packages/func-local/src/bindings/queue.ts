import { resolveSettings } from '../binding-expression.ts'
import { BindingError, requiredText, textOf, type NamedBinding } from '../host/function.ts'
import { looksLikeJson, netText, NetJsonError, parseNetJson, type NetJson } from '../net-json.ts'
import type { TypedData } from '../protocol.ts'
import type { BindingType } from '../registry.ts'
import { connectionName, resolveConnection } from '../storage/connection.ts'
import { withTarget } from '../storage/errors.ts'
import { queueNameFault } from '../storage/names.ts'
import { encodeMessage } from '../storage/queue-encoding.ts'
import { readQueueOptions } from '../storage/queue-options.ts'
import { openQueue } from '../storage/queues.ts'
import { warnOfInvalidName } from './name-warning.ts'
import { outputValueOf } from './output-value.ts'

/**
 * The storage queue output: each message in the encoding of `host.json`, in a queue that is created when it is missing.
 * An array is one message for each element; anything that is no text or bytes is written as .NET writes it.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-output
 */
export const queueBinding: BindingType = {
  type: 'queue',
  check: (binding, services) => {
    const given = requiredText(binding, 'queueName')
    warnOfInvalidName(services, () => {
      const name = resolveSettings(given, services.settings)
      if (!name.includes('{')) queueNameOf(name, binding)
      resolveConnection(services.settings, textOf(binding, 'connection'))
    })
  },
  output: async ({ binding, services, resolve }, value) => {
    const name = queueNameOf(resolve(requiredText(binding, 'queueName')), binding)
    const connection = textOf(binding, 'connection')
    const { messageEncoding } = readQueueOptions(services.hostConfig)
    const messages = messagesOf(value).map((message) => encodeMessage(message, messageEncoding))
    const target = { kind: 'queue', name, connection: connectionName(connection) } as const
    await withTarget(target, async () => {
      const queue = await openQueue(services.settings, connection, name)
      for (const message of messages) await queue.send(message)
    })
  },
}

/**
 * A queue's name as storage knows it, in lower case.
 *
 * @throws {BindingError} when the name is invalid.
 */
export function queueNameOf(given: string, binding: NamedBinding): string {
  const name = given.toLowerCase()
  const fault = queueNameFault(name)
  if (fault === undefined) return name
  throw new BindingError(`'queueName' of its ${binding.type} binding is '${given}'. ${fault}`)
}

/**
 * The messages an output value stands for. Text in brackets or braces is read as JSON; an array is one message for each
 * element:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Binding/FunctionBinding.cs (`ReadAsEnumerable`)
 *
 * @throws {BindingError} when such text is no JSON.
 */
export function messagesOf(data: TypedData): Buffer[] {
  const value = outputValueOf(data)
  if (value === undefined) return []
  if (value.kind === 'bytes') return [value.value]
  const json = value.kind === 'text' && looksLikeJson(value.value) ? parsed(value.value) : value
  const elements = json.kind === 'array' ? json.items : [json]
  return elements.map((element) => Buffer.from(netText(element)))
}

function parsed(text: string): NetJson {
  try {
    return parseNetJson(text, 'dates')
  } catch (error) {
    if (!(error instanceof NetJsonError)) throw error
    throw new BindingError(
      `A queue output reads text in brackets or braces as JSON. ${error.message} Send an object or an array, or a Buffer to have the text as it is.`,
      { cause: error },
    )
  }
}
