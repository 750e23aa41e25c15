/*
 * Measures the local hosts of other platforms beside this one, each with one function that answers a GET: what its installation takes, start
 * to the first response, a save to the first response of the new version, latency, resident memory. The others are installed from npm
 * into a temporary folder. Linux; run it by itself on a quiet machine, it takes some minutes:
 *   npm run build -w func-local && node packages/func-local/test/bench/comparison.ts
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../harness/port.ts'

const STARTS = 5
const SAVES = 5
const CALLS = 500
const WARM_UP_CALLS = 500
const PATIENCE_MS = 60_000
/** What a save is given before the next: some watchers wait for the quiet after a change. */
const BETWEEN_SAVES_MS = 1000

const run = promisify(execFile)
const here = fileURLToPath(new URL('../..', import.meta.url))

/** A local host, and the smallest app that it serves. */
interface Subject {
  readonly name: string
  /** What is installed for it. */
  readonly packages: readonly string[]
  readonly files: Readonly<Record<string, string>>
  /** The file that is saved. */
  readonly code: string
  /** What is in it. */
  readonly source: (text: string) => string
  readonly command: (port: number, other: number) => readonly string[]
  readonly target: string
  /** Arguments with which a save becomes visible without a restart; `undefined`: it never does. */
  readonly reloading: readonly string[] | undefined
}

const subjects: readonly Subject[] = [
  {
    name: 'func-local',
    packages: ['func-local', '@azure/functions'],
    files: { 'package.json': '{"main":"app.js"}', 'host.json': '{"version":"2.0"}' },
    code: 'app.js',
    source: (text) =>
      `require('@azure/functions').app.http('hello', { authLevel: 'anonymous', handler: () => ({ body: ${JSON.stringify(text)} }) })`,
    command: (port) => ['func-local', 'start', '--port', String(port)],
    target: '/api/hello',
    reloading: [],
  },
  {
    name: 'serverless-offline',
    packages: ['serverless@3', 'serverless-offline@13'],
    files: {
      'package.json': '{}',
      'serverless.yml': `service: hello
provider: { name: aws, runtime: nodejs20.x }
plugins: [serverless-offline]
functions: { hello: { handler: app.handler, events: [httpApi: { method: GET, path: /hello }] } }
`,
    },
    code: 'app.js',
    source: (text) =>
      `module.exports.handler = async () => ({ statusCode: 200, body: ${JSON.stringify(text)} })`,
    command: (port, other) => [
      ...['serverless', 'offline', '--host', '127.0.0.1'],
      ...['--httpPort', String(port), '--lambdaPort', String(other), '--noTimeout'],
    ],
    target: '/hello',
    // Loads the handler again for every request.
    reloading: ['--reloadHandler'],
  },
  {
    name: 'functions-framework',
    packages: ['@google-cloud/functions-framework'],
    files: { 'package.json': '{"main":"app.js"}' },
    code: 'app.js',
    source: (text) =>
      `require('@google-cloud/functions-framework').http('hello', (request, response) => response.send(${JSON.stringify(text)}))`,
    command: (port) => ['functions-framework', '--target=hello', `--port=${String(port)}`],
    target: '/',
    reloading: undefined,
  },
  {
    name: 'wrangler dev',
    packages: ['wrangler'],
    files: {
      'package.json': '{}',
      'wrangler.json': '{"name":"hello","main":"app.mjs","compatibility_date":"2025-09-01"}',
    },
    code: 'app.mjs',
    source: (text) => `export default { fetch: () => new Response(${JSON.stringify(text)}) }`,
    command: (port, other) => [
      ...['wrangler', 'dev', '--local', '--ip', '127.0.0.1'],
      ...['--port', String(port), '--inspector-port', String(other), '--show-interactive-dev-session=false'],
    ],
    target: '/',
    reloading: [],
  },
]

const folder = await mkdtemp(path.join(tmpdir(), 'func-local-comparison-'))
const rows: string[][] = []
try {
  const tarball = await pack()
  for (const subject of subjects) rows.push(await measured(subject, tarball))
} finally {
  await rm(folder, { recursive: true, force: true })
}
const titles = [
  'version',
  'packages',
  'MB on disk',
  'start, ms',
  'save, ms',
  'p50, ms',
  'p99, ms',
  'memory, MiB',
]
console.log(`Node ${process.version}; medians of ${STARTS} starts, ${SAVES} saves, ${CALLS} calls`)
console.log(`| | ${titles.join(' | ')} |`)
console.log(`|${'---|'.repeat(titles.length + 1)}`)
for (const row of rows) console.log(`| ${row.join(' | ')} |`)

/** What the registry would serve. */
async function pack(): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: here,
  })
  const [packed] = JSON.parse(stdout) as readonly { readonly filename: string }[]
  if (packed === undefined) throw new Error('npm pack made nothing')
  return path.join(folder, packed.filename)
}

async function measured(subject: Subject, tarball: string): Promise<string[]> {
  console.error(`${subject.name} …`)
  const app = path.join(folder, subject.name.replaceAll(/\W/g, '-'))
  await mkdir(app)
  for (const [file, text] of Object.entries(subject.files)) await writeFile(path.join(app, file), text)
  const packages = subject.packages.map((name) => (name === 'func-local' ? tarball : name))
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-save', ...packages], { cwd: app })
  const modules = path.join(app, 'node_modules')
  const save = (text: string): Promise<void> => writeFile(path.join(app, subject.code), subject.source(text))

  const starts: number[] = []
  for (let n = 0; n < STARTS; n++) {
    await save(`start ${n}`)
    const begun = performance.now()
    const host = await start(subject, app)
    await shows(host, subject, `start ${n}`)
    starts.push(performance.now() - begun)
    await stop(host)
  }

  const host = await start(subject, app)
  await shows(host, subject, `start ${STARTS - 1}`)
  const agent = new Agent({ keepAlive: true })
  const call = (): Promise<number> => timed(host.port, subject.target, agent)
  for (let n = 0; n < WARM_UP_CALLS; n++) await call()
  const times: number[] = []
  for (let n = 0; n < CALLS; n++) times.push(await call())
  agent.destroy()
  const memory = await residentOf(host.child.pid ?? 0)
  await stop(host)
  const saves = subject.reloading === undefined ? [] : await timesOfSaves(subject, app, save)

  return [
    subject.name,
    await versionOf(subject, modules),
    String(await countPackages(modules)),
    (Number((await run('du', ['-sk', modules])).stdout.split('\t')[0]) / 1000).toFixed(1),
    quantile(starts, 0.5).toFixed(0),
    saves.length > 0 ? quantile(saves, 0.5).toFixed(0) : 'restart',
    quantile(times, 0.5).toFixed(2),
    quantile(times, 0.99).toFixed(2),
    memory.toFixed(0),
  ]
}

async function timesOfSaves(
  subject: Subject,
  app: string,
  save: (text: string) => Promise<void>,
): Promise<readonly number[]> {
  const host = await start(subject, app, subject.reloading)
  await shows(host, subject, `start ${STARTS - 1}`)
  const times: number[] = []
  for (let n = 0; n < SAVES; n++) {
    await delay(BETWEEN_SAVES_MS)
    const begun = performance.now()
    await save(`save ${n}`)
    await shows(host, subject, `save ${n}`)
    times.push(performance.now() - begun)
  }
  await stop(host)
  return times
}

interface Host {
  readonly child: ChildProcess
  readonly port: number
  readonly output: () => string
}

async function start({ command }: Subject, app: string, more: readonly string[] = []): Promise<Host> {
  const port = await freePort()
  const [bin = '', ...args] = command(port, await freePort())
  const child = spawn(path.join(app, 'node_modules/.bin', bin), [...args, ...more], {
    cwd: app,
    // A process group, so that all of it can be ended.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      CI: 'true',
      WRANGLER_SEND_METRICS: 'false',
      SLS_TELEMETRY_DISABLED: '1',
      SLS_NOTIFICATIONS_MODE: 'off',
    },
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (printed += text))
  return { child, port, output: () => printed }
}

/** Waits until a request is answered with the text. */
async function shows({ child, port, output }: Host, { name, target }: Subject, text: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const body = await bodyOf(port, target).catch(() => undefined)
    if (body === text) return
    if (child.exitCode !== null || performance.now() > end)
      throw new Error(`${name} does not answer '${text}' but '${String(body)}':\n${output()}`)
    await delay(2)
  }
}

async function stop({ child }: Host): Promise<void> {
  const ended = once(child, 'exit')
  const group = -(child.pid ?? 0)
  process.kill(group, 'SIGINT')
  await Promise.race([ended, delay(5000, undefined, { ref: false })])
  try {
    process.kill(group, 'SIGKILL')
  } catch {
    // It has gone.
  }
  await ended
}

async function bodyOf(port: number, target: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${target}`, { signal: AbortSignal.timeout(5000) })
  return await response.text()
}

function timed(port: number, target: string, agent: Agent): Promise<number> {
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: target, agent }, (response) => {
      response.resume().once('end', () => {
        resolve(performance.now() - begun)
      })
    })
      .once('error', reject)
      .end()
  })
}

async function versionOf({ packages }: Subject, modules: string): Promise<string> {
  const name = (packages.at(-1) ?? '').replace(/(.)@.*$/, '$1')
  const own = packages[0] === 'func-local' ? 'func-local' : name
  const { version } = JSON.parse(await readFile(path.join(modules, own, 'package.json'), 'utf8')) as {
    version: string
  }
  return version
}

async function countPackages(modules: string): Promise<number> {
  const lock = JSON.parse(await readFile(path.join(modules, '.package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>
  }
  return Object.keys(lock.packages).length
}

/** Resident memory of a process group, in MiB; what its processes share is counted for each. */
async function residentOf(group: number): Promise<number> {
  let total = 0
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) !== group) continue
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      total += Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
    } catch {
      // It has ended.
    }
  }
  return total
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN
}
