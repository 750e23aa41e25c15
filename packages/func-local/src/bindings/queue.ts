import { isObject } from '../config/json-file.ts'
import { requiredText, textOf } from '../host/function.ts'
import type { TypedData } from '../protocol.ts'
import type { BindingType } from '../registry.ts'
import { encodeMessage } from '../storage/queue-encoding.ts'
import { readQueueOptions } from '../storage/queue-options.ts'
import { queueService } from '../storage/queues.ts'

/**
 * The storage queue output: each message in the encoding of `host.json`, in a queue that is created when it is missing.
 * An array is one message for each element, anything that is no text or bytes is written as JSON.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-output
 */
export const queueBinding: BindingType = {
  type: 'queue',
  check: (binding) => {
    requiredText(binding, 'queueName')
  },
  output: async ({ binding, services, resolve }, value) => {
    const name = resolve(requiredText(binding, 'queueName')).toLowerCase()
    const connection = textOf(binding, 'connection')
    const { messageEncoding } = readQueueOptions(services.hostConfig)
    const queue = (await queueService(services.settings, connection)).getQueueClient(name)
    for (const message of messagesOf(value)) {
      const text = encodeMessage(message, messageEncoding)
      try {
        await queue.sendMessage(text)
      } catch (error) {
        if (!isObject(error) || error['code'] !== 'QueueNotFound') throw error
        await queue.createIfNotExists()
        await queue.sendMessage(text)
      }
    }
  },
}

/** The messages an output value stands for, as bytes. */
export function messagesOf(value: TypedData): Buffer[] {
  if (value.bytes !== undefined) return [Buffer.from(value.bytes)]
  if (value.string !== undefined) return [Buffer.from(value.string)]
  if (value.int !== undefined) return [Buffer.from(String(value.int))]
  if (value.double !== undefined) return [Buffer.from(String(value.double))]
  if (value.json === undefined) return []
  const parsed: unknown = JSON.parse(value.json)
  if (!Array.isArray(parsed)) return parsed === null ? [] : [Buffer.from(value.json)]
  return parsed.filter((element) => element !== null).map(elementBytes)
}

/** A `Buffer` inside an array has been through JSON; it still is one message with its bytes. */
function elementBytes(element: unknown): Buffer {
  if (typeof element === 'string') return Buffer.from(element)
  if (isObject(element) && element['type'] === 'Buffer' && Array.isArray(element['data'])) {
    return Buffer.from(element['data'] as number[])
  }
  return Buffer.from(JSON.stringify(element))
}
