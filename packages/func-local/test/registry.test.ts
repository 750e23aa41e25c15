import { expect, test } from '@jest/globals'
import { capturedBinding } from '../src/bindings/captured.ts'
import { registry } from '../src/extensions.ts'
import { createRegistry, type TriggerType } from '../src/registry.ts'
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
  expect(bindingOf('ownTrigger')).toMatchObject({ type: 'ownTrigger', isCaptured: true })
})

test('this host has the triggers and bindings that its README names', () => {
  // A type that is not listed is made anew each time it is asked for.
  for (const type of [
    'httpTrigger',
    'queueTrigger',
    'blobTrigger',
    'timerTrigger',
    'warmupTrigger',
    'eventGridTrigger',
  ])
    expect(registry.trigger(type)).toBe(registry.trigger(type.toUpperCase()))
  for (const type of ['queue', 'blob', 'table', 'durableClient'])
    expect(registry.binding(type)).toBe(registry.binding(type.toUpperCase()))
  expect(registry.trigger('kafkaTrigger')).not.toBe(registry.trigger('kafkaTrigger'))
  expect(registry.binding('kafka').isCaptured).toBe(true)
})
