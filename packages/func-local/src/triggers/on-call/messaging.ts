import { randomUUID } from 'node:crypto'
import { isoWithOffset } from '../../date-text.ts'
import { BindingError, propertyOf, textOf, type NamedBinding } from '../../host/function.ts'
import { isObject } from '../../config/json-file.ts'
import type { TypedData } from '../../protocol.ts'
import { propertyValues, topLevelProperties, withProperties } from '../message-properties.ts'
import { isMany, messageData, messagesOf, metadataOf, sampleFor } from './hand-data.ts'
import type { OnCallEvent, OnCallKind } from './on-call-kind.ts'
import { SAMPLE_MESSAGE } from './sample.ts'
import { receivedMessage } from './service-bus-message.ts'
import { jsonIn } from '../../json-text.ts'

const SECOND_MESSAGE = '{"id":"2","name":"sample"}'
const samples = (trigger: NamedBinding): string => sampleFor(trigger, [SAMPLE_MESSAGE, SECOND_MESSAGE])

/** Lets a message's own properties override the metadata, as the real host does for a single text message. */
function eventOf(
  trigger: NamedBinding,
  messages: readonly Buffer[],
  values: Readonly<Record<string, unknown>>,
  data: TypedData = messageData(messages, trigger),
): OnCallEvent {
  const properties = data.string === undefined ? [] : topLevelProperties(data.string)
  return {
    data,
    metadata: withProperties(metadataOf(values), properties),
    bindingData: { ...camelCased(values), ...propertyValues(properties) },
  }
}

/** Binding expressions name metadata in camel case. */
function camelCased(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, value]),
  )
}

/** One value of each message: `X` for a single message, `XArray` for several. */
function perMessage(
  trigger: NamedBinding,
  count: number,
  valuesOf: (index: number) => Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  if (!isMany(trigger)) return { ...valuesOf(0) }
  const all = Array.from({ length: count }, (_, index) => valuesOf(index))
  return Object.fromEntries(
    Object.keys(all[0] ?? {}).map((name) => [`${name}Array`, all.map((values) => values[name] ?? null)]),
  )
}

const LIFETIME_MS = 14 * 24 * 60 * 60 * 1000

/**
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus-trigger and
 * https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/servicebus/Microsoft.Azure.WebJobs.Extensions.ServiceBus/src/Triggers/ServiceBusTriggerBindingStrategy.cs
 */
export const serviceBus: OnCallKind = {
  types: ['servicebustrigger'],
  service: 'Service Bus',
  connectionProperty: 'connection',
  packages: ['@azure/service-bus'],
  sample: samples,
  event: (data, { trigger }) => {
    const messages = messagesOf(data, trigger)
    const now = new Date()
    const ids = messages.map(() => ({ messageId: randomUUID(), lockToken: randomUUID() }))
    const values = perMessage(trigger, messages.length, (index) => ({
      DeliveryCount: 1,
      LockToken: ids[index]?.lockToken,
      ExpiresAtUtc: new Date(now.getTime() + LIFETIME_MS),
      ExpiresAt: isoWithOffset(new Date(now.getTime() + LIFETIME_MS)),
      EnqueuedTimeUtc: now,
      EnqueuedTime: isoWithOffset(now),
      MessageId: ids[index]?.messageId,
      SequenceNumber: index + 1,
      ApplicationProperties: {},
      UserProperties: {},
      ...((textOf(trigger, 'sessionId') ?? propertyOf(trigger, 'isSessionsEnabled') === true)
        ? { SessionId: 'session' }
        : {}),
    }))
    if (propertyOf(trigger, 'sdkBinding') !== true) return eventOf(trigger, messages, values)
    const received = messages.map((body, index) =>
      receivedMessage(body, {
        ...(ids[index] ?? { messageId: '', lockToken: '' }),
        enqueued: now,
        sequence: index + 1,
      }),
    )
    const [first] = received
    return eventOf(
      trigger,
      messages,
      values,
      isMany(trigger) || first === undefined
        ? { collectionModelBindingData: { modelBindingData: received } }
        : { modelBindingData: first },
    )
  },
}

/**
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs-trigger and
 * https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/eventhub/Microsoft.Azure.WebJobs.Extensions.EventHubs/src/Triggers/EventHubTriggerBindingStrategy.cs
 */
export const eventHub: OnCallKind = {
  types: ['eventhubtrigger'],
  service: 'Event Hubs',
  connectionProperty: 'connection',
  packages: ['@azure/event-hubs'],
  sample: samples,
  event: (data, { trigger }) => {
    const messages = messagesOf(data, trigger)
    const enqueued = new Date()
    const values = perMessage(trigger, messages.length, (index) => {
      const own = { SequenceNumber: index, Offset: String(index), EnqueuedTimeUtc: enqueued }
      return { ...own, PartitionKey: null, Properties: {}, SystemProperties: { ...own, PartitionKey: null } }
    })
    const partition = {
      FullyQualifiedNamespace: '',
      EventHubName: textOf(trigger, 'eventHubName') ?? '',
      ConsumerGroup: textOf(trigger, 'consumerGroup') ?? '$Default',
      PartitionId: '0',
      Owner: '',
    }
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
    return eventOf(trigger, messages, { ...given, PartitionContext: partition })
  },
}

/**
 * The function gets the record as JSON: https://learn.microsoft.com/azure/azure-functions/functions-bindings-kafka-trigger and
 * https://github.com/Azure/azure-functions-kafka-extension/blob/dev/src/Microsoft.Azure.WebJobs.Extensions.Kafka/KafkaEventData.cs
 */
export const kafka: OnCallKind = {
  types: ['kafkatrigger'],
  service: 'Kafka',
  connectionProperty: 'brokerList',
  packages: ['kafkajs', 'node-rdkafka', '@confluentinc/kafka-javascript'],
  sample: samples,
  event: (data, { trigger }) => {
    const records = messagesOf(data, trigger).map((message, index) =>
      Buffer.from(JSON.stringify(kafkaRecord(message.toString('utf8'), index, trigger))),
    )
    return eventOf(trigger, records, { Topic: textOf(trigger, 'topic') ?? '' }, messageData(records, trigger))
  },
}

function kafkaRecord(text: string, index: number, trigger: NamedBinding): unknown {
  const given = jsonIn(text)
  if (isObject(given) && 'Value' in given) return given
  return {
    Offset: index,
    Partition: 0,
    Topic: textOf(trigger, 'topic') ?? '',
    Timestamp: new Date().toISOString(),
    Value: text,
    Key: null,
    Headers: [],
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-rabbitmq-trigger */
export const rabbitMq: OnCallKind = {
  types: ['rabbitmqtrigger'],
  service: 'RabbitMQ',
  connectionProperty: 'connectionStringSetting',
  packages: ['amqplib'],
  sample: () => SAMPLE_MESSAGE,
  event: (data, { trigger }) =>
    eventOf(trigger, [data], {
      DeliveryTag: 1,
      Redelivered: false,
      Exchange: '',
      RoutingKey: textOf(trigger, 'queueName') ?? '',
      BasicProperties: {},
    }),
}

/**
 * The function gets an invocation of a hub's method as JSON:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-signalr-service-trigger
 */
export const signalR: OnCallKind = {
  types: ['signalrtrigger'],
  service: 'SignalR',
  connectionProperty: 'connectionStringSetting',
  sample: () => '["sample"]',
  event: (data, { trigger }) => {
    const given = jsonIn(data)
    if (given === undefined)
      throw new BindingError('its data must be the arguments of the method, a JSON array.')
    const context =
      isObject(given) && 'Arguments' in given
        ? given
        : {
            ConnectionId: 'connection',
            UserId: null,
            Hub: textOf(trigger, 'hubName') ?? '',
            Category: textOf(trigger, 'category') ?? 'messages',
            Event: textOf(trigger, 'event') ?? '',
            Arguments: Array.isArray(given) ? (given as unknown[]) : [given],
            Error: null,
            Headers: {},
            Query: {},
            Claims: {},
          }
    return eventOf(trigger, [Buffer.from(JSON.stringify(context))], { ...context })
  },
}
