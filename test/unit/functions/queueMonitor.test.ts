import { expect, test } from '@jest/globals'
import { InvocationContext, type LogLevel, type Timer } from '@azure/functions'
import { queueMonitorHandler } from '../../../src/functions/queueMonitor.ts'
import type { QueueMeter } from '../../../src/orders/queueMeter.ts'

const timer: Timer = {
  isPastDue: false,
  schedule: { adjustForDST: true },
  scheduleStatus: { last: '', next: '', lastUpdated: '' },
}

async function logged(meter: () => Promise<QueueMeter>): Promise<[LogLevel, string][]> {
  const lines: [LogLevel, string][] = []
  const context = new InvocationContext({
    functionName: 'queueMonitor',
    logHandler: (level, ...texts) => lines.push([level, texts.join(' ')]),
  })
  await queueMonitorHandler(meter)(timer, context)
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
