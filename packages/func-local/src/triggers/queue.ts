import { resolveSettings } from '../binding-expression.ts'
import { isObject } from '../config/json-file.ts'
import { detailTime, isoWithOffset } from '../date-text.ts'
import { isBinary, requiredText, textOf } from '../host/function.ts'
import type { TypedData } from '../protocol.ts'
import type { TriggerEvent, TriggerType } from '../registry.ts'
import { resolveConnection } from '../storage/connection.ts'
import { readQueueOptions } from '../storage/queue-options.ts'
import { queueService } from '../storage/queues.ts'
import { createQueueListener } from './queue-listener.ts'

/** What of a message reaches the function, besides its body. */
export interface MessageInfo {
  readonly id: string
  readonly popReceipt: string
  readonly dequeueCount: number
  readonly insertedOn: Date
  readonly expiresOn: Date
  readonly nextVisibleOn: Date
}

/** The storage queue trigger: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger */
export const queueTrigger: TriggerType = {
  type: 'queueTrigger',
  supportsRetry: false,
  bind: ({ fn, services, invoke }) => {
    // The real host lower-cases queue names: storage knows no others.
    const queueName = resolveSettings(requiredText(fn.trigger, 'queueName'), services.settings).toLowerCase()
    const connection = textOf(fn.trigger, 'connection')
    resolveConnection(services.settings, connection)
    const binary = isBinary(fn.trigger)
    const options = readQueueOptions(services.hostConfig)
    const listener = createQueueListener({
      queueName,
      options,
      leaseSeconds: leaseSeconds(services.settings.get('FUNC_LOCAL_QUEUE_LEASE_SECONDS')),
      service: () => queueService(services.settings, connection),
      log: services.log,
      run: async (body, info) => {
        const outcome = await invoke(messageEvent(queueName, body, info, binary))
        return outcome.ok
      },
    })
    return {
      ...listener,
      adminEvent: (input) => {
        const now = new Date()
        const info = {
          id: '',
          popReceipt: '',
          dequeueCount: 0,
          insertedOn: now,
          expiresOn: now,
          nextVisibleOn: now,
        }
        const event = messageEvent(queueName, Buffer.from(input), info, binary)
        return { ...event, reason: 'This function was programmatically called via the host APIs.' }
      },
    }
  },
}

const DEFAULT_LEASE_SECONDS = 600

function leaseSeconds(setting: string | undefined): number {
  const seconds = Number(setting)
  return Number.isInteger(seconds) && seconds >= 1 ? seconds : DEFAULT_LEASE_SECONDS
}

/** What the function gets of a message. */
function messageEvent(queueName: string, body: Buffer, info: MessageInfo, binary: boolean): TriggerEvent {
  const text = body.toString('utf8')
  const times = {
    ExpirationTime: isoWithOffset(info.expiresOn),
    InsertionTime: isoWithOffset(info.insertedOn),
    NextVisibleTime: isoWithOffset(info.nextVisibleOn),
  }
  const properties = binary ? {} : topLevelProperties(text)
  const metadata: Record<string, TypedData> = {
    QueueTrigger: { string: text },
    DequeueCount: { json: String(info.dequeueCount) },
    Id: { string: info.id },
    PopReceipt: { string: info.popReceipt },
  }
  for (const [name, time] of Object.entries(times)) metadata[name] = { json: JSON.stringify(time) }
  // A property of the message overrides the message's own metadata of that name, as in the real host.
  for (const [name, value] of Object.entries(properties)) {
    const data = typeof value === 'string' ? { string: value } : { json: JSON.stringify(value) }
    Object.defineProperty(metadata, name, {
      value: data,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return {
    data: binary ? { bytes: body } : { string: text },
    metadata,
    bindingData: () => ({
      queueTrigger: text,
      dequeueCount: info.dequeueCount,
      id: info.id,
      popReceipt: info.popReceipt,
      ...times,
      ...properties,
    }),
    reason: `New queue message detected on '${queueName}'.`,
    details: `MessageId: ${info.id}, DequeueCount: ${info.dequeueCount}, InsertedOn: ${detailTime(info.insertedOn)}`,
  }
}

/**
 * The top-level properties of a JSON object, except arrays; scalars as text:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Utility.cs (`ApplyBindingData`)
 */
function topLevelProperties(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return {}
  }
  if (!isObject(parsed)) return {}
  const properties: [string, unknown][] = []
  for (const [name, value] of Object.entries(parsed)) {
    if (value === null || Array.isArray(value)) continue
    properties.push([name, isObject(value) || typeof value === 'string' ? value : JSON.stringify(value)])
  }
  return Object.fromEntries(properties)
}
