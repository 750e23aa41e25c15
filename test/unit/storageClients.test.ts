import { afterEach, expect, test } from '@jest/globals'
import { storageClients } from '../../src/storage/azure.ts'

const endpoint = process.env['IDENTITY_ENDPOINT']

afterEach(() => {
  if (endpoint === undefined) delete process.env['IDENTITY_ENDPOINT']
  else process.env['IDENTITY_ENDPOINT'] = endpoint
})

const urls = async (environment: NodeJS.ProcessEnv) => {
  const { table, queues } = await storageClients(environment)
  return [table.url, queues.getQueueClient('orders').url]
}

test('the clients use the endpoints of a connection string', async () => {
  expect(await urls({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' })).toStrictEqual([
    'http://127.0.0.1:10002/devstoreaccount1',
    'http://127.0.0.1:10001/devstoreaccount1/orders',
  ])
})

test.each([
  ['a managed identity', { IDENTITY_ENDPOINT: 'http://127.0.0.1:9/token' }],
  [
    'a user-assigned one',
    { IDENTITY_ENDPOINT: 'http://127.0.0.1:9/token', AzureWebJobsStorage__clientId: 'c' },
  ],
  ['a developer who is signed in', {}],
])('the clients go to the account, or the addresses, of identity-based settings: %s', async (_, more) => {
  // The identity library also reads it from the environment of the process.
  if ('IDENTITY_ENDPOINT' in more) process.env['IDENTITY_ENDPOINT'] = more.IDENTITY_ENDPOINT
  expect(await urls({ AzureWebJobsStorage__accountName: 'shop', ...more })).toStrictEqual([
    'https://shop.table.core.windows.net',
    'https://shop.queue.core.windows.net/orders',
  ])
  expect(
    await urls({
      AzureWebJobsStorage__queueServiceUri: 'https://q.example',
      AzureWebJobsStorage__tableServiceUri: 'https://t.example',
      ...more,
    }),
  ).toStrictEqual(['https://t.example', 'https://q.example/orders'])
})
