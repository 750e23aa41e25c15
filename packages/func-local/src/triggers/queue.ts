import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { resolveSettings } from '../binding-expression.ts'
import { queueNameOf } from '../bindings/queue.ts'
import { systemClock } from '../clock.ts'
import { detailTime, isoWithOffset } from '../date-text.ts'
import { isBinary, requiredInput, requiredText, textOf } from '../host/function.ts'
import type { TypedData } from '../protocol.ts'
import type { TriggerEvent, TriggerType } from '../registry.ts'
import { connectionName, resolveConnection } from '../storage/connection.ts'
import { readQueueOptions } from '../storage/queue-options.ts'
import { openQueue } from '../storage/queues.ts'
import { CALLED_VIA_HOST } from './http.ts'
import { SAMPLE_MESSAGE } from './on-call/sample.ts'
import { propertyValues, topLevelProperties, withProperties } from './message-properties.ts'
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
    const queueName = queueNameOf(
      resolveSettings(requiredText(fn.trigger, 'queueName'), services.settings),
      fn.trigger,
    )
    const connection = textOf(fn.trigger, 'connection')
    resolveConnection(services.settings, connection)
    const binary = isBinary(fn.trigger)
    const options = readQueueOptions(services.hostConfig)
    const listener = createQueueListener({
      queueName,
      connection: connectionName(connection),
      options,
      leaseSeconds: leaseSeconds(services.settings.get('FUNC_LOCAL_QUEUE_LEASE_SECONDS')),
      open: (name) => openQueue(services.settings, connection, name),
      log: services.log,
      clock: systemClock,
      run: async (body, info) => {
        if (!binary && !isUtf8(body)) {
          services.log.write(
            `Function.${fn.name}`,
            'error',
            `Message '${info.id}' of queue '${queueName}' is not UTF-8 text, so function 'Functions.${fn.name}' cannot run with it. Set dataType: 'binary' on the trigger to get the bytes.`,
          )
          return false
        }
        const outcome = await invoke(messageEvent(queueName, body, info, binary))
        return outcome.ok
      },
    })
    const called = (body: Buffer, id: string, dequeueCount: number): TriggerEvent => {
      const now = new Date()
      const times = { insertedOn: now, expiresOn: now, nextVisibleOn: now }
      const info = { id, popReceipt: '', dequeueCount, ...times }
      return { ...messageEvent(queueName, body, info, binary), reason: CALLED_VIA_HOST }
    }
    return {
      ...listener,
      adminEvent: (input) => called(Buffer.from(requiredInput(input)), '', 0),
      byHand: {
        kind: 'event',
        sample: () => SAMPLE_MESSAGE,
        event: (data) => called(data, randomUUID(), 1),
      },
    }
  },
}

const DEFAULT_LEASE_SECONDS = 600
// https://learn.microsoft.com/rest/api/storageservices/get-messages#uri-parameters
const LONGEST_LEASE_SECONDS = 7 * 24 * 60 * 60

function leaseSeconds(setting: string | undefined): number {
  const seconds = Number(setting)
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_LEASE_SECONDS
    ? seconds
    : DEFAULT_LEASE_SECONDS
}

/** What the function gets of a message. */
function messageEvent(queueName: string, body: Buffer, info: MessageInfo, binary: boolean): TriggerEvent {
  const text = body.toString('utf8')
  const times = {
    ExpirationTime: isoWithOffset(info.expiresOn),
    InsertionTime: isoWithOffset(info.insertedOn),
    NextVisibleTime: isoWithOffset(info.nextVisibleOn),
  }
  // Bytes that are no text have no text.
  const isText = !binary || isUtf8(body)
  const properties = binary ? [] : topLevelProperties(text)
  const metadata: Record<string, TypedData> = {
    ...(isText ? { QueueTrigger: { string: text } } : {}),
    DequeueCount: { json: String(info.dequeueCount) },
    Id: { string: info.id },
    PopReceipt: { string: info.popReceipt },
  }
  for (const [name, time] of Object.entries(times)) metadata[name] = { json: JSON.stringify(time) }
  return {
    data: binary ? { bytes: body } : { string: text },
    metadata: withProperties(metadata, properties),
    bindingData: () => ({
      ...(isText ? { queueTrigger: text } : {}),
      dequeueCount: info.dequeueCount,
      id: info.id,
      popReceipt: info.popReceipt,
      ...times,
      ...propertyValues(properties),
    }),
    reason: `New queue message detected on '${queueName}'.`,
    details: `MessageId: ${info.id}, DequeueCount: ${info.dequeueCount}, InsertedOn: ${detailTime(info.insertedOn)}`,
  }
}
