import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { QueueServiceClient, type QueueClient } from '@azure/storage-queue'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { startHost, type TestHost } from './harness/host.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
describe('queue functions', () => {
  let azurite: Azurite
  let host: TestHost
  let service: QueueServiceClient

  beforeAll(async () => {
    azurite = await startAzurite()
    service = QueueServiceClient.fromConnectionString(azurite.connectionString)
    host = await startHost('basic', { env: { AzureWebJobsStorage: azurite.connectionString } })
  })
  afterAll(async () => {
    await host.stop()
    await azurite.stop()
  })

  test('a message runs the function, its result goes to the output queue, and it is deleted', async () => {
    const input = await queue('basic-in')
    await input.sendMessage(base64('{"order":1}'))
    const answer = JSON.parse(await next('basic-out')) as {
      message: unknown
      metadata: Record<string, unknown>
    }
    expect(answer.message).toEqual({ order: 1 })
    expect(answer.metadata).toMatchObject({ queueTrigger: { order: 1 }, dequeueCount: 1, order: 1 })
    expect(answer.metadata['insertionTime']).toMatch(/^\d{4}-\d\d-\d\dT.*\+00:00$/)
    await host.printed(
      /Executing 'Functions\.text' \(Reason='New queue message detected on 'basic-in'\.', Id=/,
    )
    await host.printed(
      /Trigger Details: MessageId: [0-9a-f-]{36}, DequeueCount: 1, InsertedOn: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00\n/,
    )
    expect(host.output()).toContain('\n\ttext: queueTrigger\n\n')
    await empty('basic-in')
  })

  test("with dataType 'binary' the handler gets the exact bytes", async () => {
    const input = await queue('basic-binary')
    await input.sendMessage(Buffer.from([0, 255, 254, 10]).toString('base64'))
    await host.printed('binary got true 00fffe0a')
  })

  test('an array as output is one message for each element', async () => {
    await queue('basic-in')
    const response = await host.fetch('/api/enqueue', {
      method: 'POST',
      body: JSON.stringify(['one', { two: 2 }]),
    })
    expect(response.status).toBe(202)
    await host.printed('text got "one"')
    await host.printed('text got {"two":2}')
    await next('basic-out')
    await next('basic-out')
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages
  test('a message that fails five times is on the poison queue, unchanged', async () => {
    const input = await queue('basic-in')
    await input.sendMessage(base64('poison'))
    expect(await next('basic-in-poison')).toBe('poison')
    expect(host.output().match(/text got "poison"/g)).toHaveLength(5)
    await empty('basic-in')
  })

  test('a message that is not Base64 goes raw to the poison queue without an invocation', async () => {
    const input = await queue('basic-in')
    await input.sendMessage('not base64!')
    expect(await nextRaw('basic-in-poison')).toBe('not base64!')
  })

  async function queue(name: string): Promise<QueueClient> {
    const client = service.getQueueClient(name)
    await client.createIfNotExists()
    return client
  }
  async function nextRaw(name: string): Promise<string> {
    const client = await queue(name)
    for (;;) {
      const [message] = (await client.receiveMessages()).receivedMessageItems
      if (message !== undefined) {
        await client.deleteMessage(message.messageId, message.popReceipt)
        return message.messageText
      }
      await sleep(50)
    }
  }
  async function next(name: string): Promise<string> {
    return Buffer.from(await nextRaw(name), 'base64').toString('utf8')
  }
  /** Waits until a queue holds nothing, hidden messages included. */
  async function empty(name: string): Promise<void> {
    const client = await queue(name)
    while (((await client.getProperties()).approximateMessagesCount ?? 0) > 0) await sleep(50)
  }
})

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
