import { isObject } from '../config/json-file.ts'
import { BindingError, requiredInput } from '../host/function.ts'
import { formatDate } from '../date-text.ts'
import type { TriggerEvent, TriggerType } from '../registry.ts'
import { CALLED_VIA_HOST } from './http.ts'
import { propertyValues, topLevelProperties, withProperties } from './message-properties.ts'
import { elementsOf, isMany, jsonOf, metadataValue } from './on-call/hand-data.ts'

const ACCEPTED = 202
const INTERNAL_ERROR = 500

/** Of the documentation's example: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage */
const SAMPLE = {
  id: '831e1650-001e-001b-66ab-eeb76e069631',
  topic:
    '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/sample/providers/Microsoft.Storage/storageAccounts/sample',
  subject: '/blobServices/default/containers/samples/blobs/sample.txt',
  eventType: 'Microsoft.Storage.BlobCreated',
  eventTime: '2026-01-01T00:00:00Z',
  data: {
    api: 'PutBlob',
    contentType: 'text/plain',
    contentLength: 6,
    blobType: 'BlockBlob',
    url: 'https://sample.blob.core.windows.net/samples/sample.txt',
  },
  dataVersion: '',
  metadataVersion: '1',
}

/**
 * The Event Grid trigger, fired by `POST /runtime/webhooks/EventGrid?functionName=<name>`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-grid-trigger and
 * https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid/src/Config/EventGridExtensionConfigProvider.cs
 */
export const eventGridTrigger: TriggerType = {
  type: 'eventGridTrigger',
  supportsRetry: false,
  bind: ({ fn, invoke }) => {
    const many = isMany(fn.trigger)
    const eventOf = many ? batchEvent : singleEvent
    const called = (data: Buffer): TriggerEvent => {
      const events = elementsOf(data, 'an event or an array of events')
      const [first] = events
      if (!many && events.length !== 1) throw new BindingError('its data must be one event.')
      return { ...eventOf(many ? events : first), reason: CALLED_VIA_HOST }
    }
    return {
      start: () => undefined,
      stop: () => Promise.resolve(),
      adminEvent: (input) => ({
        ...eventOf(jsonOf(Buffer.from(requiredInput(input)), 'an event')),
        reason: CALLED_VIA_HOST,
      }),
      byHand: {
        kind: 'event',
        sample: () => JSON.stringify(many ? [SAMPLE] : SAMPLE),
        event: called,
      },
      webhook: {
        extension: 'eventgrid',
        functionName: fn.name,
        handle: async (events) => {
          const made = many ? [events] : events
          const outcomes = await Promise.all(made.map((value) => deliver(value)))
          return outcomes.every(Boolean)
            ? { status: ACCEPTED }
            : // Event Grid delivers again, all of them.
              { status: INTERNAL_ERROR, text: `Exception while executing function: Functions.${fn.name}` }
        },
      },
    }

    async function deliver(value: unknown): Promise<boolean> {
      try {
        return (await invoke({ ...eventOf(value), reason: `EventGrid trigger fired at ${now()}` })).ok
      } catch (error) {
        if (error instanceof BindingError) return false
        throw error
      }
    }
  },
}

/** @throws {BindingError} when it is no object. */
function singleEvent(value: unknown): Omit<TriggerEvent, 'reason'> {
  if (!isObject(value)) throw new BindingError('its data must be an event, a JSON object.')
  const text = indented(value)
  const properties = topLevelProperties(text)
  const data = value['data']
  return {
    data: { string: text },
    metadata: withProperties(
      data === undefined || data === null ? {} : { data: metadataValue(data) },
      properties,
    ),
    bindingData: () => ({ data, ...propertyValues(properties) }),
  }
}

function batchEvent(value: unknown): Omit<TriggerEvent, 'reason'> {
  const events: readonly unknown[] = Array.isArray(value) ? value : [value]
  const data = events.map((event) => (isObject(event) ? event['data'] : undefined))
  return {
    data: { collectionString: { string: events.map(indented) } },
    metadata: { data: { json: JSON.stringify(data.map((one) => one ?? null)) } },
    bindingData: () => ({ data }),
  }
}

/** As .NET writes JSON for people. */
function indented(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

function now(): string {
  return formatDate(new Date(), 'o') ?? ''
}
