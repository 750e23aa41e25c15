import { expect, test } from '@jest/globals'
import { capturedBinding } from '../src/bindings/captured.ts'
import { extensions } from '../src/extensions.ts'
import { bindingTypes } from '../src/host/function.ts'
import { createExtensions, createRegistry, type TriggerType } from '../src/registry.ts'
import { onCallTrigger } from '../src/triggers/on-call/on-call.ts'
import { fakeByHand } from './harness/services.ts'

const trigger: TriggerType = {
  type: 'ownTrigger',
  supportsRetry: false,
  bind: () => ({ start: () => undefined, stop: () => Promise.resolve(), byHand: fakeByHand }),
}

test('triggers and bindings are found by their types, case-insensitive', () => {
  const binding = { type: 'Own' }
  const { trigger: triggerOf, binding: bindingOf } = createRegistry(
    [{ ...trigger, type: 'x' }, trigger],
    [binding],
    { trigger: onCallTrigger, binding: capturedBinding },
  )
  expect(triggerOf('OWNtrigger')).toBe(trigger)
  expect(bindingOf('oWN')).toBe(binding)
  expect(triggerOf('own')).toMatchObject({ type: 'own', supportsRetry: false })
  expect(bindingOf('ownTrigger')).toMatchObject({ type: 'ownTrigger', captured: expect.any(Function) })
})

test('this host has the triggers and bindings that its README names, under their types', async () => {
  const { trigger: triggerOf, binding: bindingOf } = await extensions.load(extensions.types)
  const named = {
    triggers: [
      ...['httpTrigger', 'queueTrigger', 'blobTrigger', 'timerTrigger', 'warmupTrigger', 'eventGridTrigger'],
      ...['cosmosDBTrigger', 'mcpToolTrigger', 'mcpResourceTrigger', 'mcpPromptTrigger'],
    ],
    bindings: ['queue', 'blob', 'table', 'cosmosDB', 'durableClient', 'orchestrationClient'],
  }
  expect([...extensions.types].sort()).toEqual([...named.triggers, ...named.bindings].sort())
  for (const type of named.triggers) expect(triggerOf(type.toUpperCase()).type).toBe(type)
  for (const type of named.bindings) expect(bindingOf(type.toUpperCase()).type).toBe(type)
})

test('a type that is not listed is on call, or captured', async () => {
  const { trigger: triggerOf, binding: bindingOf } = await extensions.load(['kafkaTrigger', 'kafka'])
  expect(triggerOf('kafkaTrigger')).toMatchObject({ type: 'kafkaTrigger' })
  expect(bindingOf('kafka').captured).toBeDefined()
})

test('an app loads the kinds that it has, and no others', async () => {
  const loads: string[] = []
  const lazy = <Kind>(type: string, kind: Kind): { type: string; load: () => Promise<Kind> } => ({
    type,
    load: () => {
      loads.push(type)
      return Promise.resolve(kind)
    },
  })
  const own = createExtensions(
    [trigger, lazy('lateTrigger', { ...trigger, type: 'lateTrigger' })],
    [{ type: 'there' }, lazy('late', { type: 'late' }), lazy('later', { type: 'later' })],
    () => {
      loads.push('otherwise')
      return Promise.resolve({ trigger: onCallTrigger, binding: capturedBinding })
    },
  )
  const functions = [
    {
      functionId: '1',
      name: 'one',
      bindings: {
        in: { type: 'owntrigger', direction: 'in' },
        out: { type: 'http', direction: 'out' },
        $return: { type: 'LATE', direction: 'out' },
      },
    },
  ] as const
  const { trigger: triggerOf, binding: bindingOf } = await own.load(bindingTypes(functions))
  expect(loads).toEqual(['late'])
  expect(triggerOf('ownTrigger')).toBe(trigger)
  expect(bindingOf('late')).toEqual({ type: 'late' })
  expect(() => triggerOf('lateTrigger')).toThrow("The trigger type 'lateTrigger' is not loaded.")
  expect(() => bindingOf('later')).toThrow("The binding type 'later' is not loaded.")

  await own.load(['unheardTrigger'])
  expect(loads).toEqual(['late', 'otherwise'])
})
