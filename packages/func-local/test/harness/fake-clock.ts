import type { Clock } from '../../src/clock.ts'

/** A clock that stands until the test moves it on. */
export interface FakeClock extends Clock {
  /** Moves on, and lets everything run that becomes due, in its order. */
  readonly advance: (milliseconds: number) => Promise<void>
}

interface Due {
  readonly at: number
  readonly run: () => void
}

/** Creates a clock that shows a moment, in milliseconds since 1970. */
export function createFakeClock(wall = Date.UTC(2026, 0, 1)): FakeClock {
  let now = 0
  const due = new Set<Due>()

  const schedule = (at: number, run: () => void): (() => void) => {
    const entry = { at, run }
    due.add(entry)
    return () => {
      due.delete(entry)
    }
  }
  return {
    wall: () => wall + now,
    now: () => now,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) {
          resolve()
          return
        }
        const cancel = schedule(now + milliseconds, resolve)
        signal.addEventListener('abort', () => {
          cancel()
          resolve()
        })
      }),
    every: (milliseconds, run) => {
      let cancel = (): void => undefined
      const next = (): void => {
        cancel = schedule(now + milliseconds, () => {
          next()
          run()
        })
      }
      next()
      return () => {
        cancel()
      }
    },
    advance: async (milliseconds) => {
      const end = now + milliseconds
      await settled()
      for (;;) {
        const [first] = [...due].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
        if (first === undefined) break
        due.delete(first)
        now = Math.max(now, first.at)
        first.run()
        await settled()
      }
      now = end
    },
  }
}

/** Everything that waits for nothing but promises has run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}
