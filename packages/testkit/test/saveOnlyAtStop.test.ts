import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { QueueServiceClient } from '@azure/storage-queue'
import { startAzurite, type Azurite } from '../src/azurite.ts'

let location: string
let azurite: Azurite

beforeEach(async () => {
  location = await mkdtemp(path.join(tmpdir(), 'save-only-at-stop-'))
  azurite = await startAzurite({ location, saveOnlyAtStop: true })
})

afterEach(async () => {
  await azurite.stop()
  await rm(location, { recursive: true })
})

const queue = () => QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('saved')
const database = () => readFile(path.join(location, '__azurite_db_queue__.json'), 'utf8')

it('keeps everything over a stop, and a deleted message stays deleted', async () => {
  await queue().create()
  for (const text of ['first', 'second', 'third']) await queue().sendMessage(text)
  const [first] = (await queue().receiveMessages()).receivedMessageItems
  expect(first?.messageText).toBe('first')
  await queue().deleteMessage(first?.messageId ?? '', first?.popReceipt ?? '')

  await azurite.stop()
  azurite = await startAzurite({ location, saveOnlyAtStop: true })
  const { peekedMessageItems } = await queue().peekMessages({ numberOfMessages: 32 })
  expect(peekedMessageItems.map(({ messageText }) => messageText)).toStrictEqual(['second', 'third'])
})

it('saves at the stop and not before', async () => {
  await queue().create()
  // Longer than the interval of Azurite's own saves.
  await new Promise((resolve) => setTimeout(resolve, 6000))
  expect(await database()).not.toContain('"name":"saved"')
  await azurite.stop()
  expect(await database()).toContain('"name":"saved"')
})
