import { randomUUID } from 'node:crypto'
import { isObject } from '../../config/json-file.ts'
import { BindingError } from '../../host/function.ts'
import { jsonOf } from './hand-data.ts'
import type { OnCallEvent, OnCallKind } from './on-call-kind.ts'
import { SAMPLE_MESSAGE } from './sample.ts'
import { jsonIn } from '../../json-text.ts'

/*
 * Durable Functions without their engine: an activity and an entity's operation run whole, an orchestrator runs to where it
 * waits for the first time, and returns what it would have the engine do.
 */

const PACKAGES = ['durable-functions']

/** Text that is no JSON is a JSON text. */
function inputOf(data: Buffer): string {
  const text = data.toString('utf8')
  return jsonIn(text) === undefined ? JSON.stringify(text) : text
}

/**
 * The handler gets the activity's input:
 * https://github.com/Azure/azure-functions-durable-extension/blob/dev/src/WebJobs.Extensions.DurableTask/Bindings/ActivityTriggerAttributeBindingProvider.cs
 */
export const activity: OnCallKind = {
  types: ['activitytrigger'],
  service: 'Durable Functions',
  packages: PACKAGES,
  sample: () => SAMPLE_MESSAGE,
  event: (data) => {
    const input = inputOf(data)
    const instanceId = newInstanceId()
    return {
      data: { string: input },
      metadata: { data: { string: input }, instanceId: { string: instanceId } },
      bindingData: { data: input, instanceId },
    }
  },
}

const EVENT = { executionStarted: 0, orchestratorStarted: 12 }
/** The newest form of actions that the extension and the library speak. */
const UPPER_SCHEMA_VERSION = 3

/**
 * An orchestration that has just begun, with the data as its input; or the whole of what the engine would send, `{ "history": … }`:
 * https://github.com/Azure/azure-functions-durable-extension/blob/dev/src/WebJobs.Extensions.DurableTask/Bindings/OrchestrationTriggerAttributeBindingProvider.cs
 */
export const orchestration: OnCallKind = {
  types: ['orchestrationtrigger'],
  service: 'Durable Functions',
  packages: PACKAGES,
  sample: () => SAMPLE_MESSAGE,
  event: (data, { fn }) => {
    const text = inputOf(data)
    const given: unknown = JSON.parse(text)
    if (isObject(given) && Array.isArray(given['history'])) return durableEvent(given)
    const Timestamp = new Date().toISOString()
    const common = { EventId: -1, IsPlayed: false, Timestamp }
    return durableEvent({
      history: [
        { ...common, EventType: EVENT.orchestratorStarted },
        { ...common, EventType: EVENT.executionStarted, Name: fn.name, Input: text, Version: '', Tags: null },
      ],
      input: given,
      instanceId: newInstanceId(),
      isReplaying: false,
      parentInstanceId: null,
      upperSchemaVersion: UPPER_SCHEMA_VERSION,
      upperSchemaVersionNew: UPPER_SCHEMA_VERSION,
      longRunningTimerIntervalDuration: '3.00:00:00',
      maximumShortTimerDuration: '6.00:00:00',
      defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
    })
  },
}

/**
 * One operation of an entity that does not exist yet, `{ "name": "add", "input": 1 }`, with its `state` and `key` if they are
 * given; or the whole of what the engine would send, `{ "batch": … }`:
 * https://github.com/Azure/azure-functions-durable-extension/blob/dev/src/WebJobs.Extensions.DurableTask/Bindings/EntityTriggerAttributeBindingProvider.cs
 */
export const entity: OnCallKind = {
  types: ['entitytrigger'],
  service: 'Durable Functions',
  packages: PACKAGES,
  sample: () => '{"name":"get"}',
  event: (data, { fn }) => {
    const given = jsonOf(data, 'an operation, {"name": "…", "input": …}')
    if (!isObject(given))
      throw new BindingError('its data must be an operation, a JSON object with its "name".')
    if (Array.isArray(given['batch'])) return durableEvent(given)
    const { name, input, state, key } = given
    return durableEvent({
      self: { name: fn.name.toLowerCase(), key: typeof key === 'string' ? key : 'sample' },
      exists: state !== undefined,
      state: state === undefined ? null : JSON.stringify(state),
      batch: [
        {
          id: randomUUID(),
          name: typeof name === 'string' ? name : 'get',
          signal: false,
          input: input === undefined ? null : JSON.stringify(input),
        },
      ],
    })
  },
}

function durableEvent(context: Readonly<Record<string, unknown>>): OnCallEvent {
  return { data: { string: JSON.stringify(context) }, metadata: {}, bindingData: {} }
}

/** As the engine makes them. */
function newInstanceId(): string {
  return randomUUID().replaceAll('-', '')
}
