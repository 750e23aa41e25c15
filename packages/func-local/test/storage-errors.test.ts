import { describe, expect, test } from '@jest/globals'
import { settingsOf } from '../src/config/settings.ts'
import { BindingError } from '../src/host/function.ts'
import { connectionKey, connectionName, resolveConnection } from '../src/storage/connection.ts'
import {
  isCode,
  isPermanent,
  nextStepOf,
  reasonOf,
  statusOf,
  targetText,
  withTarget,
  type StorageTarget,
} from '../src/storage/errors.ts'

const TARGET: StorageTarget = { kind: 'queue', name: 'orders', connection: 'AzureWebJobsStorage' }

/** Errors as the storage SDKs throw them, each service in its own way. */
const error = (message: string, more: object): Error => Object.assign(new Error(message), more)
const QUEUE = error('Unexpected status code: 400', {
  statusCode: 400,
  code: 'InvalidResourceName',
  details: {
    code: 'InvalidResourceName',
    message: 'Invalid characters.\nRequestId:1\nTime:2',
    errorCode: 'InvalidResourceName',
  },
})
const BLOB = error('Not there.\nRequestId:1', {
  statusCode: 404,
  details: { errorCode: 'ContainerNotFound' },
})
const TABLE = error('{"odata.error":{}}', {
  statusCode: 400,
  details: {
    errorCode: 'InvalidInput',
    odataError: { code: 'InvalidInput', message: { value: 'Bad query.\nRequestId:1' } },
  },
})
const TABLE_XML = error('<?xml version="1.0"?>', {
  statusCode: 403,
  details: { errorCode: 'AuthorizationFailure', Code: '', Message: 'No.\nRequestId:1' },
})
const BATCH = error('0:The specified entity already exists.\nRequestId:1', {
  statusCode: 409,
  code: 'EntityAlreadyExists',
})
const REFUSED = error('connect ECONNREFUSED 127.0.0.1:10001', { code: 'ECONNREFUSED' })
const UNKNOWN_HOST = error('getaddrinfo ENOTFOUND nowhere', { code: 'ENOTFOUND' })

describe('an error of storage', () => {
  test.each([
    [QUEUE, '400 InvalidResourceName Invalid characters.'],
    [BLOB, '404 ContainerNotFound Not there.'],
    [TABLE, '400 InvalidInput Bad query.'],
    [TABLE_XML, '403 AuthorizationFailure No.'],
    [BATCH, '409 EntityAlreadyExists The specified entity already exists.'],
    [error('', { statusCode: 500 }), '500'],
    [REFUSED, 'connection refused'],
    [UNKNOWN_HOST, 'getaddrinfo ENOTFOUND nowhere'],
    ['text', 'text'],
    [null, 'null'],
  ])('%s: %s', (thrown, reason) => {
    expect(reasonOf(thrown)).toBe(reason)
  })

  test('has the code where the service puts it', () => {
    expect(isCode(QUEUE, 'InvalidResourceName')).toBe(true)
    expect(isCode(BLOB, 'ContainerNotFound')).toBe(true)
    expect(isCode(BLOB, 'BlobNotFound', 'ContainerNotFound')).toBe(true)
    expect(isCode(BLOB, 'BlobNotFound')).toBe(false)
    expect(isCode(undefined, 'BlobNotFound')).toBe(false)
    expect(statusOf(QUEUE)).toBe(400)
    expect(statusOf(REFUSED)).toBeUndefined()
    expect(statusOf('x')).toBeUndefined()
  })

  test.each([400, 401, 403, 405, 411, 413, 414, 415, 499])('with status %d is permanent', (statusCode) => {
    expect(isPermanent(error('x', { statusCode }))).toBe(true)
  })

  test.each([200, 304, 404, 408, 409, 412, 429, 500, 503])('with status %d passes', (statusCode) => {
    expect(isPermanent(error('x', { statusCode }))).toBe(false)
  })

  test('without an answer passes; a wrong setting does not', () => {
    expect(isPermanent(REFUSED)).toBe(false)
    expect(isPermanent(UNKNOWN_HOST)).toBe(false)
    expect(isPermanent(new BindingError('x'))).toBe(true)
  })

  test.each([
    [
      REFUSED,
      'queue',
      "Is the storage of connection 'AzureWebJobsStorage' (Azurite) running? Start it, or correct the setting.",
    ],
    [new BindingError('x'), 'queue', ''],
    [error('', { statusCode: 400 }), 'table', 'Correct the name of the table, or what is sent to it.'],
    [
      error('', { statusCode: 401 }),
      'queue',
      "Check the key of connection 'AzureWebJobsStorage', or the roles of its identity.",
    ],
    [
      error('', { statusCode: 403 }),
      'queue',
      "Check the key of connection 'AzureWebJobsStorage', or the roles of its identity.",
    ],
    [error('', { statusCode: 404 }), 'container', 'Create the container, or correct its name.'],
    [
      error('', { statusCode: 413 }),
      'queue',
      'A message holds at most 64 KiB as it is sent, which is 48 KiB before Base64. Put more into a blob, and send its name.',
    ],
    [error('', { statusCode: 413 }), 'table', 'Make what is sent to the table smaller.'],
    [error('', { statusCode: 429 }), 'queue', 'The storage service is busy or failing; try later.'],
    [error('', { statusCode: 503 }), 'queue', 'The storage service is busy or failing; try later.'],
    [error('', { statusCode: 409 }), 'queue', ''],
  ] as const)('%s of a %s: what to do', (thrown, kind, next) => {
    expect(nextStepOf(thrown, { ...TARGET, kind })).toBe(next)
  })

  test('names what it was about, and keeps its cause', async () => {
    expect(targetText(TARGET)).toBe("queue 'orders' (connection 'AzureWebJobsStorage')")
    const failed = await withTarget(TARGET, () => Promise.reject(QUEUE)).catch((thrown: unknown) => thrown)
    expect(failed).toBeInstanceOf(BindingError)
    expect(failed).toMatchObject({
      message:
        "Queue 'orders' (connection 'AzureWebJobsStorage') failed: 400 InvalidResourceName Invalid characters. Correct the name of the queue, or what is sent to it.",
      cause: QUEUE,
    })
    await expect(withTarget(TARGET, () => Promise.reject(BATCH))).rejects.toThrow(/already exists\.$/)
    const own = new BindingError('a fault of the binding')
    await expect(withTarget(TARGET, () => Promise.reject(own))).rejects.toBe(own)
    await expect(withTarget(TARGET, () => Promise.resolve(1))).resolves.toBe(1)
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#connections
describe('a connection', () => {
  const settings = (values: Record<string, string>): ReturnType<typeof settingsOf> =>
    settingsOf(new Map(Object.entries(values)))

  test.each([
    [undefined, 'AzureWebJobsStorage'],
    ['', 'AzureWebJobsStorage'],
    ['Storage', 'AzureWebJobsStorage'],
    ['AzureWebJobsStorage', 'AzureWebJobsStorage'],
    ['Mine', 'Mine'],
  ])('%s is called %s', (name, shown) => {
    expect(connectionName(name)).toBe(shown)
  })

  test.each([
    'UseDevelopmentStorage=true',
    ' usedevelopmentstorage = TRUE ; ',
    'AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net',
    'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5a2V5Cg==;QueueEndpoint=http://127.0.0.1:10001/a;',
    'QueueEndpoint=https://a.queue.core.windows.net;SharedAccessSignature=sv=2024&sig=a%3D',
  ])('can be %s', (value) => {
    expect(resolveConnection(settings({ AzureWebJobsMine: value }), 'Mine')).toEqual({
      kind: 'connectionString',
      value,
    })
    expect(connectionKey(settings({ Mine: value }), 'Mine')).toBe(value)
  })

  test.each([
    ['nonsense', 'its settings must be of the form "name=value"'],
    ['AccountName=a;=b', 'its settings must be of the form "name=value"'],
    [
      'UseDevelopmentStorage=false',
      'it needs AccountName and AccountKey, or an endpoint and SharedAccessSignature.',
    ],
    ['AccountName=a', 'it needs AccountName and AccountKey, or an endpoint and SharedAccessSignature.'],
    ['AccountKey=a2V5', 'it needs AccountName and AccountKey, or an endpoint and SharedAccessSignature.'],
    [
      'SharedAccessSignature=sv=1',
      'it needs AccountName and AccountKey, or an endpoint and SharedAccessSignature.',
    ],
    [
      'BlobEndpoint=https://a',
      'it needs AccountName and AccountKey, or an endpoint and SharedAccessSignature.',
    ],
    ['AccountName=a;AccountKey=top secret!', 'its AccountKey is not Base64.'],
    ['AccountName=a;AccountKey=!a2V5', 'its AccountKey is not Base64.'],
    ['AccountName=a;AccountKey=', 'its AccountKey is not Base64.'],
  ])('cannot be %s', (value, reason) => {
    const resolve = (): unknown => resolveConnection(settings({ Mine: value }), 'Mine')
    expect(resolve).toThrow(BindingError)
    expect(resolve).toThrow(`The storage connection string in the setting 'Mine' is not valid: ${reason}`)
    expect(resolve).toThrow(
      / Write UseDevelopmentStorage=true for Azurite, or copy the connection string of the storage account\.$/,
    )
    // What may be a secret is not shown.
    expect(resolve).not.toThrow('secret!')
  })

  test.each([
    [{ Mine__accountName: 'a' }, 'https://a.queue.core.windows.net'],
    [{ Mine__serviceUri: 'https://s' }, 'https://s'],
    [{ Mine__queueServiceUri: 'https://q', Mine__serviceUri: 'https://s' }, 'https://q'],
  ])('%j is an identity that reaches %s', (values, uri) => {
    const connection = resolveConnection(settings(values), 'Mine')
    if (connection.kind !== 'identity') throw new Error('no identity')
    expect(connection.serviceUri('queue')).toBe(uri)
    expect(connectionKey(settings(values), 'Mine')).toBe('identity:Mine')
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-reference#common-properties-for-identity-based-connections
  test.each([
    [{ credential: 'ManagedIdentity' }, 'ManagedIdentityCredential', {}],
    [{ credential: 'managedidentity', clientId: 'c' }, 'ManagedIdentityCredential', { clientId: 'c' }],
    [{ tenantId: 't', clientId: 'c', clientSecret: 's' }, 'ClientSecretCredential', { tenantId: 't' }],
    [{ tenantId: 't', clientId: 'c' }, 'DefaultAzureCredential', {}],
    [{ tenantId: 't', clientSecret: 's' }, 'DefaultAzureCredential', {}],
    [{ clientId: 'c', clientSecret: 's' }, 'DefaultAzureCredential', {}],
    [{ credential: 'other' }, 'DefaultAzureCredential', {}],
    [{ clientId: '' }, 'DefaultAzureCredential', {}],
    [{}, 'DefaultAzureCredential', {}],
  ])('an identity with %j has a credential of its kind', async (properties, kind, holds) => {
    const section = Object.entries({ accountName: 'a', ...properties }).map(([name, value]) => [
      `Mine__${name}`,
      value,
    ])
    const connection = resolveConnection(
      settings(Object.fromEntries(section) as Record<string, string>),
      'Mine',
    )
    if (connection.kind !== 'identity') throw new Error('no identity')
    const credential = await connection.credential()
    expect(credential.constructor.name).toBe(kind)
    expect(credential).toMatchObject(holds)
  })

  test.each(['blob', 'queue', 'table'] as const)('an identity names a URI for the %s service', (service) => {
    const connection = resolveConnection(settings({ [`Mine__${service}ServiceUri`]: 'https://x' }), 'Mine')
    if (connection.kind !== 'identity') throw new Error('no identity')
    expect(connection.serviceUri(service)).toBe('https://x')
    expect(() => connection.serviceUri(service === 'blob' ? 'queue' : 'blob')).toThrow(BindingError)
  })

  test.each([undefined, '', 'Storage', 'AzureWebJobsStorage'])(
    'an identity has one key, also as %j',
    (name) => {
      const given = settings({ AzureWebJobsStorage__accountName: 'a' })
      expect(connectionKey(given, name)).toBe('identity:AzureWebJobsStorage')
    },
  )

  test('an identity without the service says which setting is missing', () => {
    const connection = resolveConnection(settings({ Mine__blobServiceUri: 'https://b' }), 'Mine')
    if (connection.kind !== 'identity') throw new Error('no identity')
    expect(() => connection.serviceUri('queue')).toThrow('Set Mine__queueServiceUri or Mine__accountName')
  })

  test('the prefixed name comes first, and ConnectionStrings before both', () => {
    const both = settings({
      AzureWebJobsMine: 'UseDevelopmentStorage=true;A=1',
      Mine: 'UseDevelopmentStorage=true;A=2',
    })
    expect(connectionKey(both, 'Mine')).toContain('A=1')
    const section = settings({
      'ConnectionStrings:Mine': 'UseDevelopmentStorage=true;A=3',
      Mine: 'UseDevelopmentStorage=true;A=2',
    })
    expect(connectionKey(section, 'Mine')).toContain('A=3')
  })

  test.each([
    [undefined, 'AzureWebJobsStorage'],
    ['Mine', 'Mine'],
  ])('that does not exist is named: %s', (name, shown) => {
    expect(() => resolveConnection(settings({ Mine: '' }), name)).toThrow(
      `Storage account connection string '${shown}' does not exist. Make sure that it is a defined App Setting: set ${shown} in local.settings.json`,
    )
  })
})
