/*
 * Measures func-local: start to the first response, latency over a bare node:http server, calls a second one at a time and 32 at
 * a time, 1,024 calls at once, resident memory. With another version's script, both take turns in one run. Run it by itself on a
 * quiet machine:
 *   npm run build -w func-local && node packages/func-local/test/bench/http.ts [other/packages/func-local/bin/func-local.js]
 * With `--console`, it is this version with its console open, compared to the same with nobody looking.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent, createServer, request, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import { connect, type AddressInfo, type Socket } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../harness/port.ts'

const STARTS = 11
const ROUNDS = 9
const CALLS = 1000
const LOAD_MS = 1500
/** V8 still compiles in the first thousands of calls, which is not what two versions differ by. */
const WARM_UP_MS = 3000
const AT_ONCE = 1024

const fixture = fileURLToPath(new URL('../fixtures/bench', import.meta.url))
const handler = createRequire(import.meta.url)('../fixtures/bench/handler.js') as (
  r: Request,
) => Promise<{ body: string }>

/** A version of func-local, and its figures: one list of values, in rounds, for each row of the table. */
interface Subject {
  readonly name: string
  readonly script: string
  /** Whether a page of the console is open while it is measured. */
  readonly isWatched: boolean
  readonly figures: Map<string, number[]>
}

const [other] = process.argv.slice(2)
const own = fileURLToPath(new URL('../../bin/func-local.js', import.meta.url))
const isWatched = other === '--console'
const otherScript = other === undefined ? undefined : isWatched ? own : path.resolve(other)
const subjects: Subject[] = [
  { name: 'this', script: own, isWatched, figures: new Map() },
  ...(otherScript === undefined
    ? []
    : [{ name: 'other', script: otherScript, isWatched: false, figures: new Map() }]),
]

function note({ figures }: Subject, what: string, value: number): void {
  figures.set(what, [...(figures.get(what) ?? []), value])
}

// The bare server: the same handler, the same kind of request object, nothing in between.
const bare = createServer((incoming, outgoing) => {
  const made = new Request(`http://localhost${incoming.url ?? '/'}`)
  void handler(made).then(({ body }) => outgoing.end(body))
}).listen(0, '127.0.0.1')
await once(bare, 'listening')
const barePort = (bare.address() as AddressInfo).port

for (let round = 0; round < STARTS; round++) {
  for (const subject of inTurn(round)) {
    const begun = performance.now()
    const { child, port } = await start(subject)
    await firstResponse(port)
    note(subject, 'start to first response, ms', performance.now() - begun)
    await stop(child)
  }
}

for (let round = 0; round < ROUNDS; round++) {
  for (const subject of inTurn(round)) {
    const { child, port } = await start(subject)
    await firstResponse(port)
    const page = subject.isWatched ? await openConsole(port) : undefined
    await load(port, 32, WARM_UP_MS)
    const agent = new Agent({ keepAlive: true })
    const [bareTimes, hostTimes]: [number[], number[]] = [[], []]
    // Taken in turn, so that whatever else the machine does hits both.
    for (let call = 0; call < CALLS; call++) {
      bareTimes.push(await timed(barePort, '/', agent))
      hostTimes.push(await timed(port, '/api/hello', agent))
    }
    agent.destroy()
    note(subject, 'latency over node:http, p50, ms', quantile(hostTimes, 0.5) - quantile(bareTimes, 0.5))
    note(subject, 'latency over node:http, p99, ms', quantile(hostTimes, 0.99) - quantile(bareTimes, 0.99))
    note(subject, 'calls/s, 1 at a time', await load(port, 1, LOAD_MS))
    note(subject, 'calls/s, 32 at a time', await load(port, 32, LOAD_MS))
    note(subject, 'resident, host, MiB', memoryOf(child.pid))
    note(
      subject,
      'resident, worker, MiB',
      childrenOf(child.pid).reduce((sum, pid) => sum + memoryOf(pid), 0),
    )
    const burst = performance.now()
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const own = new Agent()
        await timed(port, '/api/delay', own)
        own.destroy()
      }),
    )
    note(subject, `${AT_ONCE} calls at once, 0 to 250 ms each, ms`, performance.now() - burst)
    page?.destroy()
    await stop(child)
  }
}

const [first, second] = subjects
console.log(`Node ${process.version}; medians of ${STARTS} starts and ${ROUNDS} runs`)
for (const [what, values] of first?.figures ?? []) {
  const others = second?.figures.get(what)
  const ratios = others?.map((value, index) => (values[index] ?? NaN) / value)
  const columns = [
    quantile(values, 0.5).toPrecision(4),
    ...(others && ratios
      ? [
          quantile(others, 0.5).toPrecision(4),
          `${quantile(ratios, 0.5).toFixed(3)} (${quantile(ratios, 0.25).toFixed(3)} – ${quantile(ratios, 0.75).toFixed(3)})`,
        ]
      : []),
  ]
  console.log(`| ${[what, ...columns].join(' | ')} |`)
}
bare.close()
process.exit(0)

function inTurn(round: number): readonly Subject[] {
  return round % 2 === 0 ? subjects : subjects.toReversed()
}

async function start({ script }: Subject): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort()
  const child = spawn(process.execPath, [script, 'start', '--port', String(port)], {
    cwd: fixture,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return { child, port }
}

async function firstResponse(port: number): Promise<void> {
  for (;;) {
    const called = await timed(port, '/api/hello', new Agent()).catch(() => undefined)
    if (called !== undefined) return
    await delay(1)
  }
}

/** The stream of events that a page of the console reads. */
async function openConsole(port: number): Promise<IncomingMessage> {
  const asked = request({ host: '127.0.0.1', port, path: '/admin/func-local/console/events', agent: false })
  const [stream] = (await once(asked.end(), 'response')) as [IncomingMessage]
  if (stream.statusCode !== 200) throw new Error(`the console's events: status ${String(stream.statusCode)}`)
  return stream.on('error', () => undefined).resume()
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  await ended
}

function timed(to: number, target: string, through: Agent): Promise<number> {
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: to, path: target, agent: through }, (response) => {
      response.resume()
      response.once('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - begun)
        else reject(new Error(`status ${String(response.statusCode)}`))
      })
    })
      .once('error', reject)
      .end()
  })
}

/** Calls a second over this number of keep-alive connections. The client is as cheap as can be: it shares the machine. */
async function load(port: number, connections: number, milliseconds: number): Promise<number> {
  const call = Buffer.from(`GET /api/hello HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`)
  const end = performance.now() + milliseconds
  let calls = 0
  const sockets: Socket[] = []
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(port, '127.0.0.1').setNoDelay()
      sockets.push(socket)
      await once(socket, 'connect')
      await new Promise<void>((resolve, reject) => {
        let received = ''
        socket.on('error', reject).on('data', (chunk) => {
          received += chunk.toString('latin1')
          // Every response has the same body.
          if (!received.endsWith('Hello, world!') && !received.endsWith('0\r\n\r\n')) return
          if (!received.startsWith('HTTP/1.1 200')) {
            reject(new Error(received))
            return
          }
          received = ''
          calls += 1
          if (performance.now() < end) socket.write(call)
          else resolve()
        })
        socket.write(call)
      })
    }),
  )
  for (const socket of sockets) socket.destroy()
  return (calls * 1000) / milliseconds
}

function memoryOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
  } catch {
    return NaN
  }
}

function childrenOf(pid: number | undefined): readonly number[] {
  try {
    return readdirSync(`/proc/${String(pid)}/task`).flatMap((task) =>
      readFileSync(`/proc/${String(pid)}/task/${task}/children`, 'utf8')
        .trim()
        .split(' ')
        .filter(Boolean)
        .map(Number),
    )
  } catch {
    return []
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN
}
