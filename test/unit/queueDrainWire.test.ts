import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { storageQueueDrain } from '../../src/storage/queueDrain.ts'
import { startScriptedStorage, type ScriptedStorage } from '../support/scriptedStorage.ts'

let server: ScriptedStorage

beforeAll(async () => {
  server = await startScriptedStorage()
})

afterAll(() => server.close())

test('a message that storage does not delete in time is a failure, and does not keep the run waiting', async () => {
  const message =
    '<QueueMessage><MessageId>m</MessageId><InsertionTime>Fri, 02 Jan 2026 12:00:00 GMT</InsertionTime>' +
    '<ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime><PopReceipt>p</PopReceipt>' +
    '<TimeNextVisible>Fri, 02 Jan 2026 12:01:00 GMT</TimeNextVisible><DequeueCount>1</DequeueCount>' +
    '<MessageText>eA==</MessageText></QueueMessage>'
  server.respond(({ method }) =>
    method === 'DELETE'
      ? 'hang'
      : {
          status: 200,
          body: `<?xml version="1.0" encoding="utf-8"?><QueueMessagesList>${message}</QueueMessagesList>`,
        },
  )
  const delivered: string[] = []
  const drain = await storageQueueDrain({ AzureWebJobsStorage: server.connectionString })
  const deliver = ({ messageId }: { readonly messageId: string | undefined }) => {
    delivered.push(String(messageId))
    return Promise.resolve()
  }
  await expect(drain.drain(['orders-0'], deliver)).rejects.toMatchObject({ name: 'AbortError' })
  expect(delivered).toStrictEqual(['m'])
})
