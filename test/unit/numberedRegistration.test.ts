import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'

// What the app registers when orders are spread over numbered queues. Only the module that a Functions worker provides is replaced.

const registered = new Map<string, unknown>()
const setting = process.env['ORDER_QUEUES']

beforeEach(() => {
  registered.clear()
  jest.resetModules()
  jest.mock(
    '@azure/functions-core',
    () => ({
      version: '4.0.0',
      setProgrammingModel: () => undefined,
      registerFunction: ({ name, bindings }: { name: string; bindings: Record<string, unknown> }) => {
        registered.set(name, Object.values(bindings)[0])
      },
      registerHook: () => undefined,
      log: () => undefined,
    }),
    { virtual: true },
  )
})

afterEach(() => {
  jest.unmock('@azure/functions-core')
  if (setting === undefined) delete process.env['ORDER_QUEUES']
  else process.env['ORDER_QUEUES'] = setting
})

test('each numbered queue has a processor, beside that of orders', async () => {
  process.env['ORDER_QUEUES'] = '3'
  const { warmedUp } = await import('../../src/main.ts')
  await warmedUp
  const processors = [...registered].filter(([name]) => name.startsWith('orderProcessor'))
  expect(processors).toStrictEqual(
    [
      ['orderProcessor', 'orders'],
      ['orderProcessor0', 'orders-0'],
      ['orderProcessor1', 'orders-1'],
      ['orderProcessor2', 'orders-2'],
    ].map(([name, queueName]) => [
      name,
      expect.objectContaining({
        type: 'queueTrigger',
        queueName,
        connection: 'AzureWebJobsStorage',
        dataType: 'binary',
      }),
    ]),
  )
})

test('with a value that is not allowed the app does not load, and says which are', async () => {
  process.env['ORDER_QUEUES'] = '64'
  await expect(import('../../src/main.ts')).rejects.toThrow('Set it to a whole number from 1 to 32')
})
