import { hostname } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import { claimLease, newOwner, type Claim } from '../src/triggers/cosmos-lease.ts'
import { createFakeClock, type FakeClock } from './harness/fake-clock.ts'
import { createFakeLeases, type FakeLeases } from './harness/fake-leases.ts'

const EXPIRATION_MS = 60_000
/** No process has this number: https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html (pid_max) */
const NO_PROCESS = 2 ** 22 + 1

const claim = (
  leases: FakeLeases,
  clock: FakeClock,
  { id = 'lease', owner = newOwner() } = {},
): Promise<Claim | undefined> => claimLease(leases, id, owner, EXPIRATION_MS, clock)

async function claimed(leases: FakeLeases, clock: FakeClock, options = {}): Promise<Claim> {
  const taken = await claim(leases, clock, options)
  if (taken === undefined) throw new Error('The lease was not free.')
  return taken
}

const stored = (leases: FakeLeases) => leases.leases.get('lease')?.lease

describe('a lease', () => {
  test('is made by the first one who takes it, and says how far the changes were delivered', async () => {
    const [leases, clock] = [createFakeLeases(), createFakeClock()]
    const lease = await claimed(leases, clock)
    expect(lease.continuation()).toBeUndefined()
    await lease.advance('c1')
    expect(lease.continuation()).toBe('c1')
    await lease.release()
    expect(stored(leases)).toEqual({ id: 'lease', owner: '', expires: 0, continuation: 'c1' })
    expect((await claimed(leases, clock)).continuation()).toBe('c1')
  })

  test('is one owner’s alone until it expires, and a renewal keeps it', async () => {
    const [leases, clock] = [createFakeLeases(), createFakeClock()]
    const lease = await claimed(leases, clock)
    await clock.advance(EXPIRATION_MS - 1)
    expect(await claim(leases, clock)).toBeUndefined()
    await lease.renew()
    await clock.advance(EXPIRATION_MS - 1)
    expect(await claim(leases, clock)).toBeUndefined()
    await clock.advance(1)
    const other = await claimed(leases, clock)
    await lease.advance('too late')
    expect(lease.isLost()).toBe(true)
    expect(lease.continuation()).toBeUndefined()
    expect(stored(leases)?.continuation).toBeUndefined()
    // Who has lost it changes nothing any more.
    await lease.release()
    await other.advance('c1')
    expect(stored(leases)?.continuation).toBe('c1')
  })

  test('of a process of this machine that is gone is free at once; of another machine it is not', async () => {
    const clock = createFakeClock()
    for (const [machine, free] of [
      [hostname(), true],
      ['elsewhere', false],
    ] as const) {
      const leases = createFakeLeases()
      const owner = `${machine}/${NO_PROCESS}/1`
      await claimed(leases, clock, { owner })
      expect((await claim(leases, clock)) !== undefined).toBe(free)
    }
  })

  test('can be taken again by the owner who could not give it back', async () => {
    const [leases, clock] = [createFakeLeases(), createFakeClock()]
    const owner = newOwner()
    await claimed(leases, clock, { owner })
    expect(await claim(leases, clock, { owner })).toBeDefined()
  })

  test.each(['create', 'replace'])('is taken by one of two at a time: %s', async (way) => {
    const [leases, clock] = [createFakeLeases(), createFakeClock()]
    if (way === 'replace') await (await claimed(leases, clock)).release()
    const both = await Promise.all([claim(leases, clock), claim(leases, clock)])
    expect(both.filter((one) => one !== undefined)).toHaveLength(1)
  })

  test('is not lost with the response to a write that got through', async () => {
    const [leases, clock] = [createFakeLeases(), createFakeClock()]
    const lease = await claimed(leases, clock)
    leases.lostResponses = 1
    await expect(lease.advance('c1')).rejects.toThrow('socket hang up')
    await lease.advance('c1')
    expect(lease.isLost()).toBe(false)
    await lease.advance('c2')
    expect(stored(leases)?.continuation).toBe('c2')
  })

  test('is written by one at a time: a renewal does not take an advance back', async () => {
    const [leases, clock] = [createFakeLeases(), createFakeClock()]
    const lease = await claimed(leases, clock)
    await Promise.all([lease.renew(), lease.advance('c1'), lease.renew(), lease.advance('c2'), lease.renew()])
    expect(lease.isLost()).toBe(false)
    expect(stored(leases)?.continuation).toBe('c2')
  })
})
