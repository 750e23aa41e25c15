import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { selfSignedCertificate } from '../support/certificate.ts'
import { startHttpsProxy, type HttpsProxy } from '../support/httpsProxy.ts'
import { startManagedIdentity, type ManagedIdentity } from '../support/managedIdentity.ts'

// The identity-based settings with a storage that requires tokens: Azurite with OAuth, which it supports only over HTTPS, with a
// certificate that is created here. The tokens come from a fake of the platform's managed identity endpoint, through the real
// @azure/identity. The roles of the identity exist only in Azure and are not tested here.

jest.setTimeout(60_000)

const ACCOUNT = 'devstoreaccount1'
const CLIENT_ID = '11111111-2222-3333-4444-555555555555'

let folder: string
let azurite: Azurite
let identity: ManagedIdentity

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'identity-'))
  const { cert, key } = selfSignedCertificate([
    '127.0.0.1',
    `${ACCOUNT}.queue.core.windows.net`,
    `${ACCOUNT}.table.core.windows.net`,
  ])
  await writeFile(path.join(folder, 'cert.pem'), cert)
  await writeFile(path.join(folder, 'key.pem'), key)
  const file = (name: string) => path.join(folder, name)
  azurite = await startAzurite({
    extraArguments: ['--oauth', 'basic', '--cert', file('cert.pem'), '--key', file('key.pem')],
  })
})

afterAll(async () => {
  await azurite.stop()
  await rm(folder, { recursive: true })
})

beforeEach(async () => {
  identity = await startManagedIdentity()
})

afterEach(() => identity.stop())

const serviceUris = () => ({
  AzureWebJobsStorage__queueServiceUri: `https://127.0.0.1:${azurite.ports.queue}/${ACCOUNT}`,
  AzureWebJobsStorage__tableServiceUri: `https://127.0.0.1:${azurite.ports.table}/${ACCOUNT}`,
  AzureWebJobsStorage__credential: 'managedidentity',
})

/** Runs the order service as a process. Returns the records that it reads. */
async function placeOrders(settings: Readonly<Record<string, string>>): Promise<unknown> {
  const script = path.join(import.meta.dirname, '../support/identityOrders.ts')
  const environment = {
    PATH: process.env['PATH'],
    NODE_EXTRA_CA_CERTS: path.join(folder, 'cert.pem'),
    ...identity.environment,
    ...settings,
  }
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: environment,
    timeout: 30_000,
  })
  return JSON.parse(stdout) as unknown
}

const records = [
  expect.objectContaining({ id: 'placed', status: 'processed' }),
  expect.objectContaining({ id: 'accepted', status: 'accepted', quantity: 2 }),
]

describe('the identity-based settings', () => {
  it('store and enqueue orders with tokens of the system-assigned identity', async () => {
    expect(await placeOrders(serviceUris())).toStrictEqual(records)
    expect(identity.requests.length).toBeGreaterThan(0)
    for (const { resource, clientId, secret } of identity.requests) {
      expect(new URL(resource ?? '').origin).toBe('https://storage.azure.com')
      expect(clientId).toBeNull()
      expect(secret).toBe(identity.environment['IDENTITY_HEADER'])
    }
  })

  it('ask for tokens of the user-assigned identity that __clientId names', async () => {
    const settings = { ...serviceUris(), AzureWebJobsStorage__clientId: CLIENT_ID }
    expect(await placeOrders(settings)).toStrictEqual(records)
    expect(identity.requests.length).toBeGreaterThan(0)
    for (const { clientId } of identity.requests) expect(clientId).toBe(CLIENT_ID)
  })

  it('fail without the identity', async () => {
    const settings = { ...serviceUris(), IDENTITY_HEADER: 'somebody else' }
    await expect(placeOrders(settings)).rejects.toThrow('StorageUnavailableError')
    expect(identity.requests.length).toBeGreaterThan(0)
  })

  it('are refused by storage when the token is for something else', async () => {
    await identity.stop()
    identity = await startManagedIdentity({ audience: 'https://vault.azure.net' })
    await expect(placeOrders(serviceUris())).rejects.toThrow('StorageUnavailableError')
    expect(identity.requests.length).toBeGreaterThan(0)
  })

  describe('with only the name of the account', () => {
    let proxy: HttpsProxy

    beforeEach(async () => {
      // The client libraries use HTTPS_PROXY, with Azure's host names unchanged.
      proxy = await startHttpsProxy((host) =>
        host === `${ACCOUNT}.queue.core.windows.net:443`
          ? azurite.ports.queue
          : host === `${ACCOUNT}.table.core.windows.net:443`
            ? azurite.ports.table
            : undefined,
      )
    })

    afterEach(() => proxy.stop())

    it('reach the account in Azure', async () => {
      const settings = {
        AzureWebJobsStorage__accountName: ACCOUNT,
        AzureWebJobsStorage__credential: 'managedidentity',
        AzureWebJobsStorage__clientId: CLIENT_ID,
        HTTPS_PROXY: proxy.url,
        // Requests to the identity endpoint bypass the proxy, as in Azure.
        NO_PROXY: '127.0.0.1',
      }
      expect(await placeOrders(settings)).toStrictEqual(records)
      expect(new Set(proxy.asked)).toStrictEqual(
        new Set([`${ACCOUNT}.queue.core.windows.net:443`, `${ACCOUNT}.table.core.windows.net:443`]),
      )
    })
  })
})
