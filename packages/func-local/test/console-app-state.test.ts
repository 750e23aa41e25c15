import { describe, expect, test } from '@jest/globals'
import { shownFunctions, type ShownGeneration } from '../src/console/app-state.ts'
import type { LoadedFunction } from '../src/host/generation.ts'
import type { Listener } from '../src/registry.ts'
import { fakeByHand, fakeFunction, fakeServices } from './harness/services.ts'

const { settings } = fakeServices()
const idle: Listener = { start: () => undefined, stop: () => Promise.resolve(), byHand: fakeByHand }
const loaded = (
  trigger: Readonly<Record<string, unknown>> & { readonly type: string },
  changes: Partial<Omit<LoadedFunction, 'definition'>> & { readonly name?: string } = {},
): LoadedFunction => {
  const { name = 'fn', ...others } = changes
  const never = (): Promise<never> => Promise.reject(new Error('not called'))
  const definition = fakeFunction(trigger, { name })
  return { definition, disabled: false, listener: idle, invoke: never, invokeOnce: never, ...others }
}
const shown = (generation: Partial<ShownGeneration>): unknown =>
  shownFunctions({ functions: [], refusals: [], worker: { functions: [], pid: 1 }, ...generation }, settings)

describe('how a function is shown', () => {
  test.each<[string, Readonly<Record<string, unknown>>, string | undefined, object]>([
    ['queueTrigger', { queueName: 'inbox' }, 'inbox', { kind: 'queue', queue: 'AzureWebJobsStorage/inbox', sample: 'sample' }],
    ['queueTrigger', { queueName: '%NONE%' }, '%NONE%', { kind: 'other', sample: 'sample' }],
    ['blobTrigger', { path: 'box/{name}' }, 'box/{name}', { kind: 'blob', path: 'box/{name}', sample: 'sample' }],
    ['blobTrigger', {}, undefined, { kind: 'blob', path: '', sample: 'sample' }],
    ['timerTrigger', { schedule: '0 * * * * *' }, '0 * * * * *', { kind: 'timer', sample: 'sample' }],
    ['serviceBusTrigger', { topicName: 't' }, 't', { kind: 'other', sample: 'sample' }],
    ['odd', { queueName: 5 }, undefined, { kind: 'other', sample: 'sample' }],
  ])('%s with %j', (type, properties, source, form) => {
    expect(shown({ functions: [loaded({ type, ...properties })] })).toEqual([
      { name: 'fn', trigger: type, source, state: 'ready', reason: undefined, form },
    ])
  }) // prettier-ignore

  test('with its state and the reason, in order of the names', () => {
    const onCall = { ...idle, onCall: { service: 'Service Bus', connection: undefined, packages: [] } }
    const functions = [
      loaded({ type: 'timerTrigger' }, { name: 'a' }),
      loaded({ type: 'timerTrigger' }, { name: 'c', disabled: true }),
      loaded({ type: 'serviceBusTrigger' }, { name: 'd', listener: onCall }),
    ]
    const refusals = [{ name: 'b', reason: 'its name is bad' }, { name: 'e', reason: 'it has no trigger' }]
    const worker = {
      pid: 1,
      functions: [{ functionId: 'b', name: 'b', bindings: { in: { type: 'queueTrigger' }, out: {} } }],
    }
    expect(shown({ functions, refusals, worker })).toMatchObject([
      { name: 'a', state: 'ready' },
      { name: 'b', state: 'error', reason: 'its name is bad', trigger: 'queueTrigger', form: undefined },
      { name: 'c', state: 'disabled', reason: 'AzureWebJobs.c.Disabled is set.', form: { kind: 'timer' } },
      { name: 'd', state: 'onCall', reason: 'func-local does not listen to Service Bus: call it from here.' },
      { name: 'e', state: 'error', trigger: '' },
    ])
  }) // prettier-ignore

  test('an HTTP function without a described request has empty fields', () => {
    const endpoint = {
      ...{ methods: undefined, template: 'x/{*rest}', route: 'x/{*rest}', authLevel: 'anonymous' as const },
      ...{ match: () => undefined, handle: () => Promise.resolve() },
    }
    const http = (sample: string): object[] =>
      shown({
        functions: [
          loaded({ type: 'httpTrigger' }, { listener: { ...idle, endpoint, byHand: { ...fakeByHand, sample: () => sample } } }),
        ],
      }) as object[]
    const form = { kind: 'http', method: 'GET', body: undefined, params: [{ name: 'rest', value: '', isOptional: true }] }
    expect(http('text')).toMatchObject([{ form, source: '/x/{*rest}' }])
    expect(http('{"body":"text","params":{"rest":5}}')).toMatchObject([{ form: { ...form, body: 'text' } }])
  }) // prettier-ignore
})
