import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, jest, test } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { unpackedApp } from 'testkit/unpackedApp'
import { selfSignedCertificate } from '../support/certificate.ts'
import { serveApp, type AppHost } from '../support/appHost.ts'
import { startHost, type TestHost } from 'testkit/hostProcess'
import { startManagedIdentity, type ManagedIdentity } from '../support/managedIdentity.ts'

// Access levels, on a host that requires keys as Azure does; and the app's own access to storage, with a managed identity.

jest.setTimeout(60_000)

const KEY = 'a-key-for_this-test'

const coreTools = process.env['E2E_HOST'] === 'func'

let app: Awaited<ReturnType<typeof unpackedApp>>

beforeAll(async () => {
  app = await unpackedApp()
})

afterAll(() => app.remove())

interface Answer {
  readonly status: number
  readonly text: string
}

async function ask(host: AppHost, target: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(host.url + target, { ...init, signal: AbortSignal.timeout(10_000) })
  return { status: response.status, text: await response.text() }
}

const orderOf = (item: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers,
  body: JSON.stringify({ id: 'auth-1', item }),
})

const refused: Answer = { status: 401, text: '' }

const describeOnFuncLocal = coreTools ? describe.skip : describe

// Core Tools accepts no key from outside: it generates its own and does not show them.
describeOnFuncLocal('with --enableAuth and a key of our own (func-local; Core Tools takes none)', () => {
  let azurite: Azurite
  let host: AppHost

  beforeAll(async () => {
    azurite = await startAzurite({})
    host = await serveApp({
      folder: app.folder,
      environment: { AzureWebJobsStorage: azurite.connectionString, FUNC_LOCAL_KEY: KEY },
      enableAuth: true,
    })
  })

  afterAll(async () => {
    await host.stop()
    await azurite.stop()
  })

  const wrong: readonly (readonly [string, string, Record<string, string>])[] = [
    ['without a key', '', {}],
    ['with a wrong key', '', { 'x-functions-key': 'wrong' }],
    ['with an empty key', '', { 'x-functions-key': '' }],
    ['with a key that goes on', '', { 'x-functions-key': `${KEY}x` }],
    ['with a wrong code', '?code=wrong', {}],
    ['with a wrong key beside the right code', `?code=${KEY}`, { 'x-functions-key': 'wrong' }],
    ['with the key in another header', '', { authorization: `Bearer ${KEY}` }],
  ]

  const right: readonly (readonly [string, string, Record<string, string>])[] = [
    ['with the key in x-functions-key', '', { 'x-functions-key': KEY }],
    ['with the key as ?code=', `?code=${KEY}`, {}],
    ['with the right key beside a wrong code', '?code=wrong', { 'x-functions-key': KEY }],
  ]

  it('hello is anonymous', async () => {
    expect(await ask(host, '/api/hello')).toStrictEqual({
      status: 200,
      text: '"Hello from Azure Functions!"',
    })
    expect((await ask(host, '/api/hello', { headers: { 'x-functions-key': 'wrong' } })).status).toBe(200)
  })

  test.each(wrong)('order returns 401 without a body %s, and stores nothing', async (_, query, headers) => {
    expect(await ask(host, `/api/order${query}`, orderOf('widget', headers))).toStrictEqual(refused)
    // Not even the faults of the order.
    expect(await ask(host, `/api/order${query}`, orderOf('', headers))).toStrictEqual(refused)
    expect((await ask(host, `/api/order/auth-1?code=${KEY}`)).status).toBe(404)
  })

  test.each(wrong)('orderStatus returns 401 without a body %s', async (_, query, headers) => {
    expect(await ask(host, `/api/order/auth-1${query}`, { headers })).toStrictEqual(refused)
  })

  test.each(right)('order and orderStatus respond %s', async (_, query, headers) => {
    expect((await ask(host, `/api/order${query}`, orderOf('widget', headers))).status).toBe(200)
    const { status, text } = await ask(host, `/api/order/auth-1${query}`, { headers })
    expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({ status: 'processed', id: 'auth-1' })
  })

  test.each([
    ['GET', '/admin/functions'],
    ['GET', '/admin/functions/order'],
    ['GET', '/admin/host/status'],
    ['POST', '/admin/functions/orderProcessor'],
  ])('the admin API asks for the key, too: %s %s', async (method, target) => {
    const body = method === 'POST' ? { body: '{"input":"not an order"}' } : {}
    expect(await ask(host, target, { method, ...body })).toStrictEqual(refused)
    const headers = { 'x-functions-key': KEY, 'content-type': 'application/json' }
    expect([200, 202]).toContain((await ask(host, target, { method, headers, ...body })).status)
  })

  it('never prints the key', () => {
    expect(host.output()).not.toContain(KEY)
  })
})

describe('on either host', () => {
  let azurite: Azurite
  let host: AppHost

  beforeAll(async () => {
    azurite = await startAzurite({})
    host = await serveApp({
      folder: app.folder,
      environment: { AzureWebJobsStorage: azurite.connectionString },
    })
  })

  afterAll(async () => {
    await host.stop()
    await azurite.stop()
  })

  it('the order functions require a function key, and the others are anonymous', async () => {
    const functions = JSON.parse((await ask(host, '/admin/functions')).text) as {
      readonly name: string
      readonly config: {
        readonly bindings: readonly { readonly type: string; readonly authLevel?: string }[]
      }
    }[]
    const levels = functions.flatMap(({ name, config }) =>
      config.bindings.flatMap(({ type, authLevel }) =>
        type.toLowerCase() === 'httptrigger' ? [[name, authLevel?.toLowerCase()]] : [],
      ),
    )
    expect(Object.fromEntries(levels)).toStrictEqual({
      docs: 'anonymous',
      hello: 'anonymous',
      openapi: 'anonymous',
      order: 'function',
      orderStatus: 'function',
    })
  })
})

describeOnFuncLocal(
  'under a managed identity (func-local; Core Tools trusts no certificate made here)',
  () => {
    const account = 'devstoreaccount1'
    let folder: string
    let azurite: Azurite
    let identity: ManagedIdentity
    let host: TestHost

    beforeAll(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'identity-'))
      const [certFile, keyFile] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')]
      const { cert, key } = selfSignedCertificate(['127.0.0.1'])
      await writeFile(certFile, cert)
      await writeFile(keyFile, key)
      azurite = await startAzurite({
        extraArguments: ['--oauth', 'basic', '--cert', certFile, '--key', keyFile],
      })
      identity = await startManagedIdentity()
      const uri = (service: 'blob' | 'queue' | 'table') =>
        `https://127.0.0.1:${azurite.ports[service]}/${account}`
      // A process of its own: its credentials come from its environment.
      host = await startHost({
        folder: app.folder,
        environment: {
          ...identity.environment,
          NODE_EXTRA_CA_CERTS: certFile,
          AzureWebJobsStorage__blobServiceUri: uri('blob'),
          AzureWebJobsStorage__queueServiceUri: uri('queue'),
          AzureWebJobsStorage__tableServiceUri: uri('table'),
          AzureWebJobsStorage__credential: 'managedidentity',
          AzureWebJobsStorage__clientId: 'the-client-id',
          AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.200',
        },
      })
    })

    afterAll(async () => {
      await host.stop()
      await identity.stop()
      await azurite.stop()
      await rm(folder, { recursive: true })
    })

    it('the deployed app places orders, and processes queued ones, without a connection string', async () => {
      expect((await ask(host, '/api/order', orderOf('widget'))).status).toBe(200)
      const queued = {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        body: '{"id":"auth-2","item":"widget"}',
      }
      expect((await ask(host, '/api/order', queued)).status).toBe(202)
      let text = ''
      for (let tries = 0; tries < 300 && !text.includes('"processed"'); tries++) {
        await delay(100)
        text = (await ask(host, '/api/order/auth-2')).text
      }
      expect(JSON.parse(text)).toMatchObject({ id: 'auth-2', status: 'processed' })
      expect(identity.requests.length).toBeGreaterThan(0)
      for (const { clientId } of identity.requests) expect(clientId).toBe('the-client-id')
    })
  },
)
