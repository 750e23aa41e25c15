import { expect, jest, test } from '@jest/globals'
import host from '../../host.json' with { type: 'json' }
import { maxDequeueCount } from '../../src/functions/maxDequeueCount.ts'
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

test('storage that could not be loaded is tried again, and until then every operation fails as its port says', async () => {
  const broken = new Error('not configured')
  const load = jest.fn(() => Promise.resolve(memoryStorage())).mockRejectedValueOnce(broken)
  const { records } = lazyStorage(load)
  expect(await records.create(record)).toStrictEqual({ written: false, cause: broken })
  load.mockRejectedValueOnce(broken)
  await expect(records.read('a1')).rejects.toBe(broken)
  expect(await records.create(record)).toStrictEqual({ written: true })
})

test('the last delivery is the one that host.json, or the environment over it, says', () => {
  const name = 'AzureFunctionsJobHost__extensions__queues__maxDequeueCount'
  expect(maxDequeueCount({})).toBe(host.extensions.queues.maxDequeueCount)
  expect(maxDequeueCount({ [name]: '3' })).toBe(3)
  expect(maxDequeueCount({ [name]: 'many' })).toBe(10)
  expect(maxDequeueCount({ [name]: '0' })).toBe(10)
})

test('the app loads outside a Functions host, where it registers nothing', async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined)
  await import('../../src/main.ts')
  expect(warn).toHaveBeenCalled()
  // It goes on to load what the functions do.
  await new Promise((resolve) => setImmediate(resolve))
  const handlers = await import('../../src/handlers.ts')
  await handlers.warmUp()
  expect(Object.keys(handlers).sort()).toStrictEqual([
    'docs',
    'hello',
    'openApi',
    'order',
    'orderProcessor',
    'orderStatus',
    'queueMonitor',
    'warmUp',
  ])
  warn.mockRestore()
})
