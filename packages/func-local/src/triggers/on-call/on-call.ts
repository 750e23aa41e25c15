import { isUtf8 } from 'node:buffer'
import { isBinary, requiredInput, textOf, propertyOf } from '../../host/function.ts'
import type { TriggerEvent, TriggerType } from '../../registry.ts'
import { CALLED_VIA_HOST } from '../http.ts'
import { propertyValues, topLevelProperties, withProperties } from '../message-properties.ts'
import { mySql, sql } from './documents.ts'
import { activity, entity, orchestration } from './durable.ts'
import { eventHub, kafka, rabbitMq, serviceBus, signalR } from './messaging.ts'
import type { OnCallKind } from './on-call-kind.ts'
import { SAMPLE_MESSAGE } from './sample.ts'

const KINDS: readonly OnCallKind[] = [
  ...[serviceBus, eventHub, kafka, rabbitMq, signalR],
  ...[sql, mySql],
  ...[activity, orchestration, entity],
]
// Kinds with https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
const WITH_RETRY = ['eventhubtrigger', 'kafkatrigger']

/** A type that nobody here knows: the function gets the data as it is. */
function unknownKind(type: string): OnCallKind {
  return {
    types: [type],
    service: type,
    sample: () => SAMPLE_MESSAGE,
    event: (data, { trigger }) => {
      if (isBinary(trigger) || !isUtf8(data)) return { data: { bytes: data }, metadata: {}, bindingData: {} }
      const text = data.toString('utf8')
      const properties = topLevelProperties(text)
      const metadata = withProperties({}, properties)
      return { data: { string: text }, metadata, bindingData: propertyValues(properties) }
    },
  }
}

/** A trigger that nothing makes fire here. Its function is loaded all the same, and runs when it is called. */
export function onCallTrigger(type: string): TriggerType {
  const kind = KINDS.find(({ types }) => types.includes(type.toLowerCase())) ?? unknownKind(type)
  return {
    type,
    supportsRetry: WITH_RETRY.includes(type.toLowerCase()),
    bind: ({ fn, services }) => {
      const { trigger } = fn
      const property = kind.connectionProperty ?? 'connection'
      const connection =
        typeof propertyOf(trigger, property) === 'string' ? textOf(trigger, property) : undefined
      const event = (data: Buffer): TriggerEvent => {
        const made = kind.event(data, { fn, trigger, services })
        return { ...made, bindingData: () => made.bindingData, reason: CALLED_VIA_HOST }
      }
      return {
        start: () => undefined,
        stop: () => Promise.resolve(),
        adminEvent: (input) => event(Buffer.from(requiredInput(input))),
        byHand: { kind: 'event', sample: () => kind.sample(trigger), event },
        onCall: { service: kind.service, connection, packages: kind.packages ?? [] },
      }
    },
  }
}
