import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { settingsOf, type Settings } from '../src/config/settings.ts'
import { blobService, HOST_CONTAINER, leaseBlob } from '../src/storage/blobs.ts'
import { openQueue, type MessageQueue } from '../src/storage/queues.ts'
import { tableClient } from '../src/storage/tables.ts'
import { createStatusStore, resume, type StatusStore } from '../src/triggers/timer-status.ts'
import { parseSchedule, type Schedule } from '../src/triggers/timer-schedule.ts'
import { createFakeClock } from './harness/fake-clock.ts'
import { refusal, startFakeStorage, until, type FakeStorage } from './harness/fake-storage.ts'

let storage: FakeStorage
let settings: Settings
beforeAll(async () => {
  storage = await startFakeStorage()
  settings = settingsOf(
    new Map(
      Object.entries({
        AzureWebJobsStorage: storage.connectionString,
        Identity__accountName: 'me',
      }),
    ),
  )
})
afterAll(async () => {
  await storage.stop()
})
beforeEach(() => {
  storage.intercept = () => undefined
})

describe('a queue', () => {
  let queue: MessageQueue
  let serial = 0
  let name = ''
  beforeEach(async () => {
    name = `queue-${serial++}`
    queue = await openQueue(settings, undefined, name)
  })

  test('that is missing has no messages, and is created by the first', async () => {
    expect(await queue.receive(16, 600)).toEqual([])
    await queue.send('one')
    await queue.send('two')
    expect(storage.queues.get(name)?.map(({ text }) => text)).toEqual(['one', 'two'])
  })

  test('gives messages, at most so many, and hides them for so long', async () => {
    for (const text of ['a', 'b', 'c']) await queue.send(text)
    const [first, second, ...others] = await queue.receive(2, 77)
    expect(first).toMatchObject({ messageText: 'a', dequeueCount: 1 })
    expect(second?.messageText).toBe('b')
    expect(others).toEqual([])
    expect(storage.requests.at(-1)?.query.get('visibilitytimeout')).toBe('77')
    expect(await queue.receive(2, 77)).toMatchObject([{ messageText: 'c' }])
  })

  test('hides a message again, under a new receipt, and deletes it with that', async () => {
    await queue.send('a')
    const [message] = await queue.receive(1, 60)
    const receipt = await queue.hide(message?.messageId ?? '', message?.popReceipt ?? '', 5)
    expect(receipt).not.toBe(message?.popReceipt)
    expect(storage.requests.at(-1)?.query.get('visibilitytimeout')).toBe('5')
    expect(await queue.hide(message?.messageId ?? '', message?.popReceipt ?? '', 5)).toBeUndefined()
    await queue.remove(message?.messageId ?? '', message?.popReceipt ?? '')
    expect(storage.queues.get(name)).toHaveLength(1)
    await queue.remove(message?.messageId ?? '', receipt ?? '')
    expect(storage.queues.get(name)).toEqual([])
    await queue.remove(message?.messageId ?? '', receipt ?? '')
    expect(await queue.hide(message?.messageId ?? '', receipt ?? '', 5)).toBeUndefined()
  })

  test('keeps the receipt where the service gives no other', async () => {
    storage.intercept = () => ({ status: 204 })
    expect(await queue.hide('id', 'receipt', 1)).toBe('receipt')
  })

  test.each(['MessageNotFound', 'PopReceiptMismatch', 'QueueNotFound', 'QueueBeingDeleted'])(
    'a message that is gone (%s) is no error',
    async (code) => {
      storage.intercept = () => refusal(404, code)
      expect(await queue.hide('id', 'receipt', 1)).toBeUndefined()
      await queue.remove('id', 'receipt')
    },
  )

  test('every other error is thrown', async () => {
    storage.intercept = () => refusal(403, 'AuthenticationFailed')
    const denied = { statusCode: 403, code: 'AuthenticationFailed' }
    await expect(queue.receive(1, 1)).rejects.toMatchObject(denied)
    const before = storage.requests.length
    await expect(queue.send('x')).rejects.toMatchObject(denied)
    // Nothing is created then.
    expect(storage.requests.slice(before).map(({ method }) => method)).toEqual(['POST'])
    await expect(queue.hide('id', 'receipt', 1)).rejects.toMatchObject(denied)
    await expect(queue.remove('id', 'receipt')).rejects.toMatchObject(denied)
  })

  test('the service is asked three times at most, and quickly', async () => {
    storage.intercept = () => refusal(503, 'ServerBusy')
    const before = storage.requests.length
    const started = performance.now()
    await expect(queue.receive(1, 1)).rejects.toMatchObject({ statusCode: 503 })
    expect(storage.requests.length - before).toBe(3)
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('a client', () => {
  test('is shared by those who use one connection', async () => {
    expect(await blobService(settings, undefined)).toBe(await blobService(settings, 'Storage'))
    expect(await blobService(settings, 'Identity')).not.toBe(await blobService(settings, undefined))
  })

  test('of an identity has the addresses of its account', async () => {
    expect((await blobService(settings, 'Identity')).url).toBe('https://me.blob.core.windows.net/')
    expect((await tableClient(settings, 'Identity', 'rows')).url).toBe('https://me.table.core.windows.net')
    await openQueue(settings, 'Identity', 'x')
  })

  test('that could not be opened is opened anew the next time', async () => {
    const settingsWith = (key: string, uri: string): Settings => settingsOf(new Map([[`Half__${key}`, uri]]))
    const tables = settingsWith('tableServiceUri', 'http://t')
    await expect(blobService(tables, 'Half')).rejects.toThrow('Set Half__blobServiceUri or Half__accountName')
    await expect(openQueue(tables, 'Half', 'x')).rejects.toThrow(
      'Set Half__queueServiceUri or Half__accountName',
    )
    expect((await blobService(settingsWith('blobServiceUri', 'https://b'), 'Half')).url).toBe('https://b/')
    await openQueue(settingsWith('queueServiceUri', 'https://q'), 'Half', 'x')
    expect((await tableClient(tables, 'Half', 'x')).url).toBe('http://t')
  })

  test('of blobs asks three times at most', async () => {
    storage.intercept = () => refusal(503, 'ServerBusy')
    const before = storage.requests.length
    const container = (await blobService(settings, undefined)).getContainerClient('box')
    await expect(container.getBlobClient('x').getProperties()).rejects.toMatchObject({ statusCode: 503 })
    expect(storage.requests.length - before).toBe(3)
  })

  test.each([
    'UseDevelopmentStorage=true',
    'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net',
  ])('of tables speaks HTTP where the connection says so: %s', async (value) => {
    const client = await tableClient(settingsOf(new Map([['Mine', value]])), 'Mine', 'rows')
    expect(client.url).toMatch(/^http:/)
    expect(client.tableName).toBe('rows')
  })
})

describe('the lease of a blob', () => {
  const renewals = (): number =>
    storage.requests.filter(({ headers }) => headers['x-ms-lease-action'] === 'renew').length

  test('is renewed at a third of its time until it is ended, and then released', async () => {
    const clock = createFakeClock()
    storage.put('box', 'leased', '')
    const blob = (await blobService(settings, undefined)).getContainerClient('box').getBlobClient('leased')
    const lease = await leaseBlob(blob, 30, clock)
    expect(storage.requests.at(-1)?.headers['x-ms-lease-duration']).toBe('30')
    expect(storage.containers.get('box')?.get('leased')?.lease).toBe(lease?.id)
    // Somebody else cannot have it.
    expect(await leaseBlob(blob, 30, clock)).toBeUndefined()
    const before = renewals()
    await clock.advance(9999)
    expect(renewals()).toBe(before)
    await clock.advance(1)
    await until(() => renewals() === before + 1)
    // A renewal that fails does not end the next ones.
    storage.intercept = () => refusal(409, 'LeaseLost')
    await clock.advance(10_000)
    await until(() => renewals() === before + 2)
    storage.intercept = () => undefined
    await clock.advance(10_000)
    await until(() => renewals() === before + 3)
    await lease?.end()
    expect(storage.containers.get('box')?.get('leased')?.lease).toBeUndefined()
    await clock.advance(60_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(renewals()).toBe(before + 3)
    await lease?.end()
  })

  test('of a blob that is not there cannot be had; every other error is thrown', async () => {
    const container = (await blobService(settings, undefined)).getContainerClient('box')
    expect(await leaseBlob(container.getBlobClient('missing'), 30, createFakeClock())).toBeUndefined()
    storage.intercept = () => refusal(403, 'AuthorizationFailure')
    await expect(leaseBlob(container.getBlobClient('x'), 30, createFakeClock())).rejects.toMatchObject({
      statusCode: 403,
    })
  })
})

describe('the status of a timer in storage', () => {
  let store: StatusStore
  const PATH = 'timers/host/fn/status'
  beforeEach(() => {
    storage.remove(HOST_CONTAINER, PATH)
    store = createStatusStore(() => blobService(settings, undefined), 'host', 'fn', {
      name: 'x',
      offsetAt: () => 90,
    })
  })
  const status = {
    last: Date.UTC(2026, 0, 1),
    next: Date.UTC(2026, 0, 2),
    lastUpdated: Date.UTC(2026, 0, 1, 0, 0, 1),
  }

  test('is absent first, and then what was written, in the zone of the timer', async () => {
    expect(await store.read()).toBeUndefined()
    await store.write(status)
    expect(storage.containers.get(HOST_CONTAINER)?.get(PATH)?.content.toString()).toBe(
      '{"Last":"2026-01-01T01:30:00+01:30","Next":"2026-01-02T01:30:00+01:30","LastUpdated":"2026-01-01T01:30:01+01:30"}',
    )
    expect(await store.read()).toEqual(status)
    await store.write({ ...status, last: undefined, lastUpdated: undefined })
    expect(await store.read()).toEqual({ ...status, last: undefined, lastUpdated: undefined })
    expect(storage.containers.get(HOST_CONTAINER)?.get(PATH)?.content.toString()).toContain(
      '"Last":"0001-01-01T00:00:00+00:00"',
    )
  })

  test.each(['no json', '[]', 'null', '{}', '{"Next":5}', '{"Next":"x"}', '{"Next":"0001-01-01T00:00:00"}'])(
    'that cannot be read (%s) is absent',
    async (content) => {
      storage.put(HOST_CONTAINER, PATH, content)
      expect(await store.read()).toBeUndefined()
    },
  )

  test('its container is created for the first status; every other error is thrown', async () => {
    let missing = true
    storage.intercept = ({ method, query }) => {
      if (query.get('restype') === 'container') missing = false
      else if (method === 'PUT' && missing) return refusal(404, 'ContainerNotFound')
      return undefined
    }
    await store.write(status)
    expect(missing).toBe(false)
    expect(await store.read()).toEqual(status)
    storage.intercept = () => refusal(403, 'AuthorizationFailure')
    await expect(store.read()).rejects.toMatchObject({ statusCode: 403 })
    const before = storage.requests.length
    await expect(store.write(status)).rejects.toMatchObject({ statusCode: 403 })
    expect(storage.requests).toHaveLength(before + 1)
  })
})

// https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Scheduling/ScheduleMonitor.cs
describe('what a start makes of a stored status', () => {
  const HOUR = 3_600_000
  const NOW = Date.UTC(2026, 0, 1, 12, 30)
  const at = (hour: number): number => Date.UTC(2026, 0, 1, hour)
  const hourly = scheduleOf('0 0 * * * *')
  const never = scheduleOf('0 0 0 30 2 *')

  test('without one the schedule begins now', () => {
    expect(resume(undefined, hourly, NOW)).toEqual({
      status: { last: undefined, next: at(13), lastUpdated: NOW },
      isPastDue: false,
      isChanged: true,
    })
    expect(resume(undefined, never, NOW)).toBeUndefined()
  })

  test('an occurrence that is to come stays', () => {
    const stored = { last: at(12), next: at(13), lastUpdated: at(12) }
    expect(resume(stored, hourly, NOW)).toEqual({ status: stored, isPastDue: false, isChanged: false })
    expect(resume(stored, hourly, at(13))?.isPastDue).toBe(false)
  })

  test('an occurrence that was missed is past due', () => {
    const stored = { last: at(9), next: at(10), lastUpdated: at(9) }
    expect(resume(stored, hourly, NOW)).toEqual({ status: stored, isPastDue: true, isChanged: false })
  })

  test('one that has never fired counts from when it was written', () => {
    const stored = { last: undefined, next: at(10), lastUpdated: at(9) + 5 }
    expect(resume(stored, hourly, NOW)).toMatchObject({ isPastDue: true, isChanged: false })
    // Without even that, from now.
    expect(resume({ last: undefined, next: at(13), lastUpdated: undefined }, hourly, NOW)).toMatchObject({
      isChanged: false,
    })
  })

  test('a schedule that was changed misses nothing', () => {
    const stored = { last: at(9), next: at(9) + HOUR / 2, lastUpdated: at(9) }
    expect(resume(stored, hourly, NOW)).toEqual({
      status: { last: undefined, next: at(13), lastUpdated: NOW },
      isPastDue: false,
      isChanged: true,
    })
    // What the new one has still to come after the last run is next.
    const recent = { last: at(12), next: at(12) + HOUR / 2, lastUpdated: at(12) }
    expect(resume(recent, hourly, NOW)).toEqual({
      status: { last: undefined, next: at(13), lastUpdated: at(12) },
      isPastDue: false,
      isChanged: true,
    })
    expect(resume(recent, hourly, at(13))?.status).toEqual({
      last: undefined,
      next: at(13),
      lastUpdated: at(12),
    })
    expect(resume(stored, never, NOW)).toBeUndefined()
  })

  function scheduleOf(text: string): Schedule {
    const schedule = parseSchedule(text, { name: 'UTC', offsetAt: () => 0 })
    if (schedule === undefined) throw new Error(`'${text}' is no schedule.`)
    return schedule
  }
})
