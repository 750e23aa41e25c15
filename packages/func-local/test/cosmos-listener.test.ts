import { describe, expect, test } from '@jest/globals'
import { claimLease, newOwner } from '../src/triggers/cosmos-lease.ts'
import { createCosmosListener } from '../src/triggers/cosmos-listener.ts'
import { createFakeClock, type FakeClock } from './harness/fake-clock.ts'
import { createFakeLeases, type FakeLeases } from './harness/fake-leases.ts'
import { createFakeLog, type FakeLog } from './harness/fake-log.ts'

const REFUSED = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:8081'), { code: 'ECONNREFUSED' })
const FORBIDDEN = Object.assign(new Error('Forbidden'), { statusCode: 403 })
const POLL_MS = 1000
const ACQUIRE_MS = 2000
const EXPIRATION_MS = 60_000
/** Items in a page. */
const MOST = 2

interface World {
  readonly clock: FakeClock
  readonly leases: FakeLeases
  readonly log: FakeLog
  readonly changes: string[]
  /** What the next reads of the feed throw. */
  readonly failures: Error[]
  /** The batches that the function was given. */
  readonly runs: string[][]
  readonly listener: (handler?: Handler) => { start: () => void; stop: () => Promise<void> }
}
type Handler = (items: readonly string[]) => boolean | Promise<boolean>

/** A container whose continuations are how many changes were read. */
function world(): World {
  const clock = createFakeClock()
  const leases = createFakeLeases()
  const log = createFakeLog()
  const changes: string[] = []
  const failures: Error[] = []
  const runs: string[][] = []
  const listener = (handler: Handler = () => true) => {
    const owner = newOwner()
    return createCosmosListener({
      target: { kind: 'container', name: 'orders', connection: 'CosmosDb', service: 'Cosmos DB' },
      pollDelayMs: POLL_MS,
      acquireMs: ACQUIRE_MS,
      renewMs: 17_000,
      claim: () => claimLease(leases, 'lease', owner, EXPIRATION_MS, clock),
      feed: (from) => {
        let at = Number(from ?? 0)
        return {
          next: () => {
            const failure = failures.shift()
            if (failure !== undefined) return Promise.reject(failure)
            const items = changes.slice(at, at + MOST)
            at += items.length
            return Promise.resolve({ items, continuation: String(at) })
          },
        }
      },
      log,
      clock,
      run: async (items) => {
        runs.push([...(items as string[])])
        return await handler(items as string[])
      },
    })
  }
  return { clock, leases, log, changes, failures, runs, listener }
}

const continuation = ({ leases }: World) => leases.leases.get('lease')?.lease.continuation

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger
describe('a listener on a container of Cosmos DB', () => {
  test('delivers what is there page by page, and later what comes', async () => {
    const w = world()
    w.changes.push('a', 'b', 'c')
    const listener = w.listener()
    listener.start()
    await w.clock.advance(1)
    expect(w.runs).toEqual([['a', 'b'], ['c']])
    w.changes.push('d')
    await w.clock.advance(POLL_MS)
    expect(w.runs.slice(2)).toEqual([['d']])
    expect(continuation(w)).toBe('4')
    await listener.stop()
    expect(w.log.lines).toEqual([])
  })

  test('goes on after a restart where it was, and tells nobody twice', async () => {
    const w = world()
    w.changes.push('a')
    const first = w.listener()
    first.start()
    await w.clock.advance(1)
    await first.stop()
    w.changes.push('b')
    const second = w.listener()
    second.start()
    await w.clock.advance(1)
    expect(w.runs).toEqual([['a'], ['b']])
    await second.stop()
  })

  test('keeps where "now" was, so that what comes before the next start is delivered', async () => {
    const w = world()
    const listener = w.listener()
    listener.start()
    await w.clock.advance(1)
    await listener.stop()
    expect(continuation(w)).toBe('0')
  })

  test('goes on after a batch that failed, as the real host does: a retry policy repeats it before that', async () => {
    const w = world()
    w.changes.push('a', 'b', 'c')
    const listener = w.listener((items) => !items.includes('a'))
    listener.start()
    await w.clock.advance(1)
    expect(w.runs).toEqual([['a', 'b'], ['c']])
    expect(continuation(w)).toBe('3')
    await listener.stop()
  })

  test.each([true, false])(
    'waits when it stops for the function; what failed then is delivered again: succeeded %s',
    async (succeeded) => {
      const w = world()
      w.changes.push('a')
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const first = w.listener(() => promise)
      first.start()
      await w.clock.advance(1)
      const stopped = first.stop()
      resolve(succeeded)
      await stopped
      const second = w.listener()
      second.start()
      await w.clock.advance(1)
      expect(w.runs).toEqual(succeeded ? [['a']] : [['a'], ['a']])
      await second.stop()
    },
  )

  test('of two with one lease only one delivers, and the other takes over when it has stopped', async () => {
    const w = world()
    const [first, second] = [w.listener(), w.listener()]
    first.start()
    await w.clock.advance(1)
    second.start()
    w.changes.push('a')
    await w.clock.advance(3 * EXPIRATION_MS)
    expect(w.runs).toEqual([['a']])
    await first.stop()
    w.changes.push('b')
    await w.clock.advance(ACQUIRE_MS)
    expect(w.runs).toEqual([['a'], ['b']])
    await second.stop()
  })

  test('survives an account that is away, says so once, and goes on without a change lost or told twice', async () => {
    const w = world()
    w.changes.push('a')
    const listener = w.listener()
    listener.start()
    await w.clock.advance(10_000)
    w.failures.push(...Array<Error>(12).fill(REFUSED))
    w.changes.push('b')
    await w.clock.advance(30_000)
    expect(w.runs).toEqual([['a'], ['b']])
    expect(w.log.lines.map((line) => line.replace(/^\w+: /, ''))).toEqual([
      expect.stringMatching(
        /Container 'orders' cannot be read \(connection refused\)\. Is the account or emulator of connection 'CosmosDb' running\?/,
      ),
      expect.stringMatching(/Cosmos DB responds again/),
    ])
    await listener.stop()
  })

  test('notes what was delivered also when the leases are away just then', async () => {
    const w = world()
    w.changes.push('a')
    const listener = w.listener(() => {
      w.leases.failures.push(REFUSED, REFUSED, REFUSED)
      return true
    })
    listener.start()
    await w.clock.advance(10_000)
    expect(w.runs).toEqual([['a']])
    expect(continuation(w)).toBe('1')
    await listener.stop()
  })

  test('delivers again what it could not note before it stopped', async () => {
    const w = world()
    w.changes.push('a')
    const first = w.listener(() => {
      w.leases.failures.push(...Array<Error>(20).fill(REFUSED))
      return true
    })
    first.start()
    await w.clock.advance(1)
    const stopped = first.stop()
    await w.clock.advance(5000)
    await stopped
    w.leases.failures.splice(0)
    const second = w.listener()
    second.start()
    await w.clock.advance(EXPIRATION_MS + ACQUIRE_MS)
    expect(w.runs).toEqual([['a'], ['a']])
    await second.stop()
  })

  test('asks an account that refuses it once a minute', async () => {
    const w = world()
    w.failures.push(...Array<Error>(3).fill(FORBIDDEN))
    const listener = w.listener()
    listener.start()
    await w.clock.advance(2 * 60_000 - 1)
    expect(w.failures).toHaveLength(1)
    expect(w.log.lines).toEqual([expect.stringMatching(/Cosmos DB is asked once a minute/)])
    await listener.stop()
  })

  test('renews the lease while a function takes long', async () => {
    const w = world()
    w.changes.push('a')
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const [first, second] = [w.listener(() => promise), w.listener()]
    first.start()
    await w.clock.advance(1)
    second.start()
    await w.clock.advance(5 * EXPIRATION_MS)
    expect(w.runs).toEqual([['a']])
    resolve(true)
    await first.stop()
    await second.stop()
  })
})
