import { expect, jest, test } from '@jest/globals'
import { lazyStorage } from '../../src/storage/lazy.ts'
import { memoryStorage } from '../../src/storage/memory.ts'

const record = {
  id: 'a1',
  item: 'widget',
  quantity: 1,
  status: 'processed',
  message: 'Order for widget processed!',
  processedAt: '2026-01-02T12:00:00.000Z',
} as const

test('storage is loaded once, on first use', async () => {
  const storage = memoryStorage()
  const load = jest.fn(() => Promise.resolve(storage))
  const { records, queues } = lazyStorage(load)
  expect(load).not.toHaveBeenCalled()

  expect(await records.create(record)).toStrictEqual({ written: true })
  expect((await records.read('a1'))?.record).toStrictEqual(record)
  expect(await records.replace(record, 'v1')).toStrictEqual({ written: true })
  await queues.send(Uint8Array.of(1))
  await queues.poison(Uint8Array.of(2))
  expect(storage.orders).toStrictEqual([Uint8Array.of(1)])
  expect(storage.poisoned).toStrictEqual([Uint8Array.of(2)])
  expect(load).toHaveBeenCalledTimes(1)
})

test('a failed load of storage is retried, and until then every operation fails as its interface specifies', async () => {
  const broken = new Error('not configured')
  const load = jest.fn(() => Promise.resolve(memoryStorage())).mockRejectedValueOnce(broken)
  const { records } = lazyStorage(load)
  expect(await records.create(record)).toStrictEqual({ written: false, cause: broken })
  load.mockRejectedValueOnce(broken)
  await expect(records.read('a1')).rejects.toBe(broken)
  expect(await records.create(record)).toStrictEqual({ written: true })
})

test('the app loads outside a Functions host, where it registers nothing', async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined)
  const { warmedUp } = await import('../../src/main.ts')
  expect(warn).toHaveBeenCalled()
  // It then loads what the functions do.
  await warmedUp
  warn.mockRestore()
})
