import { describe, expect, it, jest, test } from '@jest/globals'
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

test('a failed load of storage is retried, and until then every operation fails as its interface specifies', async () => {
  const broken = new Error('not configured')
  const load = jest.fn(() => Promise.resolve(memoryStorage())).mockRejectedValueOnce(broken)
  const { records } = lazyStorage(load)
  expect(await records.create(record)).toStrictEqual({ written: false, cause: broken })
  load.mockRejectedValueOnce(broken)
  await expect(records.read('a1')).rejects.toBe(broken)
  expect(await records.create(record)).toStrictEqual({ written: true })
})

describe('the last delivery', () => {
  const name = 'AzureFunctionsJobHost__extensions__queues__maxDequeueCount'

  // test/e2e/hostSettings.test.ts holds the same against a host.
  it('is the one that host.json says, in any case, or the default', () => {
    expect(maxDequeueCount({})).toBe(host.extensions.queues.maxDequeueCount)
    expect(maxDequeueCount({}, { Extensions: { QUEUES: { maxdequeuecount: 7 } } })).toBe(7)
    expect(maxDequeueCount({}, { extensions: { queues: { maxDequeueCount: '7' } } })).toBe(7)
    for (const hostJson of [{}, { extensions: null }, { extensions: { queues: {} } }, []]) {
      expect(maxDequeueCount({}, hostJson)).toBe(5)
    }
  })

  it.each([
    name,
    name.replaceAll('__', ':'),
    name.replace('__', ':'),
    name.toUpperCase(),
    name.toLowerCase(),
  ])('is the one that the environment says: %s', (spelling) => {
    expect(maxDequeueCount({ [spelling]: '3' })).toBe(3)
    expect(maxDequeueCount({ [spelling]: ' 30 ' })).toBe(30)
    expect(maxDequeueCount({ [spelling]: '0x1e' })).toBe(30)
  })

  it.each(['', 'many', '0', '-1', '1.5', '0x', '3 4'])(
    'is not one that the host refuses to start with: %j',
    (value) => {
      expect(maxDequeueCount({ [name]: value })).toBe(10)
      expect(maxDequeueCount({ [name]: value, [name.toUpperCase()]: '4' })).toBe(4)
    },
  )

  it('is the earlier one of two spellings', () => {
    expect(maxDequeueCount({ [name]: '3', [name.replaceAll('__', ':')]: '2' })).toBe(2)
    expect(maxDequeueCount({ [name]: '2', [name.replaceAll('__', ':')]: '3' })).toBe(2)
  })
})

test('the app loads outside a Functions host, where it registers nothing', async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined)
  const { warmedUp } = await import('../../src/main.ts')
  expect(warn).toHaveBeenCalled()
  // It then loads what the functions do.
  await warmedUp
  warn.mockRestore()
})
