import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { writeApp, type TestApp } from './harness/app.ts'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { startHost, type TestHost } from './harness/host.ts'

// One app that does everything with storage that storage refuses. The real host's rules:
// https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Queues/src/QueueClientExtensions.cs
const APP = `
const { app, input, output } = require('@azure/functions')
const connection = 'AzureWebJobsStorage'
const queue = (name, queueName, more) => app.storageQueue(name, { queueName, connection, handler: () => {}, ...more })
queue('space', 'has space')
queue('underscore', 'under_score')
queue('short', 'ab')
queue('long', 'q'.repeat(64))
queue('lead', '-lead')
queue('trail', 'trail-')
queue('twoDashes', 'two--dashes')
queue('letters', 'quäue')
queue('setting', '%BAD_QUEUE%')
queue('noSetting', '%NO_SUCH_SETTING%')
queue('upper', 'UPPER-is-fine')
queue('nonsense', 'abc', { connection: 'NONSENSE' })
queue('noKey', 'abc', { connection: 'NO_KEY' })
const blob = (name, path) => app.storageBlob(name, { path, connection, handler: () => {} })
blob('upperBlob', 'Upper/{name}')
blob('shortBlob', 'ab/{name}')
blob('bracesBlob', 'box/{name')
blob('dotsBlob', 'box/../other')
blob('slashBlob', 'box/backslash\\\\name')
blob('containerBlob', '{container}/name')
blob('settingBlob', '%BAD_QUEUE%/{name}')

const http = (name, more, handler) =>
  app.http(name, { route: name + '/{*rest}', authLevel: 'anonymous', handler: handler ?? (() => ({ body: 'ok' })), ...more })
const sends = (name, out, value) => http(name, { extraOutputs: [out] }, (request, context) => {
  context.extraOutputs.set(out, value)
  return { body: 'ok' }
})
sends('badQueue', output.storageQueue({ queueName: 'bad_name', connection }), 'x')
sends('byQuery', output.storageQueue({ queueName: '{query.q}', connection }), 'x')
sends('big', output.storageQueue({ queueName: 'big', connection }), 'x'.repeat(100000))
sends('wrongKey', output.storageQueue({ queueName: 'big', connection: 'WRONG_KEY' }), 'x')
sends('away', output.storageQueue({ queueName: 'big', connection: 'AWAY' }), 'x')
sends('badTable', output.table({ tableName: '1table', connection }), { PartitionKey: 'p', RowKey: 'r' })
sends('exists', output.table({ tableName: 'things', connection }), { PartitionKey: 'p', RowKey: 'r' })
sends('writes', output.storageBlob({ path: 'box/{query.f}', connection }), 'written')
sends('writesKey', output.table({ tableName: 'things', partitionKey: '{query.f}', rowKey: 'r', connection }), {})
const read = input.storageBlob({ path: 'box/{query.f}', connection })
http('reads', { extraInputs: [read] }, (request, context) => ({ body: String(context.extraInputs.get(read)) }))
const table = input.table({ tableName: 'things', partitionKey: '{query.f}', rowKey: 'r', connection })
http('readsKey', { extraInputs: [table] })
`

describe('what storage refuses', () => {
  let azurite: Azurite
  let app: TestApp
  let host: TestHost
  let blobs: BlobServiceClient
  let queues: QueueServiceClient

  beforeAll(async () => {
    azurite = await startAzurite()
    app = await writeApp({ 'src/index.js': APP })
    blobs = BlobServiceClient.fromConnectionString(azurite.connectionString)
    queues = QueueServiceClient.fromConnectionString(azurite.connectionString)
    for (const [container, name] of [
      ['box', 'mine'],
      ['box', '%2e%2e/secrets/secret'],
      ['secrets', 'secret'],
    ] as const)
      // prettier-ignore
      await put(container, name, `content of ${container}/${name}`)
    const key = /AccountKey=[^;]*/
    host = await startHost(app.directory, {
      env: {
        AzureWebJobsStorage: azurite.connectionString,
        BAD_QUEUE: 'Bad_Queue',
        NONSENSE: 'nonsense',
        NO_KEY: 'AccountName=somebody;DefaultEndpointsProtocol=https',
        WRONG_KEY: azurite.connectionString.replace(
          key,
          `AccountKey=${Buffer.from('wrong').toString('base64')}`,
        ),
        AWAY: azurite.connectionString.replace(/:\d+\//g, ':1/'),
      },
    })
  })
  afterAll(async () => {
    await host.stop()
    await app.remove()
    await azurite.stop()
  })

  test.each([
    [
      'space',
      "'queueName' of its queueTrigger binding is 'has space'. A queue name can contain only letters (a to z), digits and dashes (-).",
    ],
    ['underscore', "'queueName' of its queueTrigger binding is 'under_score'. A queue name can contain only"],
    ['short', 'A queue name must be from 3 to 63 characters long.'],
    ['long', 'A queue name must be from 3 to 63 characters long.'],
    ['lead', 'A queue name cannot begin or end with a dash (-).'],
    ['trail', 'A queue name cannot begin or end with a dash (-).'],
    ['twoDashes', 'A queue name cannot contain consecutive dashes (-).'],
    ['letters', 'A queue name can contain only letters (a to z), digits and dashes (-).'],
    ['setting', "'queueName' of its queueTrigger binding is 'Bad_Queue'."],
    ['noSetting', "'%NO_SUCH_SETTING%' does not resolve to a value."],
    [
      'nonsense',
      `The storage connection string in the setting 'NONSENSE' is not valid: its settings must be of the form "name=value"`,
    ],
    [
      'noKey',
      "The storage connection string in the setting 'NO_KEY' is not valid: it needs AccountName and AccountKey",
    ],
    ['upperBlob', "Invalid blob trigger path 'Upper/{name}'. A container name must be all lower case."],
    ['shortBlob', 'A container name must be from 3 to 63 characters long.'],
    ['bracesBlob', "Invalid blob trigger path 'box/{name'"],
    [
      'dotsBlob',
      "Invalid blob trigger path 'box/../other'. A blob name cannot contain the segments '.' and '..'.",
    ],
    ['slashBlob', 'A blob name cannot contain a backslash'],
    ['containerBlob', "Invalid blob trigger path '{container}/name'"],
    ['settingBlob', "Invalid blob trigger path 'Bad_Queue/{name}'. A container name must be all lower case."],
  ])('the function %s is in error at the start', (name, reason) => {
    const line = host
      .output()
      .split('\n')
      .find((text) => text.includes(`The '${name}' function is in error: `))
    expect(line).toContain(reason)
  })

  test('a queue name may be in upper case: it is lowered', () => {
    expect(host.output()).not.toContain("The 'upper' function is in error")
  })

  test('an output with an invalid name is warned of at the start; its invocations fail, as in Azure', async () => {
    expect(host.output()).toContain(
      "'queueName' of its queue binding is 'bad_name'. A queue name can contain only letters (a to z), digits and dashes (-). Every invocation that uses the binding fails, as in Azure.",
    )
    expect(await failure('/api/badQueue/')).toContain(
      "Exception: 'queueName' of its queue binding is 'bad_name'.",
    )
    expect(await failure('/api/badTable/')).toContain(
      "Exception: 'tableName' of its table binding is '1table'. A table name can contain only letters and digits, and must begin with a letter.",
    )
  })

  test.each(['../orders', 'a/b', 'or', 'x_y'])(
    'a queue name %s from a request fails its invocation',
    async (name) => {
      expect(await failure(`/api/byQuery/?q=${encodeURIComponent(name)}`)).toContain(
        `'queueName' of its queue binding is '${name}'.`,
      )
    },
  )

  test.each([
    [
      'big',
      "Queue 'big' (connection 'AzureWebJobsStorage') failed: 413 RequestBodyTooLarge The request body is too large and exceeds the maximum permissible limit. A message holds at most 64 KiB as it is sent, which is 48 KiB before Base64. Put more into a blob, and send its name.",
    ],
    [
      'wrongKey',
      "Queue 'big' (connection 'WRONG_KEY') failed: 403 AuthenticationFailed Server failed to authenticate the request.",
    ],
    ['wrongKey', "Check the key of connection 'WRONG_KEY', or the roles of its identity."],
    [
      'away',
      "Queue 'big' (connection 'AWAY') failed: connection refused. Is the storage of connection 'AWAY' (Azurite) running?",
    ],
  ])('the error of %s says what failed, why, and what to do', async (name, reason) => {
    const printed = await failure(`/api/${name}/`)
    expect(printed).toContain(reason)
    expect(printed).not.toContain('rying again')
  })

  test("a table's error has the service's code", async () => {
    expect((await host.fetch('/api/exists/')).status).toBe(200)
    expect(await failure('/api/exists/')).toContain(
      "Table 'things' (connection 'AzureWebJobsStorage') failed: 409 EntityAlreadyExists The specified entity already exists.",
    )
  })

  describe('a name from a request cannot leave its container', () => {
    test.each([
      '../secrets/secret',
      'a/../../secrets/secret',
      '..',
      './mine',
      'a/./b',
      'mine/..',
      '..\\secrets\\secret',
      'a\\b',
      'x'.repeat(1025),
      'ends/',
      'ends.',
    ])('%s is refused, to read and to write', async (name) => {
      const query = `?f=${encodeURIComponent(name)}`
      for (const path of ['/api/reads/', '/api/writes/'])
        expect(await failure(path + query)).toContain(
          `Exception: Invalid blob path 'box/${name}'. A blob name`,
        )
      expect(await content('secrets', 'secret')).toBe('content of secrets/secret')
    })

    test('an encoded form is just a name', async () => {
      expect(await (await host.fetch('/api/reads/?f=%252e%252e/secrets/secret')).text()).toBe(
        'content of box/%2e%2e/secrets/secret',
      )
      expect(await (await host.fetch('/api/reads/?f=%2Fsecrets%2Fsecret')).text()).toBe('undefined')
      expect(
        await (await host.fetch(`/api/reads/?f=${encodeURIComponent(blobs.url + '/secrets/secret')}`)).text(),
      ).toBe('undefined')
    })

    test.each(['a/b', 'a\\b', 'a#b', 'a?b', 'a\u0001b'])(
      'a key %j is refused, to read and to write',
      async (key) => {
        const query = `?f=${encodeURIComponent(key)}`
        for (const path of ['/api/readsKey/', '/api/writesKey/'])
          expect(await failure(path + query)).toContain('control characters cannot be part of a key')
      },
    )
  })

  test('nothing was made outside of what the app names', async () => {
    const names: string[] = []
    for await (const { name } of queues.listQueues()) names.push(name)
    expect(names.filter((name) => name !== 'big')).toEqual([])
  })

  /** Calls a function that must fail; gives what the host printed of it. */
  async function failure(path: string): Promise<string> {
    const from = host.output().length
    const response = await host.fetch(path)
    expect(response.status).toBe(500)
    return await host.printed(/Result: Failure[^]*\n.*Exception: [^\n]*\n/, from)
  }

  async function put(container: string, name: string, text: string): Promise<void> {
    const client = blobs.getContainerClient(container)
    await client.createIfNotExists()
    await client.getBlockBlobClient(name).upload(text, text.length)
  }

  async function content(container: string, name: string): Promise<string> {
    return (await blobs.getContainerClient(container).getBlobClient(name).downloadToBuffer()).toString()
  }
})
