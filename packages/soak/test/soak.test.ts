import { expect, test } from '@jest/globals'
import { examples } from '../src/report.ts'
import { soak } from '../src/soak.ts'

// A small run of the fault harness. A full one: npm run soak -- --orders 20000 --kills 40 --outages 5

test('no order is lost or processed twice while worker, host and storage fail', async () => {
  const { audit, ledger, disruptions, faults } = await soak(
    {
      orders: 200,
      kills: 2,
      outages: 3,
      duplicates: 0.2,
      conflicts: 0.1,
      poison: 0.06,
      files: 0.1,
      faults: 0.08,
      maxDequeueCount: undefined,
      queues: 2,
      queuesMidway: [4, 1],
      seed: 20260102,
      limitMs: 150_000,
    },
    new AbortController().signal,
  )
  expect(examples(audit)).toEqual([])

  // The run covered every case.
  expect(audit.acknowledged).toBeGreaterThan(150)
  expect(audit.poisonExpected).toBeGreaterThan(5)
  expect(audit.poisonPreserved).toBe(audit.poisonExpected)
  expect(audit.fileLines).toBeGreaterThan(10)
  expect(audit.conflicts).toBeGreaterThan(0)
  expect(new Set(ledger.orders.map(({ way }) => way))).toEqual(new Set(['sync', 'async']))
  expect(disruptions.workerKills + disruptions.hostKills).toBe(2)
  expect([...disruptions.outages.values()].reduce((sum, times) => sum + times, 0)).toBe(3)
  expect([...faults.keys()]).toEqual(expect.arrayContaining(['refuse', 'delay', 'error', 'drop', 'cut']))
}, 180_000)
