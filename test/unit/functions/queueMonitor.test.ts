import { expect, test } from '@jest/globals'
import { InvocationContext, type LogLevel, type Timer } from '@azure/functions'
import { queueMonitorHandler, type MonitorParts } from '../../../src/functions/queueMonitor.ts'
import type { QueueDrain, QueuedMessage } from '../../../src/orders/queueDrain.ts'
import { createService } from '../../../src/orders/service.ts'
import { memoryStorage } from '../../../src/storage/memory.ts'

const timer: Timer = {
  isPastDue: false,
  schedule: { adjustForDST: true },
  scheduleStatus: { last: '', next: '', lastUpdated: '' },
}

const storage = memoryStorage()
const service = createService({ ...storage, now: () => new Date(), newId: () => 'unused' })
const nothingToDrain = () => Promise.resolve({ drain: () => Promise.resolve([]) })

async function logged(
  queueMeter: MonitorParts['queueMeter'],
  queueDrain: MonitorParts['queueDrain'] = nothingToDrain,
): Promise<[LogLevel, string][]> {
  const lines: [LogLevel, string][] = []
  const context = new InvocationContext({
    functionName: 'queueMonitor',
    logHandler: (level, ...texts) => lines.push([level, texts.join(' ')]),
  })
  await queueMonitorHandler({ queueMeter, queueDrain, service, maxDequeueCount: 3 })(timer, context)
  return lines
}

test('one line of JSON says what waits in each queue', async () => {
  const queues = [
    { queue: 'orders', depth: 3, oldestSeconds: 12 },
    { queue: 'orders-poison', depth: 0 },
  ]
  expect(await logged(() => Promise.resolve({ measure: () => Promise.resolve(queues) }))).toStrictEqual([
    [
      'information',
      '{"event":"queues","queues":[{"queue":"orders","depth":3,"oldestSeconds":12},{"queue":"orders-poison","depth":0}]}',
    ],
  ])
})

test.each([
  [
    'storage that does not respond',
    new Error('getaddrinfo ENOTFOUND\u2028x'),
    'Error: getaddrinfo ENOTFOUND',
  ],
  ['a failure that is no error', 'odd', "'odd'"],
])('%s is logged as an error, in one line, and the invocation does not fail', async (_, failure, reason) => {
  const fail = () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- libraries throw what they like
    throw failure
  }
  for (const meter of [fail, () => Promise.resolve({ measure: fail })]) {
    const [[level, line] = ['none', ''], ...more] = await logged(meter)
    expect({ level, more }).toStrictEqual({ level: 'error', more: [] })
    expect(line).not.toContain('\u2028')
    expect(JSON.parse(line)).toMatchObject({ event: 'queues', reason: expect.stringContaining(reason) })
  }
})

test('what waits is offered to the drain, and its messages are processed as those of a trigger', async () => {
  const measurements = [
    { queue: 'orders', depth: 0 },
    { queue: 'orders-3', depth: 2 },
    { queue: 'orders-poison', depth: 1 },
  ]
  const insertedAt = new Date(0)
  const message = (text: string, dequeueCount: number): QueuedMessage => ({
    message: Buffer.from(text),
    messageId: `m${dequeueCount}`,
    dequeueCount,
    insertedAt,
  })
  const offered: (readonly string[])[] = []
  const drain: QueueDrain = {
    async drain(queues, deliver) {
      offered.push(queues)
      await deliver(message('{"id":"a1","item":"widget"}', 1))
      // A conflict: poison at once.
      await deliver(message('{"id":"a1","item":"gadget"}', 2))
      return [{ queue: 'orders-3', messages: 2 }]
    },
  }
  const lines = await logged(
    () => Promise.resolve({ measure: () => Promise.resolve(measurements) }),
    () => Promise.resolve(drain),
  )
  expect(offered).toStrictEqual([['orders-3', 'orders-poison']])
  expect(lines.map(([level, line]) => [level, JSON.parse(line) as unknown])).toStrictEqual([
    ['information', { event: 'queues', queues: measurements }],
    [
      'information',
      {
        event: 'order',
        outcome: 'processed',
        via: 'queue',
        orderId: 'a1',
        messageId: 'm1',
        dequeueCount: 1,
        queuedForMs: expect.any(Number),
      },
    ],
    ['warning', expect.objectContaining({ outcome: 'poisoned', orderId: 'a1', messageId: 'm2' })],
    ['information', { event: 'drained', queue: 'orders-3', messages: 2 }],
  ])
  expect(storage.table.get('a1')?.record).toMatchObject({ item: 'widget', status: 'processed' })
  expect(storage.poisoned.map(String)).toHaveLength(1)
})

test('a drain that fails is logged as an error, after the measurement', async () => {
  const [measurement, failure] = await logged(
    () => Promise.resolve({ measure: () => Promise.resolve([{ queue: 'orders-3', depth: 1 }]) }),
    () => Promise.reject(new Error('AuthorizationPermissionMismatch')),
  )
  expect(measurement?.[0]).toBe('information')
  expect(failure).toStrictEqual([
    'error',
    '{"event":"queues","reason":"Error: AuthorizationPermissionMismatch"}',
  ])
})
