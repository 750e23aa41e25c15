import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { QueueServiceClient, type QueueClient } from '@azure/storage-queue'
import { startAzurite, type Azurite } from '../src/azurite.ts'

// The queues for measurements of long backlogs must behave like Azurite's own.
describe.each([
  { queues: 'Azurite’s own queues', flatQueues: false },
  { queues: 'the flat queues', flatQueues: true },
])('$queues', ({ flatQueues }) => {
  let azurite: Azurite
  let queue: QueueClient

  beforeAll(async () => {
    azurite = await startAzurite({ flatQueues })
    queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('orders')
    await queue.createIfNotExists()
  })

  beforeEach(async () => {
    for (const text of ['first', 'second', 'third']) await queue.sendMessage(text)
  })

  afterAll(async () => {
    await azurite.stop()
  })

  async function receive(numberOfMessages: number, visibilityTimeout = 600) {
    return (await queue.receiveMessages({ numberOfMessages, visibilityTimeout })).receivedMessageItems
  }
  const waiting = async () => (await queue.getProperties()).approximateMessagesCount

  it('delivers each message once, oldest first, until its visibility timeout, and counts it until it is deleted', async () => {
    const two = await receive(2)
    const rest = await receive(2)
    expect([...two, ...rest].map(({ messageText, dequeueCount }) => [messageText, dequeueCount])).toEqual([
      ['first', 1],
      ['second', 1],
      ['third', 1],
    ])
    expect(await receive(2)).toEqual([])
    expect(await waiting()).toBe(3)
    for (const { messageId, popReceipt } of [...two, ...rest])
      await queue.deleteMessage(messageId, popReceipt)
    expect(await waiting()).toBe(0)
  })

  it('delivers a released message again, and deletes it only with the last receipt, once', async () => {
    const [first, ...others] = await receive(3)
    const { popReceipt = '' } = await queue.updateMessage(first?.messageId ?? '', first?.popReceipt ?? '')
    const [again] = await receive(3)
    expect(again).toMatchObject({ messageId: first?.messageId, messageText: 'first', dequeueCount: 2 })

    const refused = { details: expect.objectContaining({ errorCode: 'PopReceiptMismatch' }) }
    await expect(queue.deleteMessage(again?.messageId ?? '', popReceipt)).rejects.toMatchObject(refused)
    for (const message of [again, ...others]) {
      await queue.deleteMessage(message?.messageId ?? '', message?.popReceipt ?? '')
    }
    const gone = { details: expect.objectContaining({ errorCode: 'MessageNotFound' }) }
    await expect(queue.deleteMessage(again?.messageId ?? '', again?.popReceipt ?? '')).rejects.toMatchObject(
      gone,
    )
    expect(await waiting()).toBe(0)
  })
})
