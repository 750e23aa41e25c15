import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

const HOST_ID = 'conformance'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob
describe('blob functions', () => {
  let azurite: Azurite
  let host: TestHost
  let service: BlobServiceClient
  let queues: QueueServiceClient

  beforeAll(async () => {
    azurite = await startAzurite()
    service = BlobServiceClient.fromConnectionString(azurite.connectionString)
    queues = QueueServiceClient.fromConnectionString(azurite.connectionString)
    host = await start()
  })
  afterAll(async () => {
    await host.stop()
    await azurite.stop()
  })

  describe('trigger', () => {
    interface Inspected {
      readonly isBuffer: boolean
      readonly content: string
      readonly metadata: Record<string, unknown> & { readonly properties: Record<string, unknown> }
    }

    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-name-patterns
    test('a new blob runs the function with its bytes, the metadata and the parameters of the path', async () => {
      const bytes = Buffer.from([0, 255, 254, 10])
      const name = 'a/b/my.photo.png'
      await (await container('blob-in')).getBlockBlobClient(name).upload(bytes, bytes.length, {
        metadata: { owner: 'ada' },
        blobHTTPHeaders: { blobContentType: 'image/png' },
      })
      const seen = JSON.parse(await content('blob-out', 'my.photo.json')) as Inspected
      expect(seen.isBuffer).toBe(true)
      expect(seen.content).toBe(bytes.toString('base64'))
      // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#metadata
      expect(seen.metadata).toMatchObject({
        blobTrigger: `blob-in/${name}`,
        uri: (await container('blob-in')).getBlobClient(name).url,
        metadata: { owner: 'ada' },
        folder: 'a/b',
        name: 'my.photo',
        ext: 'png',
      })
      expect(seen.metadata.properties).toMatchObject({
        blobType: 0,
        contentLength: 4,
        contentType: 'image/png',
        metadata: { owner: 'ada' },
      })
      expect(seen.metadata.properties['lastModified']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/)
      await host.printed(
        `Executing 'Functions.inspect' (Reason='New blob detected(LogsAndContainerScan): blob-in/${name}', Id=`,
      )
      expect(host.output()).toContain('\n\tinspect: blobTrigger\n\n')
    })

    test('functions that share a path each run', async () => {
      await host.printed('second got a/b/my.photo.png')
    })

    // https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Blobs/src/Triggers/BlobTriggerBinding.cs
    test('a call of the admin API names the blob that the function runs for', async () => {
      await upload('blob-elsewhere', 'a/b', 'from elsewhere')
      const call = async (path: string): Promise<void> => {
        const response = await host.fetch('/admin/functions/text', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ input: path }),
        })
        expect(response.status).toBe(202)
      }
      await call('blob-elsewhere/a/b')
      await host.printed('text got "from elsewhere" of blob-elsewhere/a/b')
      await call('blob-elsewhere/none')
      if (!onCoreTools) await host.printed("The blob 'blob-elsewhere/none' does not exist.")
    })

    test('a changed blob runs the function again; a name that does not match never does', async () => {
      await upload('blob-in', 'no-folder', 'one')
      await upload('blob-in', 'folder/changing.txt', 'one')
      await host.printed('second got folder/changing.txt')
      const from = host.output().length
      await upload('blob-in', 'folder/changing.txt', 'two')
      await host.printed('second got folder/changing.txt', from)
      await host.printed('second got no-folder')
      expect(host.output()).not.toContain('(LogsAndContainerScan): blob-in/no-folder-')
      expect(host.output().match(/'Functions\.inspect' \(Reason='[^']*no-folder/g)).toBeNull()
    })

    test("a path without a name matches every blob; with dataType 'string' the handler gets text", async () => {
      await upload('blob-text', 'x/y', 'text of it')
      await host.printed('text got "text of it" of blob-text/x/y')
    })

    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#poison-blobs
    test('a blob that fails five times is named on the poison queue', async () => {
      const { etag } = await upload('blob-fail', 'bad', 'broken')
      const message = JSON.parse(await nextMessage('webjobs-blobtrigger-poison')) as unknown
      expect(message).toEqual({
        Type: 'BlobTrigger',
        FunctionId: 'Host.Functions.fails',
        BlobType: 'BlockBlob',
        ContainerName: 'blob-fail',
        BlobName: 'bad',
        ETag: etag,
      })
      expect(host.output().match(/fails got broken/g)).toHaveLength(5)
    })

    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-receipts
    test('a version runs once, also after a restart', async () => {
      await upload('blob-text', 'before', 'first')
      await host.printed('text got "first" of blob-text/before')
      await host.printed(/Executed 'Functions\.text' \(Succeeded[^]*Executed 'Functions\.text' \(Succeeded/)
      await host.stop()
      await upload('blob-text', 'meanwhile', 'second')
      host = await start()
      await host.printed('text got "second" of blob-text/meanwhile')
      await upload('blob-text', 'after', 'third')
      await host.printed('text got "third" of blob-text/after')
      expect(host.output()).not.toContain('text got "first"')
      expect(host.output()).not.toContain('fails got')
      const receipts = (await container('azure-webjobs-hosts')).listBlobsFlat({
        prefix: `blobreceipts/${HOST_ID}/Host.Functions.text/`,
        includeMetadata: true,
      })
      const names: string[] = []
      for await (const { name, metadata } of receipts) {
        names.push(name.split('/').slice(4).join('/'))
        expect(Object.keys(metadata ?? {})).not.toContain('Incomplete')
      }
      expect(names.sort()).toEqual([
        'blob-text/after',
        'blob-text/before',
        'blob-text/meanwhile',
        'blob-text/x/y',
      ])
    })

    test("with the source 'EventGrid' it polls, and looks at once after an event; both run a version once", async () => {
      if (onCoreTools) return
      expect(host.output()).toContain("'eventGrid': the blob trigger's source is 'EventGrid'; here it polls")
      await upload('blob-grid', 'polled', 'one')
      await host.printed('eventGrid got one of blob-grid/polled')
      await upload('blob-grid', 'told', 'two')
      const url = '/runtime/webhooks/blobs?functionName=Host.Functions.eventGrid'
      const headers = { 'aeg-event-type': 'Notification' }
      const told = [{ eventType: 'Microsoft.Storage.BlobCreated', data: { url: 'http://x/blob-grid/told' } }]
      const { status } = await host.fetch(url, { method: 'POST', headers, body: JSON.stringify(told) })
      expect(status).toBe(202)
      await host.printed('eventGrid got two of blob-grid/told')
      await upload('blob-grid', 'last', 'three')
      await host.printed('eventGrid got three of blob-grid/last')
      expect(host.output().match(/eventGrid got two/g)).toHaveLength(1)
    })

    test('with sdkBinding the function gets what its library makes a client of', async () => {
      if (onCoreTools) return
      await upload('blob-client', 'a.txt', 'not read by the host')
      const about = { Connection: 'AzureWebJobsStorage', ContainerName: 'blob-client', BlobName: 'a.txt' }
      await host.printed(`client got AzureStorageBlobs 1.0 application/json ${JSON.stringify(about)}`)
      expect(await get('/api/clients/a.txt')).toEqual({ ...about, BlobName: 'a.txt' })
    })
  })

  describe('input', () => {
    test('is text or, with dataType binary, a Buffer', async () => {
      await upload('blob-store', 'plain', 'héllo')
      expect(await get('/api/blobs/plain')).toEqual({ text: 'héllo', bytes: base64('héllo') })
    })

    test('JSON is parsed', async () => {
      await upload('blob-store', 'json', '{"a":[1]}')
      expect(await get('/api/blobs/json')).toEqual({ text: { a: [1] }, bytes: base64('{"a":[1]}') })
    })

    test('a blob that does not exist is undefined', async () => {
      expect(await get('/api/blobs/none')).toEqual({ bytes: 'undefined' })
    })

    test('{queueTrigger} is the message; a queue output takes texts and objects', async () => {
      await upload('blob-store', 'by-queue', 'named by a message')
      const queue = queues.getQueueClient('blob-names')
      await queue.createIfNotExists()
      await queue.sendMessage(base64('by-queue'))
      const answers = [await nextMessage('blob-answers'), await nextMessage('blob-answers'), await nextMessage('blob-answers')] // prettier-ignore
      // In an array a Buffer is the object that JSON makes of it, as in the real host.
      const buffer = JSON.stringify({ type: 'Buffer', data: [...Buffer.from('bytes')] }, null, 2)
      expect(answers.sort()).toEqual(['named by a message', '{\n  "json": 1\n}', buffer])
    })
  })

  describe('output', () => {
    test.each([
      ['text', Buffer.from('plain text')],
      ['bytes', Buffer.from([0, 255, 254])],
      ['json', Buffer.from('{"a":[1,"two"]}')],
    ])('%s is written, into a container that is created when it is missing', async (name, expected) => {
      expect((await host.fetch(`/api/blobs/${name}`, { method: 'POST' })).status).toBe(201)
      const blob = (await container('blob-new-made')).getBlobClient(name)
      expect(await blob.downloadToBuffer()).toEqual(expected)
    })

    test('nothing writes nothing', async () => {
      expect((await host.fetch('/api/blobs/nothing', { method: 'POST' })).status).toBe(201)
      expect(await (await container('blob-new-made')).getBlobClient('nothing').exists()).toBe(false)
    })
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns
  test('binding expressions name the query, headers, the JSON body and what the host makes', async () => {
    const response = await host.fetch('/api/expressions?color=red', {
      method: 'POST',
      headers: { 'x-color': 'blue' },
      body: '{"order":{"id":7},"color":"green"}',
    })
    expect(response.status).toBe(201)
    const names: string[] = []
    for await (const { name } of (await container('expr')).listBlobsFlat()) names.push(name)
    const guid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ`
    expect(names.sort()).toEqual([
      'bare-red',
      'body-7',
      expect.stringMatching(new RegExp(`^date-${time}$`)),
      expect.stringMatching(/^day-\d{4}-\d\d-\d\d$/),
      expect.stringMatching(new RegExp(`^guid-${guid}$`)),
      'header-blue',
      'method-expressions',
      expect.stringMatching(/^n-[0-9a-f]{32}$/),
      expect.stringMatching(new RegExp(`^now-${time}$`)),
      'query-red',
      expect.stringMatching(new RegExp(`^sys-${guid}$`)),
    ])
  })

  test('an expression that names nothing fails the invocation with the reason', async () => {
    expect((await host.fetch('/api/unresolvable', { method: 'POST' })).status).toBe(500)
    await host.printed(
      /Exception: No value for (?:the binding expression '\{missing\}'|named parameter 'missing')/,
    )
  })

  async function start(): Promise<TestHost> {
    return await startHost('blob', {
      env: {
        AzureWebJobsStorage: azurite.connectionString,
        AzureFunctionsWebHost__hostid: HOST_ID,
        CONTAINER_SUFFIX: 'made',
      },
    })
  }
  async function container(name: string): Promise<ContainerClient> {
    const client = service.getContainerClient(name)
    await client.createIfNotExists()
    return client
  }
  async function upload(
    containerName: string,
    name: string,
    text: string,
  ): Promise<{ etag: string | undefined }> {
    const blob = (await container(containerName)).getBlockBlobClient(name)
    const { etag } = await blob.upload(text, Buffer.byteLength(text))
    return { etag }
  }
  /** Waits until a blob exists. */
  async function content(containerName: string, name: string): Promise<string> {
    const blob = (await container(containerName)).getBlobClient(name)
    while (!(await blob.exists())) await sleep(50)
    return (await blob.downloadToBuffer()).toString()
  }
  async function nextMessage(name: string): Promise<string> {
    const queue = queues.getQueueClient(name)
    await queue.createIfNotExists()
    for (;;) {
      const [message] = (await queue.receiveMessages()).receivedMessageItems
      if (message !== undefined) {
        await queue.deleteMessage(message.messageId, message.popReceipt)
        return Buffer.from(message.messageText, 'base64').toString('utf8')
      }
      await sleep(50)
    }
  }
  async function get(path: string): Promise<unknown> {
    const response = await host.fetch(path)
    expect(response.status).toBe(200)
    return await response.json()
  }
})

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
