import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { fakeFunctionsCore, type FakeFunctionsCore } from '../support/functionsCore.ts'

// What the app registers when orders are spread over numbered queues. Only the module that a Functions worker provides is replaced.

let core: FakeFunctionsCore
const setting = process.env['ORDER_QUEUES']

beforeEach(() => {
  core = fakeFunctionsCore()
})

afterEach(() => {
  core.restore()
  if (setting === undefined) delete process.env['ORDER_QUEUES']
  else process.env['ORDER_QUEUES'] = setting
})

test('each numbered queue has a processor, beside that of orders', async () => {
  process.env['ORDER_QUEUES'] = '3'
  const { warmedUp } = await import('../../src/main.ts')
  await warmedUp
  const processors = [...core.functions.values()]
    .filter(({ name }) => name.startsWith('orderProcessor'))
    .map(({ name, trigger }) => [name, trigger])
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
