import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { fakeFunctionsCore, type FakeFunctionsCore } from '../support/functionsCore.ts'

// What the app registers when its records are in Cosmos DB. Only the module that a Functions worker provides is replaced.

let core: FakeFunctionsCore
const before = { ...process.env }

beforeEach(() => {
  core = fakeFunctionsCore()
})

afterEach(() => {
  core.restore()
  process.env = { ...before }
})

async function load(settings: Readonly<Record<string, string>>) {
  Object.assign(process.env, settings)
  const { warmedUp } = await import('../../src/main.ts')
  await warmedUp
}

const CONNECTION = 'AccountEndpoint=http://127.0.0.1:9/;AccountKey=a2V5'

test('orderChanged follows the changes of the records, from the first one, and retries a batch for ever', async () => {
  await load({ ORDER_STORE: 'cosmos', CosmosDb: CONNECTION })
  const { trigger, metadata } = core.functions.get('orderChanged') ?? {}
  expect(trigger).toMatchObject({
    type: 'cosmosDBTrigger',
    connection: 'CosmosDb',
    databaseName: 'orders',
    containerName: 'orders',
    leaseContainerName: 'leases',
    createLeaseContainerIfNotExists: true,
    startFromBeginning: true,
    maxItemsPerInvocation: 100,
  })
  expect(metadata?.retryOptions).toMatchObject({ strategy: 'exponentialBackoff', maxRetryCount: -1 })
})

test('an identity creates no container of leases: it may not', async () => {
  await load({ ORDER_STORE: 'cosmos', CosmosDb__accountEndpoint: 'https://127.0.0.1:9/' })
  expect(core.functions.get('orderChanged')?.trigger).toMatchObject({
    createLeaseContainerIfNotExists: false,
  })
})

test('with tables there is no such function', async () => {
  await load({ ORDER_STORE: 'tables', CosmosDb: CONNECTION })
  expect(core.functions.has('orderProcessor')).toBe(true)
  expect(core.functions.has('orderChanged')).toBe(false)
})

test.each([
  [{ ORDER_STORE: 'mongo' }, 'Set it to tables or cosmos'],
  [{ ORDER_STORE: 'cosmos' }, 'Cosmos DB is not configured'],
])('with %j the app does not load, and says why', async (settings, message) => {
  await expect(load(settings)).rejects.toThrow(message)
})
