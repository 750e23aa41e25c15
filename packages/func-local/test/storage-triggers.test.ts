import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { BindingError } from '../src/host/function.ts'
import type { InvocationOutcome, Listener, TriggerEvent, TriggerType } from '../src/registry.ts'
import { blobTrigger } from '../src/triggers/blob.ts'
import { CALLED_VIA_HOST } from '../src/triggers/http.ts'
import { queueTrigger } from '../src/triggers/queue.ts'
import { timerTrigger } from '../src/triggers/timer.ts'
import { refusal, startFakeStorage, until, type FakeStorage } from './harness/fake-storage.ts'
import {
  fakeFunction,
  fakeServices,
  fakeTriggerContext,
  type FakeTriggerContext,
} from './harness/services.ts'

let storage: FakeStorage
let serial = 0
beforeAll(async () => {
  storage = await startFakeStorage()
})
afterAll(async () => {
  await storage.stop()
})
beforeEach(() => {
  storage.intercept = () => undefined
  serial += 1
})

type Values = Readonly<Record<string, unknown>>
interface Bound {
  readonly context: FakeTriggerContext
  readonly listener: Listener
}

function bind(
  type: TriggerType,
  trigger: Values,
  {
    settings = {},
    sections = {},
    name = `fn${serial}`,
    outcome,
  }: {
    settings?: Readonly<Record<string, string>>
    sections?: Values
    name?: string
    outcome?: (event: TriggerEvent) => InvocationOutcome
  } = {},
): Bound {
  const services = fakeServices(
    { AzureWebJobsStorage: storage.connectionString, 'AzureFunctionsWebHost:hostId': 'host', ...settings },
    sections,
  )
  const fn = fakeFunction({ type: type.type, ...trigger }, { name })
  const context = fakeTriggerContext(fn, services, outcome === undefined ? {} : { outcome })
  return { context, listener: type.bind(context) }
}
const admin = async ({ listener }: Bound, input?: string): Promise<TriggerEvent> => {
  if (listener.adminEvent === undefined) throw new Error('It has none.')
  return await listener.adminEvent(input)
}
const refused = (
  type: TriggerType,
  trigger: Values,
  reason: string,
  settings?: Readonly<Record<string, string>>,
): void => {
  const work = (): Bound => bind(type, trigger, settings === undefined ? {} : { settings })
  expect(work).toThrow(BindingError)
  expect(work).toThrow(reason)
}
const FAILED: InvocationOutcome = { ok: false, error: { message: 'no' } }
const base64 = (text: string): string => Buffer.from(text).toString('base64')

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
describe('a queue trigger', () => {
  /** Runs the function for one message; gives the event. */
  async function receive(
    text: string,
    trigger: Values = {},
    setup: Parameters<typeof bind>[2] = {},
  ): Promise<{ event: TriggerEvent; bound: Bound; queue: string }> {
    const queue = `queue-${serial}`
    storage.putMessage(queue, text)
    const bound = bind(queueTrigger, { queueName: queue, ...trigger }, setup)
    void bound.listener.start()
    await until(() => bound.context.events.length === 1)
    await bound.listener.stop()
    const [event] = bound.context.events
    if (event === undefined) throw new Error('There is no event.')
    return { event, bound, queue }
  }

  test('runs the function with a message, and deletes it', async () => {
    const { event, queue, bound } = await receive(base64('hello'))
    const { id = '' } = (storage.requests.filter(({ service }) => service === 'queue').map(({ path }) => ({ id: /messages\/(.+)$/.exec(path)?.[1] })).find(({ id: found }) => found !== undefined)) ?? {} // prettier-ignore
    expect(event.data).toEqual({ string: 'hello' })
    expect(event.metadata).toEqual({
      QueueTrigger: { string: 'hello' },
      DequeueCount: { json: '1' },
      Id: { string: id },
      PopReceipt: { string: '1' },
      ExpirationTime: { json: '"2026-01-02T03:04:05+00:00"' },
      InsertionTime: { json: '"2026-01-02T03:04:05+00:00"' },
      NextVisibleTime: { json: '"2026-01-02T03:04:05+00:00"' },
    })
    expect(event.bindingData()).toEqual({
      queueTrigger: 'hello',
      dequeueCount: 1,
      id,
      popReceipt: '1',
      ExpirationTime: '2026-01-02T03:04:05+00:00',
      InsertionTime: '2026-01-02T03:04:05+00:00',
      NextVisibleTime: '2026-01-02T03:04:05+00:00',
    })
    expect(event.reason).toBe(`New queue message detected on '${queue}'.`)
    expect(event.details).toBe(`MessageId: ${id}, DequeueCount: 1, InsertedOn: 2026-01-02T03:04:05.000+00:00`)
    expect(storage.queues.get(queue)).toEqual([])
    expect(bound.context.services.log.lines).toEqual([])
  })

  test('a message whose function fails stays, and its lease is ten minutes unless it is set', async () => {
    const leases = (): (string | null)[] => storage.requests.filter(({ method, path }) => method === 'GET' && path.startsWith(`/queue-${serial}/`)).map(({ query }) => query.get('visibilitytimeout')) // prettier-ignore
    const { queue } = await receive(
      base64('x'),
      {},
      { outcome: () => FAILED, sections: { 'extensions.queues': { visibilityTimeout: '01:00:00' } } },
    )
    expect(storage.queues.get(queue)).toHaveLength(1)
    expect(leases()[0]).toBe('600')
    for (const [setting, lease] of [
      ['5', '5'],
      ['604800', '604800'],
      ['604801', '600'],
      ['0', '600'],
      ['1.5', '600'],
      ['x', '600'],
    ] as const) {
      // prettier-ignore
      serial += 1
      await receive(base64('x'), {}, { settings: { FUNC_LOCAL_QUEUE_LEASE_SECONDS: setting } })
      expect(leases()[0]).toBe(lease)
    }
  })

  test('the properties of a JSON message are data, as .NET reads it; they override its own', async () => {
    const text =
      '{"a":"x","n":1.50,"yes":true,"when":"2026-01-02T03:04:05Z","none":null,"list":[1],"o":{"p":{"q":1},"l":[1,true]},"Id":"mine","__proto__":"p"}'
    const { event } = await receive(base64(text))
    expect(event.metadata).toMatchObject({
      a: { string: 'x' },
      n: { string: '1.5' },
      yes: { string: 'True' },
      when: { string: '01/02/2026 03:04:05' },
      o: { json: '{"p":{"q":1},"l":[1,true]}' },
      Id: { string: 'mine' },
    })
    expect(Object.keys(event.metadata)).toContain('__proto__')
    for (const name of ['none', 'list']) expect(event.metadata).not.toHaveProperty(name)
    expect(event.bindingData()).toMatchObject({
      a: 'x',
      yes: 'True',
      o: { p: { q: '1' }, l: ['1', 'True'] },
      Id: 'mine',
    })
  })

  test.each(['[1]', '{broken', '"text"', '{"a":undefined,"b":1}'])(
    'a message %s has no properties',
    async (text) => {
      const { event } = await receive(base64(text))
      expect(event.data).toEqual({ string: text })
      expect(Object.keys(event.metadata)).toHaveLength(7)
    },
  )

  test('bytes reach a function that asks for them', async () => {
    const { event } = await receive(Buffer.from([0, 255]).toString('base64'), { dataType: 'binary' })
    expect(event.data).toEqual({ bytes: Buffer.from([0, 255]) })
    expect(event.metadata).not.toHaveProperty('QueueTrigger')
    expect(event.bindingData()).not.toHaveProperty('queueTrigger')
    serial += 1
    const text = await receive(base64('{"a":1}'), { dataType: 'binary' })
    expect(text.event.metadata['QueueTrigger']).toEqual({ string: '{"a":1}' })
    expect(text.event.metadata).not.toHaveProperty('a')
    expect(text.event.bindingData()).toMatchObject({ queueTrigger: '{"a":1}' })
  })

  test('bytes that are no text fail a function that asks for text, and say what to do', async () => {
    const queue = `queue-${serial}`
    storage.putMessage(queue, Buffer.from([0, 255]).toString('base64'))
    const { context, listener } = bind(
      queueTrigger,
      { queueName: queue },
      { name: 'fn', sections: { 'extensions.queues': { visibilityTimeout: '01:00:00' } } },
    )
    const categories: string[] = []
    const { write } = context.services.log
    context.services.log.write = (category, level, message) => {
      categories.push(category)
      write(category, level, message)
    }
    void listener.start()
    await until(() => context.services.log.lines.length === 1)
    await listener.stop()
    expect(context.services.log.lines[0]).toMatch(
      /^error Message 'm\d+' of queue 'queue-\d+' is not UTF-8 text, so function 'Functions\.fn' cannot run with it\. Set dataType: 'binary' on the trigger to get the bytes\.$/,
    )
    expect(categories).toEqual(['Function.fn'])
    expect(context.events).toEqual([])
    expect(storage.queues.get(queue)).toHaveLength(1)
  })

  test('takes its name from a setting, in any case, and its connection', async () => {
    storage.putMessage('from-setting', base64('x'))
    const bound = bind(
      queueTrigger,
      { queueName: '%Q%', connection: 'Mine' },
      { settings: { Q: 'From-Setting', Mine: storage.connectionString } },
    )
    void bound.listener.start()
    await until(() => bound.context.events.length === 1)
    expect(bound.context.events[0]?.reason).toBe("New queue message detected on 'from-setting'.")
    await bound.listener.stop()
  })

  test('a call of the admin API is an event without a message', async () => {
    const bound = bind(queueTrigger, { queueName: 'orders' })
    const event = await admin(bound, '{"a":"x"}')
    expect(event).toMatchObject({ data: { string: '{"a":"x"}' }, reason: CALLED_VIA_HOST })
    expect(event.metadata).toMatchObject({
      a: { string: 'x' },
      DequeueCount: { json: '0' },
      Id: { string: '' },
      PopReceipt: { string: '' },
    })
    await expect(admin(bound)).rejects.toThrow('it needs an input')
  })

  test('what cannot be used is refused', () => {
    refused(queueTrigger, {}, "'queueName' of its queueTrigger binding is missing.")
    refused(queueTrigger, { queueName: 'a_b' }, "'queueName' of its queueTrigger binding is 'a_b'.")
    refused(queueTrigger, { queueName: '%NO%' }, "'%NO%' does not resolve to a value.")
    refused(queueTrigger, { queueName: 'orders', connection: 'Other' }, "string 'Other' does not exist")
    expect(queueTrigger).toMatchObject({ type: 'queueTrigger', supportsRetry: false })
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
describe('a blob trigger', () => {
  test('runs the function with the content of a blob, and what storage says of it', async () => {
    const box = `box-${serial}`
    storage.put(box, 'in/a.txt', 'hello', { mine: '1' })
    const bound = bind(blobTrigger, { path: `${box}/in/{name}.{uRI}` })
    void bound.listener.start()
    await until(() => bound.context.events.length === 1)
    await bound.listener.stop()
    const [event] = bound.context.events
    const path = `${box}/in/a.txt`
    expect(event?.data).toEqual({ bytes: Buffer.from('hello') })
    expect(event?.metadata).toMatchObject({
      BlobTrigger: { string: path },
      // A parameter overrides what there is of its name, in any case.
      Uri: { string: 'txt' },
      name: { string: 'a' },
      Metadata: { json: '{"mine":"1"}' },
    })
    expect(event?.bindingData()).toMatchObject({
      blobTrigger: path,
      name: 'a',
      uRI: 'txt',
      metadata: { mine: '1' },
    })
    expect(Object.keys(event?.metadata ?? {})).not.toContain('uRI')
    expect(event?.bindingData()['uri']).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/account\/box-\d+\/in(?:\/|%2F)a\.txt$/,
    )
    expect(event?.reason).toBe(`New blob detected(LogsAndContainerScan): ${path}`)
    expect(event?.details).toMatch(
      /^MessageId: [0-9a-f-]{36}, DequeueCount: 1, InsertedOn: \d{4}-.+, BlobCreated: 2026-01-02T03:04:05\.000\+00:00, BlobLastModified: 2026-01-02T03:04:05\.000\+00:00$/,
    )
    expect(JSON.parse(event?.metadata['Properties']?.json ?? '')).toEqual(event?.bindingData()['properties'])
    expect(
      [...(storage.containers.get('azure-webjobs-hosts')?.keys() ?? [])].filter((name) =>
        name.includes(`/${box}/`),
      ),
    ).toEqual([expect.stringMatching(new RegExp(`^blobreceipts/host/Host\\.Functions\\.fn${serial}/"0x`))])
  })

  // https://learn.microsoft.com/dotnet/api/azure.storage.blobs.models.blobproperties
  test('gives the properties of a blob as .NET does', async () => {
    storage.put('props', 'a', 'hello', { mine: '1' })
    const bound = bind(blobTrigger, { path: 'props' })
    const plain = JSON.parse((await admin(bound, 'props/a')).metadata['Properties']?.json ?? '') as Values
    expect(plain).toEqual({
      LastModified: '2026-01-02T03:04:05+00:00', CreatedOn: '2026-01-02T03:04:05+00:00', Metadata: { mine: '1' },
      ObjectReplicationDestinationPolicyId: null, ObjectReplicationSourceProperties: null, BlobType: 0,
      CopyCompletedOn: '0001-01-01T00:00:00+00:00', CopyStatusDescription: null, CopyId: null, CopyProgress: null,
      CopySource: null, CopyStatus: 0, BlobCopyStatus: null, IsIncrementalCopy: false, DestinationSnapshot: null,
      LeaseDuration: 0, LeaseState: 0, LeaseStatus: 1, ContentLength: 5, ContentType: 'text/plain',
      ETag: storage.containers.get('props')?.get('a')?.etag, ContentHash: null, ContentEncoding: null,
      ContentDisposition: null, ContentLanguage: null, CacheControl: null, BlobSequenceNumber: 0, AcceptRanges: 'bytes',
      BlobCommittedBlockCount: 0, IsServerEncrypted: false, EncryptionKeySha256: null, EncryptionScope: null,
      VersionId: null, IsLatestVersion: false, TagCount: 0, LastAccessed: '0001-01-01T00:00:00+00:00',
    }) // prettier-ignore
    storage.intercept = ({ method }) =>
      method !== 'GET'
        ? undefined
        : {
            status: 200,
            body: 'x',
            headers: {
              etag: '"1"', 'last-modified': 'Fri, 02 Jan 2026 03:04:06 GMT', 'content-type': 'a/b', 'content-md5': 'AAEC',
              'content-encoding': 'identity', 'content-disposition': 'inline', 'content-language': 'de', 'cache-control': 'no-cache',
              'accept-ranges': 'none', 'x-ms-blob-type': 'AppendBlob', 'x-ms-blob-sequence-number': '4',
              'x-ms-blob-committed-block-count': '3', 'x-ms-copy-status': 'failed', 'x-ms-copy-id': 'c', 'x-ms-copy-progress': '1/2',
              'x-ms-copy-source': 'http://s', 'x-ms-copy-status-description': 'd', 'x-ms-copy-completion-time': 'Fri, 02 Jan 2026 03:04:07 GMT',
              'x-ms-lease-duration': 'fixed', 'x-ms-lease-state': 'broken', 'x-ms-lease-status': 'locked', 'x-ms-server-encrypted': 'true',
              'x-ms-encryption-key-sha256': 'sha', 'x-ms-version-id': 'v', 'x-ms-tag-count': '2',
              'x-ms-last-access-time': 'Fri, 02 Jan 2026 03:04:08 GMT', 'x-ms-or-policy-id': 'policy',
            },
          } // prettier-ignore
    const full = JSON.parse((await admin(bound, 'props/a')).metadata['Properties']?.json ?? '') as Values
    expect(full).toMatchObject({
      LastModified: '2026-01-02T03:04:06+00:00', ContentHash: 'AAEC', ContentEncoding: 'identity', ContentDisposition: 'inline',
      ContentLanguage: 'de', CacheControl: 'no-cache', AcceptRanges: 'none', BlobType: 2, BlobSequenceNumber: 4,
      BlobCommittedBlockCount: 3, CopyStatus: 3, BlobCopyStatus: 3, CopyId: 'c', CopyProgress: '1/2', CopySource: 'http://s',
      CopyStatusDescription: 'd', CopyCompletedOn: '2026-01-02T03:04:07+00:00', LeaseDuration: 1, LeaseState: 4, LeaseStatus: 0,
      IsServerEncrypted: true, EncryptionKeySha256: 'sha', VersionId: 'v', TagCount: 2,
      LastAccessed: '2026-01-02T03:04:08+00:00', ObjectReplicationDestinationPolicyId: 'policy', ETag: '"1"',
    }) // prettier-ignore
  })

  test('a version that fails too often goes to the poison queue of its account', async () => {
    const box = `box-${serial}`
    storage.put(box, 'bad', '')
    const bound = bind(
      blobTrigger,
      { path: box },
      { outcome: () => FAILED, sections: { 'extensions.blobs': { poisonBlobThreshold: 2 } } },
    )
    void bound.listener.start()
    await until(() => bound.context.services.log.lines.length === 1)
    await bound.listener.stop()
    expect(bound.context.events.map(({ details }) => /DequeueCount: \d/.exec(details ?? '')?.[0])).toEqual([
      'DequeueCount: 1',
      'DequeueCount: 2',
    ])
    expect(bound.context.services.log.lines).toEqual([
      "warning Message has reached MaxDequeueCount of 2. Moving message to queue 'webjobs-blobtrigger-poison'.",
    ])
    const [message] = storage.queues.get('webjobs-blobtrigger-poison')?.slice(-1) ?? []
    expect(JSON.parse(Buffer.from(message?.text ?? '', 'base64').toString())).toEqual({
      Type: 'BlobTrigger',
      FunctionId: `Host.Functions.fn${serial}`,
      BlobType: 'BlockBlob',
      ContainerName: box,
      BlobName: 'bad',
      ETag: storage.containers.get(box)?.get('bad')?.etag,
    })
  })

  test('a poison message is logged under the category of the trigger', async () => {
    const box = `box-${serial}`
    storage.put(box, 'bad', '')
    const bound = bind(
      blobTrigger,
      { path: box },
      { outcome: () => FAILED, sections: { 'extensions.blobs': { poisonBlobThreshold: 1 } } },
    )
    const entries: string[] = []
    bound.context.services.log.write = (category, level) => entries.push(`${category} ${level}`)
    void bound.listener.start()
    await until(() => entries.length === 1)
    await bound.listener.stop()
    expect(entries).toEqual(['Host.Triggers.Blobs warning'])
  })

  test('an account without queues has the poison queue of the host', async () => {
    const box = `box-${serial}`
    storage.put(box, 'bad', '')
    const service = /BlobEndpoint=([^;]+)/.exec(storage.connectionString)?.[1] ?? ''
    const only = `BlobEndpoint=${service};SharedAccessSignature=sv=1&sig=a`
    const before = storage.queues.get('webjobs-blobtrigger-poison')?.length ?? 0
    const bound = bind(
      blobTrigger,
      { path: box, connection: 'Mine' },
      {
        outcome: () => FAILED,
        settings: { Mine: only },
        sections: { 'extensions.blobs': { poisonBlobThreshold: 1 } },
      },
    )
    void bound.listener.start()
    await until(() => bound.context.services.log.lines.length === 1)
    await bound.listener.stop()
    expect(storage.queues.get('webjobs-blobtrigger-poison')).toHaveLength(before + 1)
  })

  test('a call of the admin API names a blob, of any container', async () => {
    storage.put('watched', 'in/a', 'x')
    storage.put('other', 'in/b', 'y')
    const bound = bind(blobTrigger, { path: 'watched/in/{name}' })
    const event = await admin(bound, 'watched/in/a')
    expect(event).toMatchObject({
      data: { bytes: Buffer.from('x') },
      reason: CALLED_VIA_HOST,
      metadata: { name: { string: 'a' } },
    })
    expect(event).not.toHaveProperty('details')
    expect(JSON.parse(event.metadata['Uri']?.json ?? '')).toMatch(/^http:.*\/watched\/in(?:\/|%2F)a$/)
    const other = await admin(bound, 'other/in/b')
    expect(other.data).toEqual({ bytes: Buffer.from('y') })
    expect(other.metadata).not.toHaveProperty('name')
    await expect(admin(bound, 'watched/missing')).rejects.toThrow(
      "The blob 'watched/missing' does not exist.",
    )
    await expect(admin(bound)).rejects.toThrow('it needs an input')
    await expect(admin(bound, 'watched')).rejects.toThrow("Invalid blob path 'watched'.")
    storage.intercept = () => refusal(403, 'AuthorizationFailure')
    await expect(admin(bound, 'watched/in/a')).rejects.toMatchObject({ statusCode: 403 })
  })

  test('a name with newlines begins no line of its own in the log', async () => {
    storage.put('lines', 'a\r\nb', 'x')
    const bound = bind(blobTrigger, { path: `lines` })
    storage.intercept = ({ method, query }) =>
      method === 'GET' && query.get('comp') === null
        ? { status: 200, body: 'x', headers: { etag: '"1"' } }
        : undefined
    // The URL's own parser takes newlines out: the path is what the listing gives.
    void bound.listener.start()
    await until(() => bound.context.events.length === 1)
    await bound.listener.stop()
    expect(bound.context.events[0]?.reason).toMatch(
      /^New blob detected\(LogsAndContainerScan\): lines\/a(?:\\r)?\\nb$/,
    )
  })

  test('with sdkBinding the function gets what its library makes a client of', async () => {
    storage.put('clients', 'a', 'hello')
    const event = await admin(bind(blobTrigger, { path: 'clients/{name}', sdkBinding: true }), 'clients/a')
    const { content, ...rest } = event.data.modelBindingData ?? {}
    expect(rest).toEqual({ version: '1.0', source: 'AzureStorageBlobs', contentType: 'application/json' })
    expect(JSON.parse(Buffer.from(content ?? []).toString('utf8'))).toEqual({
      Connection: 'AzureWebJobsStorage',
      ContainerName: 'clients',
      BlobName: 'a',
    })
  })

  test("with the source 'EventGrid' it looks into its container when the webhook is told of a blob", async () => {
    const { webhook } = bind(blobTrigger, { path: 'box', source: 'eventGRID' }).listener
    expect(webhook).toMatchObject({ extension: 'blobs', functionName: `Host.Functions.fn${serial}` })
    expect(await webhook?.handle([{}])).toEqual({ status: 202 })
  })

  test('what cannot be used is refused', () => {
    refused(blobTrigger, {}, "'path' of its blobTrigger binding is missing.")
    refused(blobTrigger, { path: 'Box' }, "Invalid blob trigger path 'Box'.")
    refused(blobTrigger, { path: '%NO%' }, "'%NO%' does not resolve to a value.")
    refused(blobTrigger, { path: 'box', connection: 'Other' }, "string 'Other' does not exist")
    refused(blobTrigger, { path: 'box', connection: 'Mine' }, "string 'AzureWebJobsStorage' does not exist", {
      AzureWebJobsStorage: '',
      Mine: 'UseDevelopmentStorage=true',
    })
    refused(
      blobTrigger,
      { path: 'box', source: 'Other' },
      "'source' of its blob trigger is 'Other'; it must be 'LogsAndContainerScan' or 'EventGrid'.",
    )
    for (const source of ['LogsAndContainerScan', 'logsandcontainerscan', '', undefined])
      expect(bind(blobTrigger, { path: 'box', source }).listener.webhook).toBe(undefined)
    expect(blobTrigger).toMatchObject({ type: 'blobTrigger', supportsRetry: false })
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
describe('a timer trigger', () => {
  const timerOf = (event: TriggerEvent | undefined): Values => JSON.parse(event?.data.json ?? '') as Values

  test('runs the function by its schedule, and keeps its status', async () => {
    const bound = bind(timerTrigger, { schedule: '%CRON%' }, { settings: { CRON: '0 0 0 * * *' } })
    const written = () =>
      storage.containers.get('azure-webjobs-hosts')?.get(`timers/host/Host.Functions.fn${serial}/status`)
    await bound.listener.start()
    await until(() => written() !== undefined)
    const event = await admin(bound)
    expect(event).toMatchObject({ metadata: {}, reason: CALLED_VIA_HOST })
    expect(timerOf(event)).toMatchObject({
      Schedule: { AdjustForDST: true },
      IsPastDue: false,
      ScheduleStatus: { Last: '0001-01-01T00:00:00+00:00' },
    })
    expect(timerOf(event)['ScheduleStatus']).toEqual(JSON.parse(written()?.content.toString() ?? ''))
    expect(event.bindingData()['timerTrigger']).toMatch(/^\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/)
    await bound.listener.stop()
    expect(bound.context.services.log.lines[0]).toContain("The next 5 occurrences of the 'fn")
  })

  test('fires, with the time in its zone', async () => {
    const bound = bind(
      timerTrigger,
      { schedule: '* * * * * *' },
      { settings: { WEBSITE_TIME_ZONE: 'Asia/Kolkata' } },
    )
    await bound.listener.start()
    await until(() => bound.context.events.length === 1)
    await bound.listener.stop()
    const [event] = bound.context.events
    expect(event?.reason).toMatch(/^Timer fired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}0000\+05:30$/)
    expect(event).not.toHaveProperty('details')
    // So frequent a timer keeps no status.
    expect(timerOf(event)['ScheduleStatus']).toBeNull()
    expect(
      storage.containers.get('azure-webjobs-hosts')?.has(`timers/host/Host.Functions.fn${serial}/status`),
    ).toBe(false)
  })

  test('the time it fired at is now', async () => {
    const before = Date.now()
    const event = await admin(
      bind(timerTrigger, { schedule: '0 0 0 * * *', useMonitor: false }, { settings: { TZ: 'UTC' } }),
    )
    const at = Date.parse(event.reason === CALLED_VIA_HOST ? '' : event.reason)
    expect(Number.isNaN(at)).toBe(true)
    expect(timerOf(event)['ScheduleStatus']).toBeNull()
    const bound = bind(
      timerTrigger,
      { schedule: '0 0 0 * * *', runOnStartup: true, useMonitor: false },
      { settings: { TZ: 'UTC' } },
    )
    await bound.listener.start()
    await until(() => bound.context.events.length === 1)
    await bound.listener.stop()
    const [, fired = ''] = /^Timer fired at (.*)$/.exec(bound.context.events[0]?.reason ?? '') ?? []
    expect(Date.parse(fired)).toBeGreaterThanOrEqual(before)
    expect(Date.parse(fired)).toBeLessThanOrEqual(Date.now())
    expect(bound.context.events[0]?.details).toBe('UnscheduledInvocationReason: RunOnStartup')
  })

  test('a missed occurrence is past due', async () => {
    const last = Date.now() - 3 * 24 * 60 * 60 * 1000
    const day = 24 * 60 * 60 * 1000
    const next = new Date((Math.floor(last / day) + 1) * day)
    storage.put(
      'azure-webjobs-hosts',
      `timers/host/Host.Functions.fn${serial}/status`,
      JSON.stringify({
        Last: new Date(last).toISOString(),
        Next: next.toISOString(),
        LastUpdated: new Date(last).toISOString(),
      }),
    )
    const bound = bind(timerTrigger, { schedule: '0 0 0 * * *' }, { settings: { TZ: 'UTC' } })
    await bound.listener.start()
    await until(() => bound.context.events.length === 1)
    await bound.listener.stop()
    expect(timerOf(bound.context.events[0])).toMatchObject({ IsPastDue: true })
    expect(bound.context.services.log.lines).toContain(
      `information Function 'fn${serial}' is past due on startup. Executing now.`,
    )
  })

  test('without host storage it runs, and says that nothing is kept', async () => {
    const bound = bind(
      timerTrigger,
      { schedule: '0 0 0 * * *', runOnStartup: true },
      { settings: { AzureWebJobsStorage: '' }, name: 'fn' },
    )
    expect(bound.context.services.log.lines).toEqual([
      "warning The schedule of 'fn' is not kept over restarts, because AzureWebJobsStorage is not set. Set it in local.settings.json (UseDevelopmentStorage=true for Azurite).",
    ])
    await bound.listener.start()
    await until(() => bound.context.events.length === 1)
    await bound.listener.stop()
  })

  test('logs under its own category', async () => {
    const { context, listener } = bind(timerTrigger, {
      schedule: '0 0 0 * * *',
      useMonitor: null,
      runOnStartup: null,
    })
    const categories = new Set<string>()
    context.services.log.write = (category) => categories.add(category)
    await listener.start()
    await sleep(5)
    await listener.stop()
    expect([...categories]).toEqual(['Host.Triggers.Timer'])
    expect(context.events).toEqual([])
  })

  test('what cannot be used is refused', () => {
    refused(timerTrigger, {}, "'schedule' of its timerTrigger binding is missing.")
    refused(
      timerTrigger,
      { schedule: 'soon' },
      "The schedule expression 'soon' was not recognized as a valid cron expression or timespan string. Write six fields, '{second} {minute} {hour} {day} {month} {day of week}', for example '0 */5 * * * *'.",
    )
    refused(
      timerTrigger,
      { schedule: '0 * * * * *', runOnStartup: 'yes' },
      "'runOnStartup' of its timer trigger must be true or false.",
    )
    refused(
      timerTrigger,
      { schedule: '0 * * * * *', useMonitor: 1 },
      "'useMonitor' of its timer trigger must be true or false.",
    )
    expect(timerTrigger).toMatchObject({ type: 'timerTrigger', supportsRetry: true })
  })
})
