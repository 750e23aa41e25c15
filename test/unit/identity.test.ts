import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ChainedTokenCredential } from '@azure/identity'
import { storageCredential } from '../../src/storage/identity.ts'
import { startManagedIdentity, type ManagedIdentity } from '../support/managedIdentity.ts'

let identity: ManagedIdentity
const before = { ...process.env }

beforeAll(async () => {
  identity = await startManagedIdentity()
  // The identity library reads them there.
  Object.assign(process.env, identity.environment)
})

afterAll(async () => {
  delete process.env['IDENTITY_ENDPOINT']
  delete process.env['IDENTITY_HEADER']
  Object.assign(process.env, before)
  await identity.stop()
})

test.each([
  ['the system-assigned one', undefined, null],
  ['the user-assigned one of the settings', 'c', 'c'],
])('the platform’s managed identity reaches storage: %s', async (_, clientId, requested) => {
  const credential = storageCredential(clientId, identity.environment)
  expect((await credential.getToken('https://storage.azure.com/.default'))?.token).toMatch(/^ey/)
  expect(identity.requests.at(-1)?.clientId).toBe(requested)
})

test('without a managed identity it is the developer who is signed in', () => {
  expect(storageCredential(undefined, {})).toBeInstanceOf(ChainedTokenCredential)
})
