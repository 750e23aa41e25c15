import { beforeEach, expect, test } from '@jest/globals'
import { InvocationContext } from '@azure/functions'
import { orderProcessorHandler } from '../../../src/functions/orderProcessor.ts'
import { UnreadableRecordError } from '../../../src/orders/errors.ts'
import { createService, type ServicePorts } from '../../../src/orders/service.ts'
import { memoryStorage, type MemoryStorage } from '../../../src/storage/memory.ts'

let storage: MemoryStorage
let logged: string[]

beforeEach(() => {
  storage = memoryStorage()
  logged = []
})

const outage = new Error('connect ECONNREFUSED')
const failing: Partial<ServicePorts> = {
  records: {
    read: () => Promise.reject(outage),
    create: () => Promise.resolve({ written: false, cause: outage }),
    replace: () => Promise.resolve({ written: false, cause: outage }),
  },
}

interface DeliveryOptions {
  /** What the host says of the message, instead of the usual. */
  readonly triggerMetadata?: Record<string, unknown>
  readonly dequeueCount?: number
  readonly insertionTime?: string
  readonly ports?: Partial<ServicePorts>
}

async function deliver(
  message: string,
  { dequeueCount = 1, insertionTime, ports = {}, triggerMetadata }: DeliveryOptions = {},
): Promise<void> {
  const service = createService({
    ...storage,
    now: () => new Date(),
    newId: () => `new-${storage.table.size + 1}`,
    ...ports,
  })
  const context = new InvocationContext({
    functionName: 'orderProcessor',
    triggerMetadata: triggerMetadata ?? {
      id: 'message-1',
      dequeueCount,
      ...(insertionTime !== undefined && { insertionTime }),
    },
    logHandler: (level, ...args) => logged.push(`${level}: ${args.map(String).join(' ')}`),
  })
  await orderProcessorHandler(service, 10)(new TextEncoder().encode(message), context)
}

const event = () => JSON.parse(logged[0]?.replace(/^\w+: /, '') ?? '') as Record<string, unknown>

test('a queued order is processed and logged with its message', async () => {
  await deliver('{"id":"a1","item":"widget"}', { insertionTime: new Date(Date.now() - 5000).toISOString() })
  expect(storage.table.get('a1')?.record.status).toBe('processed')
  expect(logged).toHaveLength(1)
  expect(event()).toStrictEqual({
    event: 'order',
    outcome: 'processed',
    via: 'queue',
    orderId: 'a1',
    messageId: 'message-1',
    dequeueCount: 1,
    queuedForMs: expect.any(Number),
  })
  expect(event()['queuedForMs']).toBeGreaterThanOrEqual(5000)
})

test("a message without an id is processed under the queue message's id", async () => {
  await deliver('{"item":"widget"}')
  expect([...storage.table.keys()]).toStrictEqual(['message-1'])
})

// The host's admin API, and so the portal's Test/Run, gives no message id.
test.each<[string, Record<string, unknown>]>([
  ['no metadata', {}],
  ['an empty id', { id: '', dequeueCount: 1 }],
  ['an id that is no text', { id: 7, dequeueCount: 1 }],
  ['an id that is undefined', { id: undefined, dequeueCount: undefined }],
  ['an id that no order can have', { id: '../x', dequeueCount: 'many' }],
  ['a count of no delivery', { id: '', dequeueCount: 0 }],
])(
  'a delivery without a message id is an order under a new id, each time: %s',
  async (_, triggerMetadata) => {
    await deliver('{"item":"widget"}', { triggerMetadata })
    await deliver('{"item":"gadget"}', { triggerMetadata })
    expect([...storage.table.values()].map(({ record }) => [record.id, record.item])).toStrictEqual([
      ['new-1', 'widget'],
      ['new-2', 'gadget'],
    ])
    expect(event()).toStrictEqual({
      event: 'order',
      outcome: 'processed',
      via: 'queue',
      orderId: 'new-1',
      ...(triggerMetadata['dequeueCount'] === 1 && { dequeueCount: 1 }),
    })
  },
)

test('the log line of a poisoned order names it, and holds nothing of what was sent but its id', async () => {
  await deliver('{"id":"a1","item":" ","quantity":"SECRET","SECRET":{"SECRET":"SECRET"}}')
  expect(event()).toMatchObject({
    outcome: 'poisoned',
    orderId: 'a1',
    reason:
      'The order is not valid: /item must not be empty; /quantity must be a number; the order has an unknown field.',
  })
  expect(logged.join()).not.toContain('SECRET')
})

test('a record that cannot be read is an error in the log, with its id; the message is delivered again', async () => {
  const damaged = { read: () => Promise.reject(new UnreadableRecordError('a1', ['status'])) }
  const ports = { records: { ...storage.records, ...failing.records, ...damaged } }
  await expect(deliver('{"id":"a1","item":"widget"}', { ports })).rejects.toThrow('cannot be read')
  expect(logged[0]).toMatch(/^error: /)
  expect(event()).toMatchObject({
    outcome: 'error',
    orderId: 'a1',
    reason: expect.stringContaining('status'),
  })
  await deliver('{"id":"a1","item":"widget"}', { ports, dequeueCount: 10 })
  expect(storage.poisoned).toHaveLength(1)
})

test('a message that can never succeed is poisoned, with the reason in the log', async () => {
  await deliver('{"item":""}')
  expect(storage.poisoned).toHaveLength(1)
  expect(logged[0]).toMatch(/^warning: /)
  expect(event()).toStrictEqual({
    event: 'order',
    outcome: 'poisoned',
    via: 'queue',
    messageId: 'message-1',
    dequeueCount: 1,
    reason: 'The order is not valid: /item must not be empty.',
  })
})

test('unavailable storage fails the delivery, so that the host delivers again', async () => {
  await expect(deliver('{"item":"widget"}', { ports: failing, dequeueCount: 9 })).rejects.toThrow(
    'is unknown',
  )
  expect(storage.poisoned).toStrictEqual([])
  expect(event()).toMatchObject({ outcome: 'unavailable', orderId: 'message-1', dequeueCount: 9 })
})

test('on the last delivery the app itself puts the message on the poison queue', async () => {
  await deliver('{"item":"widget"}', { ports: failing, dequeueCount: 10 })
  expect(storage.poisoned).toHaveLength(1)
  expect(event()).toMatchObject({ outcome: 'poisoned', orderId: 'message-1', dequeueCount: 10 })
})
