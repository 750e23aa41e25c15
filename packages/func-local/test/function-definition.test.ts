import { describe, expect, test } from '@jest/globals'
import {
  BindingError,
  defineFunction,
  isBinary,
  propertyOf,
  requiredInput,
  requiredText,
  textOf,
  type NamedBinding,
} from '../src/host/function.ts'
import type { BindingInfo, FunctionMetadata } from '../src/protocol.ts'

const metadata = (name: string, bindings: Record<string, BindingInfo>): FunctionMetadata => ({
  functionId: 'id-1',
  name,
  bindings,
})
const TRIGGER: BindingInfo = { type: 'queueTrigger', direction: 'in' }

describe('a function', () => {
  test('has a trigger, inputs and outputs', () => {
    const retryOptions = { retryStrategy: 'fixedDelay', maxRetryCount: 1 } as const
    const fn = defineFunction({
      ...metadata('fn', {
        blob: { type: 'blob', direction: 'in' },
        message: { type: 'QueueTRIGGER', direction: 'in' },
        both: { type: 'x', direction: 'inout' },
        unsaid: { type: 'y' },
        $return: { type: 'http', direction: 'out' },
        more: { type: 'queue', direction: 'out' },
      }),
      retryOptions,
    })
    expect(fn).toMatchObject({ id: 'id-1', name: 'fn', retry: retryOptions })
    expect(fn.trigger).toEqual({ type: 'QueueTRIGGER', direction: 'in', name: 'message' })
    expect(fn.inputs.map(({ name }) => name)).toEqual(['blob', 'both', 'unsaid'])
    expect(fn.outputs.map(({ name }) => name)).toEqual(['$return', 'more'])
  })

  test.each(['a', 'Order_1-x', 'a'.repeat(128), 'hosts'])('can have the name %s', (name) => {
    expect(defineFunction(metadata(name, { in: TRIGGER })).name).toBe(name)
  })

  test.each(['', '1a', '_a', 'a.b', 'a b', 'ä', 'a'.repeat(129), 'a\n'])(
    'cannot have the name %j',
    (name) => {
      expect(() => defineFunction(metadata(name, { in: TRIGGER }))).toThrow(BindingError)
      expect(() => defineFunction(metadata(name, { in: TRIGGER }))).toThrow(
        `'${name}' is not a valid function name: it must begin with a letter, then letters, digits, '_' or '-', at most 128.`,
      )
    },
  )

  test.each(['host', 'HOST'])('cannot have the name %s, which the host keeps', (name) => {
    expect(() => defineFunction(metadata(name, { in: TRIGGER }))).toThrow(
      "'host' is not a name for a function: the host keeps it for itself. Choose another.",
    )
  })

  test.each<[string, Record<string, BindingInfo>, string]>([
    [
      'no trigger',
      { out: { type: 'queue', direction: 'out' } },
      'It has no trigger. Register it with one of the app.* methods.',
    ],
    ['a binding that only sounds like one', { out: { type: 'triggers' } }, 'It has no trigger.'],
    [
      'two triggers',
      { a: TRIGGER, b: TRIGGER },
      'It has more than one trigger. Split it into one function for each.',
    ],
    ['a binding without a type', { a: TRIGGER, b: { direction: 'out' } }, "Its binding 'b' has no type."],
    ['a binding with an empty type', { a: TRIGGER, b: { type: '' } }, "Its binding 'b' has no type."],
  ])('with %s is refused', (_what, bindings, reason) => {
    expect(() => defineFunction(metadata('fn', bindings))).toThrow(BindingError)
    expect(() => defineFunction(metadata('fn', bindings))).toThrow(reason)
  })
})

describe('a property of a binding', () => {
  const binding: NamedBinding = {
    name: 'in',
    type: 'queue',
    queueName: 'orders',
    Connection: 'Mine',
    empty: '',
    nothing: null,
    number: 1,
    no: false,
  }

  test('is found in any case, in its own case first', () => {
    expect(propertyOf(binding, 'QUEUENAME')).toBe('orders')
    expect(propertyOf(binding, 'connection')).toBe('Mine')
    expect(propertyOf({ ...binding, connection: 'Exact' }, 'connection')).toBe('Exact')
    expect(propertyOf(binding, 'number')).toBe(1)
    expect(propertyOf(binding, 'missing')).toBeUndefined()
  })

  test('as text', () => {
    expect(textOf(binding, 'queuename')).toBe('orders')
    for (const absent of ['empty', 'nothing', 'missing']) expect(textOf(binding, absent)).toBeUndefined()
    for (const other of ['number', 'no']) {
      expect(() => textOf(binding, other)).toThrow(BindingError)
      expect(() => textOf(binding, other)).toThrow(`'${other}' of its queue binding must be text.`)
    }
  })

  test('that must be there', () => {
    expect(requiredText(binding, 'queueName')).toBe('orders')
    expect(() => requiredText(binding, 'empty')).toThrow(BindingError)
    expect(() => requiredText(binding, 'empty')).toThrow("'empty' of its queue binding is missing.")
  })

  test('data as bytes, in any case', () => {
    expect(isBinary({ ...binding, dataType: 'binary' })).toBe(true)
    expect(isBinary({ ...binding, dataType: 'BINARY' })).toBe(true)
    expect(isBinary({ ...binding, dataType: 'string' })).toBe(false)
    expect(isBinary(binding)).toBe(false)
  })
})

test('a call of the admin API without the input that a trigger needs is refused', () => {
  expect(requiredInput('')).toBe('')
  expect(() => requiredInput(undefined)).toThrow(BindingError)
  expect(() => requiredInput(undefined)).toThrow('it needs an input: {"input": "…"}.')
})
