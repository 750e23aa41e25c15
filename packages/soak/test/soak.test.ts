import { expect, test } from '@jest/globals'
import { examples } from '../src/report.ts'
import { soak } from '../src/soak.ts'

// The fault harness at a small size; by hand at full size: npm run soak -- --orders 20000 --kills 40 --outages 5

test('no order is lost or processed twice while worker, host and storage die', async () => {
  const { account, ledger, blows, faults } = await soak(
    {
      orders: 200,
      kills: 2,
      outages: 3,
      duplicates: 0.2,
      conflicts: 0.1,
      poison: 0.06,
      faults: 0.08,
      maxDequeueCount: undefined,
      seed: 20260102,
      limitMs: 150_000,
    },
    new AbortController().signal,
  )
  expect(examples(account)).toEqual([])

  // The run reached what it is about.
  expect(account.acknowledged).toBeGreaterThan(150)
  expect(account.poisonExpected).toBeGreaterThan(5)
  expect(account.poisonPreserved).toBe(account.poisonExpected)
  expect(account.conflicts).toBeGreaterThan(0)
  expect(new Set(ledger.orders.map(({ way }) => way))).toEqual(new Set(['sync', 'async']))
  expect(blows.workerKills + blows.hostKills).toBe(2)
  expect([...blows.outages.values()].reduce((sum, times) => sum + times, 0)).toBe(3)
  expect([...faults.keys()]).toEqual(expect.arrayContaining(['refuse', 'delay', 'answer', 'drop', 'cut']))
}, 180_000)
