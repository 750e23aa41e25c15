import { describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { LONGEST_TIMER_MS, systemClock } from '../src/clock.ts'
import { keepRenewed } from '../src/storage/blobs.ts'
import { createFakeClock } from './harness/fake-clock.ts'

describe("the machine's clock", () => {
  test('a wait of more than 24.8 days does not end at once', async () => {
    const stopping = new AbortController()
    let ended = false
    const wait = systemClock.sleep(LONGEST_TIMER_MS + 1, stopping.signal).then(() => (ended = true))
    // A timer of Node.js that cannot hold its time fires after a millisecond.
    await sleep(50)
    expect(ended).toBe(false)
    stopping.abort()
    await wait
  })

  test('an interval of more than 24.8 days does not begin at once', async () => {
    let calls = 0
    const stop = systemClock.every(LONGEST_TIMER_MS + 1000, () => (calls += 1))
    await sleep(50)
    stop()
    expect(calls).toBe(0)
  })

  test('a wait ends by itself, and at once when it is stopped before', async () => {
    await systemClock.sleep(1, new AbortController().signal)
    await systemClock.sleep(LONGEST_TIMER_MS, AbortSignal.abort())
  })

  test('an interval calls again and again until it is stopped', async () => {
    let calls = 0
    let stop = (): void => undefined
    await new Promise<void>((resolve) => {
      stop = systemClock.every(1, () => {
        calls += 1
        if (calls === 3) resolve()
      })
    })
    stop()
    const stopped = calls
    await sleep(50)
    expect(calls).toBe(stopped)
  })

  test('shows the time', () => {
    expect(Math.abs(systemClock.wall() - Date.now())).toBeLessThan(60_000)
    const before = systemClock.now()
    expect(systemClock.now()).toBeGreaterThanOrEqual(before)
  })
})

describe('the lease of a blob', () => {
  test('is renewed before it ends, also after a renewal that failed, until it is ended', async () => {
    const clock = createFakeClock()
    const renewals: number[] = []
    const stop = keepRenewed(
      30,
      () => {
        renewals.push(clock.now())
        return renewals.length === 2 ? Promise.reject(new Error('busy')) : Promise.resolve()
      },
      clock,
    )
    await clock.advance(90_000)
    expect(renewals).toHaveLength(9)
    const gaps = renewals.map((at, i) => at - (renewals[i - 2] ?? 0))
    // Even when every other one fails, no lease of 30 s ends.
    expect(Math.max(...gaps)).toBeLessThan(30_000)
    stop()
    await clock.advance(90_000)
    expect(renewals).toHaveLength(9)
  })
})
