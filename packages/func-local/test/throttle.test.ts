import { describe, expect, test } from '@jest/globals'
import { createThrottle, UnusableLimitsError, type Throttle } from '../src/http/throttle.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook#hostjson-settings
describe('the limits for HTTP requests', () => {
  /** Starts so much work; each piece runs until it is ended. */
  function start(throttle: Throttle, count: number) {
    const running: (() => void)[] = []
    let begun = 0
    const results = Array.from({ length: count }, () =>
      throttle.run(() => {
        begun += 1
        return new Promise<void>((resolve) => running.push(resolve))
      }),
    )
    return {
      results,
      /** How many have begun, when everything that can happen has happened. */
      begun: async () => {
        for (let i = 0; i < 10; i++) await Promise.resolve()
        return begun
      },
      endOne: () => running.shift()?.(),
    }
  }

  test('so many run at once, and the place of one that ends goes to the next', async () => {
    const { begun, endOne, results } = start(createThrottle({ concurrent: 2, outstanding: -1 }), 5)
    expect(await begun()).toBe(2)
    for (const expected of [3, 4, 5, 5, 5]) {
      endOne()
      expect(await begun()).toBe(expected)
    }
    expect(await Promise.all(results)).toEqual([true, true, true, true, true])
  })

  test('beyond those that may run or wait, one is refused; there is room again when one has ended', async () => {
    const throttle = createThrottle({ concurrent: 1, outstanding: 3 })
    const { begun, endOne, results } = start(throttle, 5)
    expect(await Promise.all(results.slice(3))).toEqual([false, false])
    expect(await begun()).toBe(1)
    endOne()
    expect(await begun()).toBe(2)
    const later = start(throttle, 2)
    expect(await later.results[1]).toBe(false)
    endOne()
    await begun()
    endOne()
    await begun()
    later.endOne()
    expect(await later.begun()).toBe(1)
    later.endOne()
    expect(await Promise.all([...results, ...later.results])).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
      false,
    ])
  })

  test('a place is free again after work that failed, and after all work has ended', async () => {
    const throttle = createThrottle({ concurrent: 1, outstanding: 1 })
    await expect(throttle.run(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    for (let i = 0; i < 3; i++) expect(await throttle.run(() => Promise.resolve())).toBe(true)
  })

  test('without limits everything runs', async () => {
    const { begun } = start(createThrottle({ concurrent: -1, outstanding: -1 }), 50)
    expect(await begun()).toBe(50)
    const limited = start(createThrottle({ concurrent: -1, outstanding: 2 }), 3)
    expect([await limited.begun(), await limited.results[2]]).toEqual([2, false])
  })

  test.each([
    [0, -1],
    [-1, 0],
    [-2, -1],
    [-1, -2],
    [0, 0],
  ])('%i at once and %i outstanding let nothing run', async (concurrent, outstanding) => {
    const throttle = createThrottle({ concurrent, outstanding })
    expect(throttle.isUsable).toBe(false)
    await expect(throttle.run(() => Promise.resolve())).rejects.toThrow(UnusableLimitsError)
  })

  test('one at once is a limit that can be used', () => {
    expect(createThrottle({ concurrent: 1, outstanding: 1 }).isUsable).toBe(true)
  })
})
