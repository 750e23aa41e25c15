import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './freePort.ts'

/** The script of the installed func-local. */
export const FUNC_LOCAL = path.join(
  path.dirname(createRequire(import.meta.url).resolve('func-local/package.json')),
  'bin/func-local.js',
)

const START_TIMEOUT_MS = 60_000

/** A running Functions host process. */
export interface TestHost {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly pid: number
  /** Its output so far, both streams. */
  output(): string
  /** Resolves with its output as soon as that matches. */
  waitForOutput(pattern: RegExp, timeoutMs?: number): Promise<string>
  /** Stops it as Ctrl-C does. Resolves with its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Kills it and its worker. */
  kill(): Promise<void>
}

/** How a host process is started. */
export interface HostCommand {
  /** The app's folder. */
  readonly folder: string
  readonly port: number
  readonly flags?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** func-local's script, or `func` for Core Tools. */
  readonly host?: string
  readonly stdio?: StdioOptions
}

/**
 * Starts a host in its own process group and without the parent's Node options. If `host` is missing, `E2E_HOST=func`
 * selects Core Tools, and anything else func-local.
 */
export function spawnHost(command: HostCommand): ChildProcess {
  const host = command.host ?? (process.env['E2E_HOST'] === 'func' ? 'func' : FUNC_LOCAL)
  const flags = ['start', '--port', String(command.port), ...(command.flags ?? [])]
  const options = {
    cwd: command.folder,
    env: {
      ...process.env,
      FUNCTIONS_WORKER_RUNTIME: 'node',
      // Jest's Node options are not for the host.
      NODE_OPTIONS: '',
      ...command.environment,
    },
    detached: process.platform !== 'win32',
    stdio: command.stdio ?? 'pipe',
  } as const
  return host === 'func'
    ? spawn('func', flags, { ...options, shell: process.platform === 'win32' })
    : spawn(process.execPath, [host, ...flags], options)
}

/**
 * Starts a host on an app's folder, and waits until a GET of `readyPath` returns 2xx.
 */
export async function startHost(options: {
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  readonly flags?: readonly string[]
  readonly port?: number
  /** func-local's script, or `func` for Core Tools; by default what `E2E_HOST` says. */
  readonly host?: string
  /** Returns 2xx when the app is ready; `/api/hello` by default. */
  readonly readyPath?: string
  /** Of the output, at least so many characters are kept, and hardly more; all of it without a limit. */
  readonly outputLimit?: number
}): Promise<TestHost> {
  const port = options.port ?? (await freePort())
  const child = spawnHost({ ...options, port })
  return watch(
    child,
    `http://127.0.0.1:${port}`,
    options.readyPath ?? '/api/hello',
    options.outputLimit ?? Infinity,
  )
}

async function watch(
  child: ChildProcess,
  url: string,
  readyPath: string,
  outputLimit: number,
): Promise<TestHost> {
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (printed.length > 2 * outputLimit) printed = printed.slice(-outputLimit)
    })
  }
  const ended = once(child, 'exit').then((args) => args[0] as number | null)
  const running = () => child.exitCode === null && child.signalCode === null
  const pid = child.pid
  if (pid === undefined) throw new Error('the host did not start')

  const host: TestHost = {
    url,
    pid,
    output: () => printed,
    async waitForOutput(pattern, timeoutMs = 20_000) {
      const end = performance.now() + timeoutMs
      while (!pattern.test(printed)) {
        if (performance.now() > end) throw new Error(`no output matched ${String(pattern)}:\n${printed}`)
        await delay(20)
      }
      return printed
    },
    async stop(signal = 'SIGINT') {
      child.kill(signal)
      return ended
    },
    async kill() {
      // The process group, which includes the worker.
      if (running()) process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
      await ended
    },
  }

  const end = performance.now() + START_TIMEOUT_MS
  for (;;) {
    if (!running()) throw new Error(`the host ended while it started:\n${printed}`)
    if (performance.now() > end) {
      await host.kill()
      throw new Error(`the host was not ready in time:\n${printed}`)
    }
    const ready = await fetch(url + readyPath, { signal: AbortSignal.timeout(5000) }).then(
      (response) => response.ok,
      () => false,
    )
    if (ready) return host
    await delay(20)
  }
}
