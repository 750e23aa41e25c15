import { expect, test } from '@jest/globals'
import type { AcceptedOrder } from '../../src/orders/order.ts'
import { memoryFiles, memoryStorage } from '../../src/storage/memory.ts'

const order: AcceptedOrder = {
  id: 'a1',
  item: 'widget',
  quantity: 1,
  status: 'accepted',
  acceptedAt: '2026-01-02T12:00:00.000Z',
}

test('storage in memory refuses what the tables refuse', async () => {
  const { records } = memoryStorage()
  expect(await records.replace(order, 'v0')).toMatchObject({ written: false })
  expect(await records.create(order)).toStrictEqual({ written: true })
  expect(await records.create({ ...order, quantity: 2 })).toStrictEqual({
    written: false,
    cause: new Error('exists'),
  })
  const before = await records.read('a1')
  const etag = before?.etag ?? ''
  expect(await records.replace({ ...order, quantity: 2 }, etag)).toStrictEqual({ written: true })
  // The ETag of an earlier version.
  expect(await records.replace({ ...order, quantity: 3 }, etag)).toStrictEqual({
    written: false,
    cause: new Error('changed'),
  })
  expect((await records.read('a1'))?.record.quantity).toBe(2)
})

test('a file in memory is read in chunks, none of them empty', async () => {
  const files = memoryFiles(2)
  files.put('a.csv', 'item')
  const chunks: string[] = []
  for await (const chunk of (await files.open('a.csv'))?.read() ?? [])
    chunks.push(Buffer.from(chunk).toString())
  expect(chunks).toStrictEqual(['it', 'em'])
})
