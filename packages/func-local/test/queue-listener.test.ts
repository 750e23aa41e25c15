import { describe, expect, test } from '@jest/globals'
import type { QueueOptions } from '../src/storage/queue-options.ts'
import { createQueueListener, type QueueListenerOptions } from '../src/triggers/queue-listener.ts'
import { createFakeClock, type FakeClock } from './harness/fake-clock.ts'
import { createFakeLog, type FakeLog } from './harness/fake-log.ts'
import { createFakeQueues, NO_ANSWER, type FakeQueues } from './harness/fake-queues.ts'

const OPTIONS: QueueOptions = {
  batchSize: 16,
  newBatchThreshold: 8,
  visibilityTimeout: 0,
  maxDequeueCount: 5,
  maxPollingInterval: 2000,
  messageEncoding: 'none',
}
const LEASE_SECONDS = 600
const LEASE_MS = LEASE_SECONDS * 1000
const REFUSED = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:10001'), { code: 'ECONNREFUSED' })
const FORBIDDEN = Object.assign(new Error('Unexpected status code: 403'), {
  statusCode: 403,
  code: 'AuthenticationFailed',
  details: {
    message: 'Server failed to authenticate the request.\nRequestId:1',
    errorCode: 'AuthenticationFailed',
  },
})

interface World {
  readonly clock: FakeClock
  readonly queues: FakeQueues
  readonly log: FakeLog
  readonly runs: string[]
  readonly listener: { start: () => void; stop: () => Promise<void> }
}

/** A listener on `orders` (or another queue) whose function does what `handler` says. */
function listen(
  handler: (text: string, dequeueCount: number) => Promise<boolean> | boolean,
  changes: Partial<QueueOptions> & Partial<Pick<QueueListenerOptions, 'queueName'>> = {},
): World {
  const { queueName = 'orders', ...options } = changes
  const clock = createFakeClock()
  const queues = createFakeQueues(clock)
  const log = createFakeLog()
  const runs: string[] = []
  const listener = createQueueListener({
    queueName,
    connection: 'AzureWebJobsStorage',
    options: { ...OPTIONS, ...options },
    leaseSeconds: LEASE_SECONDS,
    open: queues.open,
    log,
    clock,
    run: async (body, info) => {
      runs.push(body.toString())
      return await handler(body.toString(), info.dequeueCount)
    },
  })
  return { clock, queues, log, runs, listener }
}

function later(): { promise: Promise<boolean>; resolve: (succeeded: boolean) => void } {
  let resolve: (succeeded: boolean) => void = () => undefined
  const promise = new Promise<boolean>((done) => (resolve = done))
  return { promise, resolve }
}

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
describe('a queue listener', () => {
  test('runs the function for a message and deletes the message', async () => {
    const { clock, queues, runs, listener, log } = listen(() => true)
    queues.put('orders', 'one')
    listener.start()
    await clock.advance(1)
    expect(runs).toEqual(['one'])
    expect(queues.contents('orders')).toEqual([])
    expect(log.lines).toEqual([])
    await listener.stop()
  })

  test('keeps a message from others for as long as its function runs', async () => {
    const work = later()
    const { clock, queues, runs, listener } = listen(() => work.promise)
    queues.put('orders', 'long')
    listener.start()
    await clock.advance(3 * LEASE_MS)
    expect(runs).toEqual(['long'])
    expect(queues.contents('orders')).toMatchObject([{ count: 1 }])
    // Renewed at half time: never more than half a lease has passed since.
    expect(queues.contents('orders')[0]?.hiddenFor).toBeGreaterThanOrEqual(LEASE_MS / 2)
    work.resolve(true)
    await clock.advance(1)
    expect(queues.contents('orders')).toEqual([])
    const renewals = queues.calls('hide')
    await clock.advance(LEASE_MS)
    expect(queues.calls('hide')).toBe(renewals)
    await listener.stop()
  })

  test('a renewal that fails is reported, and the next one still comes', async () => {
    const work = later()
    const { clock, queues, listener, log } = listen(() => work.promise)
    queues.put('orders', 'long')
    listener.start()
    await clock.advance(1)
    queues.fail('hide', REFUSED)
    await clock.advance(LEASE_MS / 2)
    expect(log.lines).toEqual([
      "warning The lease of message 'm1' of queue 'orders' could not be renewed (connection refused).",
    ])
    queues.fail('hide', undefined)
    await clock.advance(LEASE_MS / 2 - 2)
    expect(queues.calls('hide')).toBe(1)
    queues.put('orders', 'other')
    await clock.advance(2 * LEASE_MS)
    expect(queues.calls('hide')).toBeGreaterThan(1)
    work.resolve(true)
    await clock.advance(1)
    await listener.stop()
  })

  test.each([true, false])(
    'a message that somebody else has by now is left to them, whether its function succeeds (%s) or not',
    async (succeeded) => {
      const work = later()
      const { clock, queues, listener, log } = listen(() => work.promise, { maxDequeueCount: 1 })
      queues.put('orders', 'lost')
      listener.start()
      await clock.advance(1)
      queues.steal('orders', 10 * LEASE_MS)
      await clock.advance(2 * LEASE_MS)
      const renewals = queues.calls('hide')
      await clock.advance(2 * LEASE_MS)
      expect(queues.calls('hide')).toBe(renewals)
      work.resolve(succeeded)
      await clock.advance(1)
      expect(queues.contents('orders')).toHaveLength(1)
      expect(queues.names()).toEqual(['orders'])
      expect(log.lines).toEqual([])
      await listener.stop()
    },
  )

  test('a message whose function fails is visible again after the visibility timeout, rounded up', async () => {
    const { clock, queues, runs, listener } = listen(() => false, { visibilityTimeout: 2500 })
    queues.put('orders', 'x')
    listener.start()
    await clock.advance(1)
    expect(queues.contents('orders')).toEqual([{ text: 'x', count: 1, hiddenFor: 3000 - 1 }])
    expect(runs).toHaveLength(1)
    await listener.stop()
  })

  test('a message that failed maxDequeueCount times goes to the poison queue, and is deleted', async () => {
    const { clock, queues, runs, listener, log } = listen(() => false)
    queues.put('orders', 'bad')
    listener.start()
    await clock.advance(60_000)
    expect(runs).toHaveLength(5)
    expect(queues.contents('orders')).toEqual([])
    expect(queues.contents('orders-poison')).toMatchObject([{ text: 'bad', count: 0 }])
    expect(log.lines).toEqual([
      "warning Message has reached MaxDequeueCount of 5. Moving message to queue 'orders-poison'.",
    ])
    await listener.stop()
  })

  test('a message that was dequeued too often goes to the poison queue without running', async () => {
    const { clock, queues, runs, listener } = listen(() => true, { maxDequeueCount: 2 })
    queues.put('orders', 'crashed')
    const other = await queues.open('orders')
    for (let i = 0; i < 2; i++) {
      await other.receive(1, 0)
    }
    listener.start()
    await clock.advance(1)
    expect(runs).toEqual([])
    expect(queues.contents('orders-poison')).toHaveLength(1)
    expect(queues.contents('orders')).toEqual([])
    await listener.stop()
  })

  test('a message whose copy to the poison queue fails is not deleted, and says so', async () => {
    const { clock, queues, listener, log } = listen(() => false, { maxDequeueCount: 1 })
    queues.put('orders', 'bad')
    queues.fail('send', FORBIDDEN, 'orders-poison')
    listener.start()
    await clock.advance(1000)
    expect(queues.contents('orders')).toMatchObject([{ text: 'bad', count: 1 }])
    expect(queues.calls('remove')).toBe(0)
    expect(log.lines).toEqual([
      "warning Message 'm1' of queue 'orders' could not be settled (403 AuthenticationFailed Server failed to authenticate the request.). It is delivered again when its lease ends.",
    ])
    queues.fail('send', undefined, 'orders-poison')
    await clock.advance(LEASE_MS + 5000)
    expect(queues.contents('orders')).toEqual([])
    expect(queues.contents('orders-poison')).toHaveLength(1)
    await listener.stop()
  })

  test('the function knows which message it has', async () => {
    const clock = createFakeClock()
    const queues = createFakeQueues(clock)
    const infos: unknown[] = []
    const listener = createQueueListener({
      queueName: 'orders',
      connection: 'AzureWebJobsStorage',
      options: OPTIONS,
      leaseSeconds: LEASE_SECONDS,
      open: queues.open,
      log: createFakeLog(),
      clock,
      run: (_body, info) => {
        infos.push(info)
        return Promise.resolve(true)
      },
    })
    queues.put('orders', 'one')
    listener.start()
    await clock.advance(1)
    const date = new Date(clock.wall() - 1)
    expect(infos).toEqual([
      { id: 'm1', popReceipt: '1', dequeueCount: 1, insertedOn: date, expiresOn: date, nextVisibleOn: date },
    ])
    await listener.stop()
  })

  test('a function that throws instead of failing gives its message back', async () => {
    const { clock, queues, listener } = listen(() => Promise.reject(new Error('no')), {
      visibilityTimeout: 30_000,
    })
    queues.put('orders', 'x')
    listener.start()
    await clock.advance(1)
    expect(queues.contents('orders')).toMatchObject([{ hiddenFor: 30_000 - 1 }])
    await listener.stop()
  })

  describe('on a poison queue', () => {
    test('leaves a failing message hidden until its lease ends, and makes no poison queue of it', async () => {
      const { clock, queues, runs, listener } = listen(() => false, { queueName: 'orders-poison' })
      queues.put('orders-poison', 'bad')
      listener.start()
      await clock.advance(LEASE_MS - 1000)
      expect(runs).toHaveLength(1)
      await clock.advance(LEASE_MS)
      expect(runs).toHaveLength(2)
      await clock.advance(20 * LEASE_MS)
      // After maxDequeueCount it does not run any more, and is still there.
      expect(runs).toHaveLength(5)
      expect(queues.contents('orders-poison')).toMatchObject([{ text: 'bad' }])
      expect(queues.names()).toEqual(['orders-poison'])
      await listener.stop()
    })

    test('leaves a message that is not Base64 where it is, and says so once a lease', async () => {
      const { clock, queues, runs, listener, log } = listen(() => true, {
        queueName: 'orders-poison',
        messageEncoding: 'base64',
      })
      queues.put('orders-poison', 'not base64!')
      listener.start()
      await clock.advance(LEASE_MS - 1000)
      expect(runs).toEqual([])
      expect(log.lines).toHaveLength(1)
      expect(log.lines[0]).toContain('it is left hidden, because its queue has no poison queue')
      expect(queues.names()).toEqual(['orders-poison'])
      await listener.stop()
    })

    test('a message whose function succeeds is deleted', async () => {
      const { clock, queues, listener } = listen(() => true, { queueName: 'orders-poison' })
      queues.put('orders-poison', 'good')
      listener.start()
      await clock.advance(1)
      expect(queues.contents('orders-poison')).toEqual([])
      await listener.stop()
    })
  })

  // "-poison" would make the name longer than storage allows.
  test('a queue with a long name has no poison queue either', async () => {
    const queueName = 'q'.repeat(60)
    const { clock, queues, runs, listener } = listen(() => false, { queueName })
    queues.put(queueName, 'bad')
    listener.start()
    await clock.advance(LEASE_MS - 1000)
    expect(runs).toHaveLength(1)
    expect(queues.names()).toEqual([queueName])
    await listener.stop()
  })

  test('a message that is not Base64 goes to the poison queue as it is, without running', async () => {
    const { clock, queues, runs, listener, log } = listen(() => true, { messageEncoding: 'base64' })
    queues.put('orders', 'not base64!')
    listener.start()
    await clock.advance(1)
    expect(runs).toEqual([])
    expect(queues.contents('orders')).toEqual([])
    expect(queues.contents('orders-poison')).toMatchObject([{ text: 'not base64!' }])
    expect(log.lines[0]).toContain("it goes to 'orders-poison' as it is")
    await listener.stop()
  })

  describe('concurrency', () => {
    test('takes a batch, and the next one only when few enough are running', async () => {
      const works = Array.from({ length: 20 }, later)
      const { clock, queues, runs, listener } = listen((text) => works[Number(text)]?.promise ?? true, {
        batchSize: 4,
        newBatchThreshold: 2,
      })
      for (let i = 0; i < 12; i++) queues.put('orders', String(i))
      listener.start()
      await clock.advance(10_000)
      expect(runs).toHaveLength(4)
      works[0]?.resolve(true)
      await clock.advance(10_000)
      expect(runs).toHaveLength(4)
      works[1]?.resolve(true)
      await clock.advance(10_000)
      // Two are running, which is the threshold: four more come, and then there are too many.
      expect(runs).toHaveLength(8)
      for (const { resolve } of works) resolve(true)
      await clock.advance(10_000)
      expect(runs).toHaveLength(12)
      await listener.stop()
    })

    test('an empty queue is asked less and less often, at most at the polling interval', async () => {
      const { clock, queues, listener } = listen(() => true)
      listener.start()
      await clock.advance(10_000)
      const before = queues.calls('receive')
      await clock.advance(60_000)
      const asked = queues.calls('receive') - before
      expect(asked).toBe(30)
      queues.put('orders', 'x')
      await clock.advance(2000)
      expect(queues.contents('orders')).toEqual([])
      await listener.stop()
    })
  })

  describe('when it stops', () => {
    test('waits for what is running, and takes nothing more', async () => {
      const work = later()
      const { clock, queues, runs, listener } = listen(() => work.promise)
      queues.put('orders', 'x')
      listener.start()
      await clock.advance(1)
      let stopped = false
      const stop = listener.stop().then(() => (stopped = true))
      queues.put('orders', 'y')
      await clock.advance(60_000)
      expect(stopped).toBe(false)
      work.resolve(true)
      await clock.advance(1)
      await stop
      expect(runs).toEqual(['x'])
      expect(queues.contents('orders')).toEqual([{ text: 'y', count: 0, hiddenFor: 0 }])
    })

    test('gives back at once what it took but did not begin', async () => {
      const { clock, queues, runs, listener } = listen(() => true)
      queues.put('orders', 'late')
      listener.start()
      // The receive is under way.
      const stop = listener.stop()
      await clock.advance(1)
      await stop
      expect(runs).toEqual([])
      expect(queues.contents('orders')).toEqual([{ text: 'late', count: 1, hiddenFor: 0 }])
    })

    test('does not wait for ever for a receive that is not answered', async () => {
      const { clock, queues, listener } = listen(() => true)
      queues.fail('receive', NO_ANSWER)
      listener.start()
      await clock.advance(1)
      let stopped = false
      const stop = listener.stop().then(() => (stopped = true))
      await clock.advance(4999)
      expect(stopped).toBe(false)
      await clock.advance(1)
      await stop
    })
  })

  describe('when storage is away', () => {
    test('says so once, asks less and less often, and says once that it is back', async () => {
      const { clock, queues, runs, listener, log } = listen(() => true)
      queues.fail('receive', REFUSED)
      listener.start()
      await clock.advance(4000)
      // It may be starting together with the host.
      expect(log.lines).toEqual([])
      await clock.advance(56_000)
      expect(log.lines).toEqual([
        "warning Queue 'orders' cannot be read (connection refused). Is the storage of connection 'AzureWebJobsStorage' (Azurite) running? Start it, or correct the setting. Trying again until it responds.",
      ])
      const before = queues.calls('receive')
      await clock.advance(60_000)
      expect(queues.calls('receive') - before).toBeLessThanOrEqual(31)
      queues.fail('receive', undefined)
      queues.put('orders', 'x')
      await clock.advance(2000)
      expect(log.lines.slice(1)).toEqual([
        "information Storage responds again; queue 'orders' is being read.",
      ])
      expect(runs).toEqual(['x'])
      await listener.stop()
    })

    test('asks soon again at first', async () => {
      const { clock, queues, listener } = listen(() => true)
      queues.fail('receive', REFUSED)
      listener.start()
      await clock.advance(1000)
      expect(queues.calls('receive')).toBeGreaterThanOrEqual(4)
      await listener.stop()
    })

    test('a wrong key is no outage: it is said at once, and storage is asked once a minute', async () => {
      const { clock, queues, runs, listener, log } = listen(() => true)
      queues.fail('receive', FORBIDDEN)
      listener.start()
      await clock.advance(1)
      expect(log.lines).toEqual([
        "error Queue 'orders' cannot be read (403 AuthenticationFailed Server failed to authenticate the request.). Check the key of connection 'AzureWebJobsStorage', or the roles of its identity. Its function does not run until then; storage is asked once a minute.",
      ])
      await clock.advance(10 * 60_000)
      expect(queues.calls('receive')).toBe(11)
      expect(log.lines).toHaveLength(1)
      queues.fail('receive', undefined)
      queues.put('orders', 'x')
      await clock.advance(60_000)
      expect(runs).toEqual(['x'])
      queues.put('orders', 'y')
      await clock.advance(2000)
      expect(runs).toEqual(['x', 'y'])
      await listener.stop()
    })
  })
})
