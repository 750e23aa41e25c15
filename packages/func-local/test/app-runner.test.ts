import { describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppRunner, StoppedError } from '../src/host/app-runner.ts'
import type { Generation } from '../src/host/generation.ts'
import { createLog, type Log } from '../src/host/log.ts'
import { textLines } from '../src/host/log-format.ts'
import { ConfigurationError } from '../src/config/json-file.ts'
import { WorkerExitError } from '../src/host/worker-process.ts'
import { createFakeClock, type FakeClock } from './harness/fake-clock.ts'
import { createFakeLog, type FakeLog } from './harness/fake-log.ts'

interface FakeWorker {
  readonly generation: Generation
  /** Ends the process by itself. */
  readonly die: () => void
  readonly isEnded: () => boolean
}

function fakeWorker(pid: number): FakeWorker {
  let leave: (reason: string) => void = () => undefined
  let ended = false
  let killed = false
  const exited = new Promise<string>((resolve) => (leave = resolve))
  const end = (reason: string): void => {
    ended = true
    leave(reason)
  }
  const worker: Generation['worker'] = {
    pid,
    functions: [],
    capabilities: {},
    files: [],
    invoke: () => Promise.reject(new Error('not here')),
    gone: exited.then(() => undefined),
    exited,
    detachDebugger: () => undefined,
    terminate: () => {
      end('was asked to end')
      return Promise.resolve()
    },
    kill: () => {
      killed = true
      end('was ended by SIGKILL')
    },
    wasKilled: () => killed,
  }
  return {
    generation: {
      worker,
      functions: [],
      refusals: [],
      problems: [],
      only: undefined,
      unknownNames: [],
      unfinished: () => [],
      start: () => undefined,
      drain: () => Promise.resolve(),
    },
    die: () => {
      end('exited with code 1')
    },
    isEnded: () => ended,
  }
}

function quietLog(lines: string[]): Log {
  const write = (text: string): number => lines.push(text.trimEnd())
  return createLog({ verbose: false }, textLines({ verbose: false, colours: false }, write))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

describe('the runner of the app', () => {
  test('a worker that dies again and again is started after 100, 200, 400 ms, …, and the third time is named', async () => {
    const lines: string[] = []
    const loads: number[] = []
    const runner = createAppRunner(
      () => {
        loads.push(performance.now())
        const worker = fakeWorker(loads.length)
        // Gone before it takes over, as a process may be.
        if (loads.length < 5) worker.die()
        return Promise.resolve(worker.generation)
      },
      () => undefined,
      quietLog(lines),
    )
    await runner.start()
    await until(() => loads.length === 5)
    const gaps = loads.slice(1).map((at, i) => at - (loads[i] ?? 0))
    // A timer may fire a little early.
    for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThan(100 * 2 ** i - 20)
    expect((await runner.current()).worker.pid).toBe(5)
    const said = lines.filter((line) => line.includes('3 times in quick succession'))
    expect(said).toHaveLength(1)
    await runner.stop()
  })

  test('a worker that the host itself ended is no crash', async () => {
    const lines: string[] = []
    const workers: FakeWorker[] = []
    const runner = createAppRunner(
      () => {
        const worker = fakeWorker(workers.length)
        workers.push(worker)
        return Promise.resolve(worker.generation)
      },
      () => undefined,
      quietLog(lines),
    )
    await runner.start()
    for (let i = 0; i < 3; i++) {
      workers[i]?.generation.worker.kill()
      await until(() => runner.now()?.worker.pid === i + 1)
    }
    expect(lines.join('\n')).not.toContain('in quick succession')
    await runner.stop()
  })

  test('a save ends a load that has not finished, and nothing of it stays', async () => {
    const given: AbortSignal[] = []
    const late = fakeWorker(1)
    let finishLate: () => void = () => undefined
    const runner = createAppRunner(
      (giveUp) => {
        given.push(giveUp)
        if (given.length > 1) return Promise.resolve(fakeWorker(given.length).generation)
        return new Promise(
          (resolve) =>
            (finishLate = () => {
              resolve(late.generation)
            }),
        )
      },
      () => undefined,
      quietLog([]),
    )
    const started = runner.start()
    await until(() => given.length === 1)
    runner.reload()
    expect(given[0]?.aborted).toBe(true)
    // It was ready in the same moment: it is not used any more.
    finishLate()
    expect((await started).worker.pid).toBe(2)
    expect(late.isEnded()).toBe(true)
    await runner.stop()
  })

  test('a stop during the first load rejects it, and ends the load', async () => {
    let signal: AbortSignal | undefined
    const runner = createAppRunner(
      (giveUp) =>
        new Promise((_resolve, reject) => {
          signal = giveUp
          giveUp.addEventListener('abort', () => {
            reject(new Error('ended'))
          })
        }),
      () => undefined,
      quietLog([]),
    )
    const started = runner.start()
    await until(() => signal !== undefined)
    const stopped = runner.stop()
    await expect(started).rejects.toThrow(StoppedError)
    await stopped
    expect(signal?.aborted).toBe(true)
  })

  test('a save that does not load leaves what runs, and is one line each time', async () => {
    const lines: string[] = []
    let loads = 0
    const runner = createAppRunner(
      () => {
        loads++
        return loads === 1
          ? Promise.resolve(fakeWorker(1).generation)
          : Promise.reject(new ConfigurationError('host.json is broken.'))
      },
      () => undefined,
      quietLog(lines),
    )
    await runner.start()
    for (const times of [1, 2]) {
      runner.reload()
      await until(() => lines.length === times)
    }
    expect(runner.now()?.worker.pid).toBe(1)
    for (const line of lines)
      expect(line).toMatch(/host\.json is broken\. The app was not reloaded: the version .+ goes on/)
    await runner.stop()
  })
})

interface Loaded extends FakeWorker {
  /** What was asked of it, in its order. */
  readonly steps: string[]
}

interface Timed {
  readonly clock: FakeClock
  readonly log: FakeLog
  readonly runner: ReturnType<typeof createAppRunner>
  /** When each load began. */
  readonly loads: number[]
  readonly workers: Loaded[]
  readonly reloaded: number[]
}

/** A runner on a clock of the test's own. `load` may reject, or leave the load open. */
function timed(
  load: (attempt: number, give: () => Generation) => Promise<Generation> | Generation = (_attempt, give) =>
    give(),
  changes: Partial<Generation> = {},
): Timed {
  const clock = createFakeClock()
  const log = createFakeLog()
  const loads: number[] = []
  const workers: Loaded[] = []
  const reloaded: number[] = []
  const give = (): Generation => {
    const worker = fakeWorker(loads.length)
    const steps: string[] = []
    const { generation } = worker
    const observed: Generation = {
      ...generation,
      worker: {
        ...generation.worker,
        detachDebugger: () => void steps.push('detach'),
        terminate: () => {
          steps.push('terminate')
          return generation.worker.terminate()
        },
        kill: () => {
          steps.push('kill')
          generation.worker.kill()
        },
      },
      start: () => void steps.push('start'),
      drain: () => {
        steps.push('drain')
        return Promise.resolve()
      },
      ...changes,
    }
    workers.push({ ...worker, generation: observed, steps })
    return observed
  }
  const runner = createAppRunner(
    async () => {
      loads.push(clock.now())
      return await load(loads.length, give)
    },
    ({ worker }) => reloaded.push(worker.pid),
    log,
    clock,
  )
  return { clock, log, runner, loads, workers, reloaded }
}

describe('the runner of the app, over time', () => {
  // A named fault: a worker that crashes at once must not be started again at once.
  test('a worker that dies at once is started after waits that double, ten seconds at most', async () => {
    const { clock, runner, loads, workers } = timed()
    await runner.start()
    for (const wait of [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
      const before = loads.length
      workers.at(-1)?.die()
      await clock.advance(wait - 1)
      expect(loads).toHaveLength(before)
      await clock.advance(1)
      expect(loads).toHaveLength(before + 1)
    }
    await runner.stop()
  })

  test('a worker that lived for more than ten seconds begins with the shortest wait again', async () => {
    const { clock, runner, loads, workers } = timed()
    await runner.start()
    workers[0]?.die()
    await clock.advance(100 + 10_000)
    workers[1]?.die()
    await clock.advance(200)
    expect(loads).toEqual([0, 100, 10_300])
    await clock.advance(10_001)
    workers[2]?.die()
    await clock.advance(100)
    expect(loads.at(-1)).toBe(20_401)
    await runner.stop()
  })

  test('says what a worker died of, and the third time in half an hour what Azure would do', async () => {
    const { clock, log, runner, workers } = timed()
    const crash = async (wait: number): Promise<void> => {
      workers.at(-1)?.die()
      await clock.advance(wait)
    }
    const warnings = (): number => log.lines.filter((line) => line.startsWith('warning ')).length
    await runner.start()
    await crash(30 * 60_000)
    expect(log.lines).toEqual(['error Language Worker Process (1) exited with code 1. It is started again.'])
    await crash(30 * 60_000 + 1)
    expect(warnings()).toBe(0)
    // More than half an hour later counting begins anew.
    await crash(60_000)
    await crash(60_000)
    expect(warnings()).toBe(0)
    await crash(60_000)
    expect(log.lines.at(-1)).toBe(
      'warning The worker process has ended 3 times in quick succession. In Azure the Functions host stops at this point ("Exceeded language worker restart retry count"); func-local goes on. Find the cause in the lines above.',
    )
    await crash(60_000)
    await crash(60_000)
    expect(warnings()).toBe(1)
    await crash(60_000)
    expect(warnings()).toBe(2)
    await runner.stop()
  })

  test('a reload takes over, the one before finishes what it has begun; waits and counts begin anew', async () => {
    const { clock, log, runner, loads, workers, reloaded } = timed()
    await runner.start()
    expect(workers[0]?.steps).toEqual(['start'])
    for (let i = 0; i < 2; i++) {
      workers[i]?.die()
      await clock.advance(1000)
    }
    expect(reloaded).toEqual([2, 3])
    runner.reload()
    await clock.advance(0)
    expect(runner.now()?.worker.pid).toBe(4)
    expect(workers[2]?.steps).toEqual(['start', 'detach', 'drain', 'terminate'])
    expect(workers[3]?.steps).toEqual(['start'])
    expect(reloaded).toEqual([2, 3, 4])
    const before = clock.now()
    workers[3]?.die()
    await clock.advance(1000)
    expect((loads.at(-1) ?? 0) - before).toBe(100)
    workers[4]?.die()
    await clock.advance(1000)
    expect(log.lines.filter((line) => line.startsWith('warning '))).toEqual([])
    await runner.stop()
  })

  test('a worker that was replaced, and dies then, is not started again', async () => {
    const { clock, log, runner, workers, loads } = timed()
    await runner.start()
    runner.reload()
    await clock.advance(60_000)
    workers[0]?.die()
    await clock.advance(60_000)
    expect(loads).toHaveLength(2)
    expect(log.lines).toEqual([])
    await runner.stop()
    await clock.advance(60_000)
    expect(loads).toHaveLength(2)
    expect(log.lines).toEqual([])
  })

  test('who asks while there is no worker waits for the next one', async () => {
    const { clock, runner, workers } = timed()
    const first = runner.current()
    expect(runner.now()).toBeUndefined()
    await runner.start()
    expect((await first).worker.pid).toBe(1)
    workers[0]?.die()
    await clock.advance(50)
    expect(runner.now()).toBeUndefined()
    const next = runner.current()
    await clock.advance(50)
    expect((await next).worker.pid).toBe(2)
    expect((await runner.current()).worker.pid).toBe(2)
    await runner.stop()
    expect(runner.now()).toBeUndefined()
  })

  test('a save in the wait before a restart loads at once', async () => {
    const { clock, runner, loads, workers } = timed()
    await runner.start()
    for (let i = 0; i < 7; i++) {
      workers[i]?.die()
      await clock.advance(7000)
    }
    const before = clock.now()
    workers[7]?.die()
    await clock.advance(10)
    runner.reload()
    await clock.advance(10)
    expect(loads.at(-1)).toBe(before + 10)
    await runner.stop()
  })

  test('a stop in the wait before a restart ends it', async () => {
    const { clock, runner, loads, workers } = timed()
    await runner.start()
    workers[0]?.die()
    await clock.advance(10)
    await runner.stop()
    await clock.advance(60_000)
    expect(loads).toHaveLength(1)
    runner.reload()
    await clock.advance(60_000)
    expect(loads).toHaveLength(1)
  })

  describe('when a load fails', () => {
    const broken = new ConfigurationError('host.json is broken.')

    test('the first time, it is over', async () => {
      const { clock, runner, loads, log } = timed(() => Promise.reject(broken))
      const started = runner.start()
      const rejected = expect(started).rejects.toBe(broken)
      await clock.advance(249)
      await clock.advance(1)
      await rejected
      await clock.advance(60_000)
      expect(loads).toHaveLength(1)
      expect(log.lines).toEqual([])
      await runner.stop()
    })

    test('a save within a quarter of a second repairs it, and nothing is said', async () => {
      const { clock, runner, log } = timed((attempt, give) =>
        attempt === 1 ? Promise.reject(broken) : give(),
      )
      const started = runner.start()
      await clock.advance(249)
      runner.reload()
      await clock.advance(0)
      expect((await started).worker.pid).toBe(2)
      expect(log.lines).toEqual([])
      await runner.stop()
    })

    test('a save that ends the load is no failure', async () => {
      const { clock, runner, log } = timed((attempt, give) =>
        attempt === 1 ? new Promise((_resolve, reject) => setTimeout(reject, 5, new Error('ended'))) : give(),
      )
      const started = runner.start()
      await clock.advance(0)
      runner.reload()
      expect((await started).worker.pid).toBe(2)
      expect(log.lines).toEqual([])
      await runner.stop()
    })

    test.each<[string, unknown, string[]]>([
      ['one line for what the user can correct', broken, ['error host.json is broken. NEXT']],
      ['one line for a worker that ended', new WorkerExitError('It ended.'), ['error It ended. NEXT']],
      [
        'the stack of any other error',
        Object.assign(new Error('x'), { stack: 'Error: x\n  at app' }),
        ['error Error: x\n  at app', 'warning NEXT'],
      ],
      [
        'the message of an error without a stack',
        Object.assign(new Error('x'), { stack: undefined }),
        ['error x', 'warning NEXT'],
      ],
      ['what else was thrown', 'text', ['error text', 'warning NEXT']],
    ])('after a save it is %s, and the version before goes on', async (_what, thrown, lines) => {
      const { clock, runner, log, workers } = timed((attempt, give) =>
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- anything can be thrown
        attempt === 1 ? give() : Promise.reject(thrown),
      )
      await runner.start()
      runner.reload()
      await clock.advance(250)
      const next =
        'The app was not reloaded: the version that was running before goes on. Correct it and save.'
      expect(log.lines).toEqual(lines.map((line) => line.replace('NEXT', next)))
      expect(runner.now()?.worker.pid).toBe(1)
      expect(workers[0]?.steps).toEqual(['start', 'detach'])
      // A save that fails in the same way is said again.
      runner.reload()
      await clock.advance(250)
      expect(log.lines).toHaveLength(2 * lines.length)
      await runner.stop()
    })

    test('at a restart it is tried again, and said once for as long as it fails in the same way', async () => {
      const { clock, runner, log, workers, loads } = timed((attempt, give) =>
        attempt === 1 || attempt > 5
          ? give()
          : Promise.reject(attempt < 5 ? broken : new ConfigurationError('And now this.')),
      )
      await runner.start()
      workers[0]?.die()
      await clock.advance(20_000)
      expect(log.lines).toEqual([
        'error Language Worker Process (1) exited with code 1. It is started again.',
        'error host.json is broken. The app is not running; it is tried again.',
        'error And now this. The app is not running; it is tried again.',
      ])
      expect(loads).toHaveLength(6)
      expect(runner.now()?.worker.pid).toBe(6)
      await runner.stop()
    })
  })

  test('a load that ends while the host stops is killed', async () => {
    let finish: () => void = () => undefined
    const { clock, runner, workers } = timed(
      (_attempt, give) =>
        new Promise((resolve) => {
          finish = () => {
            resolve(give())
          }
        }),
    )
    const started = expect(runner.start()).rejects.toThrow('The host was stopped before the app had loaded.')
    await clock.advance(0)
    const stopped = runner.stop()
    finish()
    await stopped
    await started
    expect(workers[0]?.steps).toEqual(['kill'])
  })

  test('a stop waits for what retires, and says for what', async () => {
    let drained: () => void = () => undefined
    const { clock, runner, workers } = timed(undefined, {
      drain: () => new Promise((resolve) => (drained = resolve)),
      unfinished: () => ['fn'],
    })
    await runner.start()
    expect(runner.unfinished()).toEqual([])
    let stopped = false
    const stop = runner.stop().then(() => (stopped = true))
    await clock.advance(0)
    expect(runner.unfinished()).toEqual(['fn'])
    expect(stopped).toBe(false)
    drained()
    await stop
    expect(runner.unfinished()).toEqual([])
    expect(workers[0]?.isEnded()).toBe(true)
  })
})
