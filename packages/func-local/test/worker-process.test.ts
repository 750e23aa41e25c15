import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FromWorker, InvocationRequest, LogEntry } from '../src/protocol.ts'
import { superviseByShell } from '../src/host/reaper.ts'
import {
  AppLoadError,
  startWorker,
  WorkerExitError,
  type WorkerOptions,
  type WorkerProcess,
} from '../src/host/worker-process.ts'
import { WORKER_CHANNEL } from './harness/worker-channel.ts'

/** What a worker does: functions over `send` (a message), `on` (its messages), and `ready`. */
const PRELUDE = `${WORKER_CHANNEL}
const listeners = {}
const on = (type, run) => (listeners[type] = run)
function receive(message) {
  listeners[message.type]?.(message)
}
const ready = () => send({ type: 'ready', functions: [{ functionId: '1', name: 'fn', bindings: {} }], capabilities: { A: '1' }, model: 'm', files: ['a.js'] })
on('terminate', () => socket.end(() => process.exit(0)))
`
const REQUEST: InvocationRequest = {
  invocationId: 'i-1',
  functionId: '1',
  inputData: [],
  triggerMetadata: {},
  traceContext: { traceParent: '', traceState: '', attributes: {} },
}

let directory: string
let serial = 0
const started: WorkerProcess[] = []
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'func-local-worker-'))
})
afterEach(async () => {
  for (const worker of started.splice(0)) {
    worker.kill()
    await worker.exited
  }
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

interface World {
  readonly logged: LogEntry[]
  readonly output: string[]
  readonly slow: [string, number][]
  readonly giveUp: AbortController
  readonly start: () => Promise<WorkerProcess>
}

async function world(script: string, changes: Partial<WorkerOptions> = {}): Promise<World> {
  const file = path.join(directory, `worker${serial++}.cjs`)
  await writeFile(file, PRELUDE + script)
  const logged: LogEntry[] = []
  const output: string[] = []
  const slow: [string, number][] = []
  const giveUp = new AbortController()
  return {
    logged,
    output,
    slow,
    giveUp,
    start: async () => {
      const worker = await startWorker({
        script: file,
        appDirectory: directory,
        hostVersion: '4.1',
        hostPort: 7071,
        nodeArguments: [],
        environment: { MINE: 'x' },
        giveUp: giveUp.signal,
        onSlowLoad: (what, seconds) => slow.push([what, seconds]),
        onLog: (entry) => logged.push(entry),
        onOutput: (stream, line) => output.push(`${stream} ${line}`),
        ...changes,
      })
      started.push(worker)
      return worker
    },
  }
}
const runs = async (script: string): Promise<{ worker: WorkerProcess } & World> => {
  const given = await world(script)
  return { worker: await given.start(), ...given }
}
const failure = async (work: Promise<unknown>): Promise<Error> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof Error)) throw new Error('It did not fail.')
  return thrown
}

describe('a worker process', () => {
  test('is started in the app, with its environment, and says what it loaded', async () => {
    const { worker, logged } = await runs(`on('init', ({ appDirectory, hostVersion }) => {
      send({ type: 'log', entry: { level: 'debug', category: 'system', message: JSON.stringify([appDirectory, hostVersion, process.cwd(), process.env.MINE, process.execArgv, process.env.PATH ?? 'none']) } })
      ready()
    })`)
    expect(worker).toMatchObject({ functions: [{ name: 'fn' }], capabilities: { A: '1' }, files: ['a.js'] })
    expect(worker.pid).toBeGreaterThan(0)
    expect(JSON.parse(logged[0]?.message ?? '')).toEqual([
      directory,
      '4.1',
      directory,
      'x',
      ['--enable-source-maps'],
      'none',
    ])
    expect(worker.wasKilled()).toBe(false)
  })

  test('runs invocations, whichever ends first', async () => {
    const { worker } = await runs(`on('init', ready)
      const waiting = []
      on('invoke', ({ request }) => {
        waiting.unshift(request)
        if (waiting.length < 2) return
        for (const { invocationId } of waiting) send({ type: 'response', response: { invocationId, returnValue: { string: invocationId } } })
        send({ type: 'response', response: { invocationId: 'unknown' } })
      })`)
    const [one, two] = await Promise.all([
      worker.invoke(REQUEST),
      worker.invoke({ ...REQUEST, invocationId: 'i-2' }),
    ])
    expect([one, two].map(({ returnValue }) => returnValue?.string)).toEqual(['i-1', 'i-2'])
  })

  test("passes on the app's lines, from the channel and from its own pipes, whole", async () => {
    const { worker, output } = await runs(`on('init', ready)
      on('invoke', () => {
        send({ type: 'output', stream: 'stdout', text: 'by chan' })
        send({ type: 'output', stream: 'stdout', text: 'nel\\nrest' })
        send({ type: 'output', stream: 'stderr', text: 'error\\n' })
        process.stdout.write('direct\\nhalf')
        process.stderr.write('direct error')
        socket.end(() => process.exit(3))
      })`)
    expect((await failure(worker.invoke(REQUEST))).message).toBe(
      'The worker process exited with code 3 during the invocation.',
    )
    expect([...output].sort()).toEqual([
      'stderr direct error',
      'stderr error',
      'stdout by channel',
      'stdout direct',
      'stdout half',
      'stdout rest',
    ])
  })

  test('that ends fails what runs, after its last responses, and takes no more', async () => {
    const { worker } = await runs(`on('init', ready)
      on('invoke', ({ request: { invocationId } }) => {
        if (invocationId === 'i-1') return
        send({ type: 'response', response: { invocationId } })
        socket.end(() => process.kill(process.pid, 'SIGTERM'))
      })`)
    const lost = failure(worker.invoke(REQUEST))
    expect(await worker.invoke({ ...REQUEST, invocationId: 'i-2' })).toEqual({ invocationId: 'i-2' })
    await worker.gone
    expect(await worker.exited).toBe('was ended by SIGTERM')
    const error = await lost
    expect(error).toBeInstanceOf(WorkerExitError)
    expect(error.message).toBe('The worker process was ended by SIGTERM during the invocation.')
    const late = await failure(worker.invoke(REQUEST))
    expect(late).toBeInstanceOf(WorkerExitError)
    expect(late.message).toBe('The worker process has ended.')
    expect(worker.wasKilled()).toBe(false)
  })

  test('can be killed: it is gone at once', async () => {
    const { worker } = await runs(`on('init', ready)`)
    let gone = false
    void worker.gone.then(() => (gone = true))
    worker.kill()
    await Promise.resolve()
    await Promise.resolve()
    expect(gone).toBe(true)
    expect(await worker.exited).toBe('was ended by SIGKILL')
    expect(worker.wasKilled()).toBe(true)
  })

  test('is asked to end, and then it has', async () => {
    const { worker } = await runs(`on('init', ready)`)
    await worker.terminate()
    expect(await worker.exited).toBe('exited with code 0')
    expect(worker.wasKilled()).toBe(false)
  })

  test('is asked to free the debugger', async () => {
    const { worker } = await runs(`on('init', ready); let asked = false
      on('detachDebugger', () => (asked = true))
      on('invoke', ({ request: { invocationId } }) => send({ type: 'response', response: { invocationId, returnValue: { string: String(asked) } } }))`)
    worker.detachDebugger()
    expect((await worker.invoke(REQUEST)).returnValue).toEqual({ string: 'true' })
  })

  test('leaves no listener on this process behind', async () => {
    const before = process.listenerCount('exit')
    const { worker } = await runs(`on('init', ready)`)
    expect(process.listenerCount('exit')).toBe(before + 1)
    await worker.terminate()
    expect(process.listenerCount('exit')).toBe(before)
  })

  test('whose pipe somebody else holds has ended all the same', async () => {
    const { worker } = await runs(`on('init', ready)
      on('terminate', () => {
        require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 3000)'], { stdio: ['ignore', 1, 2], detached: true }).unref()
        socket.end(() => process.exit(0))
      })`)
    const began = performance.now()
    await worker.terminate()
    expect(performance.now() - began).toBeLessThan(2500)
  })
})

describe('a worker that does not load', () => {
  const failed = (message: FromWorker): string => `on('init', () => send(${JSON.stringify(message)}))`

  test.each([
    ['the message is in the stack', 'broken', 'Error: broken\n  at app.js:1', 'Error: broken\n  at app.js:1'],
    [
      'the message names the file',
      'in app.js: broken',
      'Error: broken\n  at x',
      'in app.js: broken\nError: broken\n  at x',
    ],
  ])('says why: %s', async (_what, message, stack, shown) => {
    const { start } = await world(failed({ type: 'failed', message, stack }))
    const error = await failure(start())
    expect(error).toBeInstanceOf(AppLoadError)
    expect(error.message).toBe(message)
    expect(error.stack).toBe(shown)
  })

  test('and its process ends', async () => {
    const { start, output } = await world(
      `on('init', () => { process.stdout.write(String(process.pid) + '\\n', () => send({ type: 'failed', message: 'm', stack: 'm' })) })`,
    )
    await failure(start())
    const [, pid] = /stdout (\d+)/.exec(output.join()) ?? []
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
  })

  test('because its process ends says how', async () => {
    const { start } = await world(`process.exit(7)`)
    const error = await failure(start())
    expect(error).toBeInstanceOf(WorkerExitError)
    expect(error.message).toBe('The worker process exited with code 7 while the app was loading.')
  })

  test('because it is given up: its process ends', async () => {
    const { start, giveUp } = await world('')
    const loading = failure(start())
    await sleep(50)
    giveUp.abort()
    expect((await loading).message).toBe('The worker process was ended by SIGKILL while the app was loading.')
    await expect(start()).rejects.toThrow('aborted')
  })

  test('because its folder is not there says so', async () => {
    const { start } = await world('', { appDirectory: path.join(directory, 'nowhere') })
    expect((await failure(start())).message).toMatch(
      /^The worker process could not be started: .*ENOENT.* while the app was loading\.$/,
    )
  })

  test('a loaded app cannot be given up any more', async () => {
    const { worker, giveUp } = await runs(`on('init', ready)`)
    giveUp.abort()
    expect(worker.wasKilled()).toBe(false)
    await worker.terminate()
    expect(await worker.exited).toBe('exited with code 0')
  })

  test('says after some seconds what it waits for', async () => {
    const waits = [
      {
        nodeArguments: [],
        what: 'loading a.js has not finished',
        script: `send({ type: 'loading', what: 'loading a.js has not finished' })`,
      },
      { nodeArguments: [], what: 'the worker process has not started', script: '' },
      {
        nodeArguments: ['--inspect-wait=127.0.0.1:0'],
        what: 'it waits for a debugger (--inspect-brk)',
        script: '',
      },
    ]
    await Promise.all(
      waits.map(async ({ nodeArguments, what, script }) => {
        const { start, slow, giveUp } = await world(`on('init', () => { ${script} })`, { nodeArguments })
        const loading = failure(start())
        while (slow.length === 0) await sleep(50)
        giveUp.abort()
        await loading
        expect(slow).toEqual([[what, expect.any(Number)]])
        expect(slow[0]?.[1]).toBeGreaterThanOrEqual(4)
        expect(slow[0]?.[1]).toBeLessThan(30)
      }),
    )
  })
})

test('a shell ends a worker when its host is gone, and not when the worker has ended by itself', async () => {
  if (process.platform === 'win32') return
  const { worker } = await runs(`on('init', ready)`)
  const release = superviseByShell(worker.pid)
  await release()
  // Its input ended after a line: it left the process alone.
  expect(() => process.kill(worker.pid, 0)).not.toThrow()
})
