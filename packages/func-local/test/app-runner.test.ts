import { describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppRunner, StoppedError } from '../src/host/app-runner.ts'
import type { Generation } from '../src/host/generation.ts'
import { createLog, type Log } from '../src/host/log.ts'
import { ConfigurationError } from '../src/config/json-file.ts'

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
  return createLog({ verbose: false, colours: false }, (text) => lines.push(text.trimEnd()))
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
