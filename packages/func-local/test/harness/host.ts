import { afterAll } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './port.ts'

/** How a host is started for a test. */
export interface HostSetup {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The port; a free one by default. */
  readonly port?: number
}

/** A host process under test, func-local or (with `E2E_HOST=func`) Core Tools. */
export interface TestHost {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  /** Everything it has printed. */
  readonly output: () => string
  /** Waits for a text or a pattern in the output; from a position, if given. */
  readonly printed: (expected: string | RegExp, from?: number) => Promise<string>
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>
  /** Stops it with SIGINT and resolves with its exit code. */
  readonly stop: () => Promise<number | null>
  readonly exited: Promise<number | null>
}

/** Whether the tests run against Core Tools. */
export const onCoreTools = process.env['E2E_HOST'] === 'func'

const PATIENCE_MS = 60_000

// A test that fails half-way leaves its host running; Jest could then not end.
const started: ChildProcess[] = []
afterAll(() => {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL')
})

/** What is installed, when it is built from the sources as they are; else the sources. */
export function hostScript(): string {
  const built = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
  const source = fileURLToPath(new URL('../../src', import.meta.url))
  const changed = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => statSync(path.join(source, file)).mtimeMs)
  const fresh = existsSync(built) && statSync(built).mtimeMs > Math.max(...changed)
  return fresh ? built : path.join(source, 'main.ts')
}

/** The folder of a fixture app. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
}

/** Starts a host on a fixture or a folder without waiting for it. */
export async function spawnHost(app: string, setup: HostSetup = {}): Promise<TestHost> {
  const port = setup.port ?? (await freePort())
  const directory = app.includes('/') ? app : fixture(app)
  const command = onCoreTools ? 'func' : process.execPath
  const first = onCoreTools ? [] : [hostScript()]
  const child = spawn(command, [...first, 'start', '--port', String(port), ...(setup.args ?? [])], {
    cwd: directory,
    env: { ...process.env, FUNCTIONS_WORKER_RUNTIME: 'node', NODE_OPTIONS: '', ...setup.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  let output = ''
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8')
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const exited = once(child, 'close').then(() => child.exitCode)
  const url = `http://127.0.0.1:${port}`

  return {
    url,
    port,
    process: child,
    exited,
    output: () => output,
    printed: async (expected, from = 0) => {
      const deadline = Date.now() + PATIENCE_MS
      for (;;) {
        const text = output.slice(from)
        if (typeof expected === 'string' ? text.includes(expected) : expected.test(text)) return text
        if (Date.now() > deadline)
          throw new Error(`The host did not print ${String(expected)}. It printed:\n${text}`)
        await sleep(20)
      }
    },
    fetch: (path, init) => fetch(url + path, init),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT')
      return await exited
    },
  }
}

/** Starts a host and waits until its app has loaded. */
export async function startHost(app: string, setup: HostSetup = {}): Promise<TestHost> {
  const host = await spawnHost(app, setup)
  const ended = host.exited.then((code) => {
    throw new Error(`The host ended with code ${String(code)}:\n${host.output()}`)
  })
  ended.catch(() => undefined)
  await Promise.race([host.printed(/Host lock lease acquired by instance ID '\w+'/), ended])
  return host
}
