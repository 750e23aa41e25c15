import { expect, test } from '@jest/globals'
import { registry } from '../src/extensions.ts'
import { createRegistry, type TriggerType } from '../src/registry.ts'

const listener = { start: () => undefined, stop: () => Promise.resolve() }
const trigger: TriggerType = { type: 'ownTrigger', supportsRetry: false, bind: () => listener }

test('triggers and bindings are found by their types, case-insensitive', () => {
  const binding = { type: 'Own' }
  const { trigger: triggerOf, binding: bindingOf } = createRegistry(
    [{ ...trigger, type: 'x' }, trigger],
    [binding],
  )
  expect([triggerOf('OWNtrigger'), triggerOf('own')]).toEqual([trigger, undefined])
  expect([bindingOf('oWN'), bindingOf('ownTrigger')]).toEqual([binding, undefined])
})

test('this host has the triggers and bindings that its README names', () => {
  for (const type of ['httpTrigger', 'queueTrigger', 'blobTrigger', 'timerTrigger', 'warmupTrigger'])
    expect(registry.trigger(type)?.type.toLowerCase()).toBe(type.toLowerCase())
  for (const type of ['queue', 'blob', 'table']) expect(registry.binding(type)?.type).toBe(type)
})
