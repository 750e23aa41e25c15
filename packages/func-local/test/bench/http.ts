/*
 * Measures what func-local adds to an HTTP call, and 1,024 calls at once. Run it by itself on a quiet machine:
 *   npm run build -w func-local && node packages/func-local/test/bench/http.ts
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { Agent, createServer, request } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { freePort } from '../harness/port.ts'

const CALLS = 2000
const AT_ONCE = 1024
const fixture = fileURLToPath(new URL('../fixtures/bench', import.meta.url))
const script = fileURLToPath(new URL('../../bin/func-local.js', import.meta.url))
const handler = createRequire(import.meta.url)('../fixtures/bench/handler.js') as (
  r: Request,
) => Promise<{ body: string }>

// The bare server: the same handler, the same kind of request object, nothing in between.
const bare = createServer((incoming, outgoing) => {
  const made = new Request(`http://localhost${incoming.url ?? '/'}`)
  void handler(made).then(({ body }) => outgoing.end(body))
}).listen(0, '127.0.0.1')
await once(bare, 'listening')
const barePort = (bare.address() as AddressInfo).port

const port = await freePort()
const start = performance.now()
const host = spawn(process.execPath, [script, 'start', '--port', String(port)], {
  cwd: fixture,
  stdio: ['ignore', 'pipe', 'inherit'],
})
await printed(host, 'Host lock lease acquired')
const ready = performance.now() - start
host.stdout.resume()
await call(port, '/api/hello', new Agent())
const answered = performance.now() - start

const agent = new Agent({ keepAlive: true })
for (let i = 0; i < 300; i++) await Promise.all([call(barePort, '/', agent), call(port, '/api/hello', agent)])
const [bareTimes, hostTimes]: number[][] = [[], []]
// Taken in turn, so that whatever else the machine does hits both.
for (let i = 0; i < CALLS; i++) {
  bareTimes?.push(await call(barePort, '/', agent))
  hostTimes?.push(await call(port, '/api/hello', agent))
}
const before = memory(host)
const burstStart = performance.now()
const burst = await Promise.allSettled(
  Array.from({ length: AT_ONCE }, () => call(port, '/api/delay', new Agent({ keepAlive: true }))),
)
const burstTime = performance.now() - burstStart

console.log(`start: ready after ${ready.toFixed(0)} ms, first answer after ${answered.toFixed(0)} ms`)
console.log(`bare node:http: median ${quantile(bareTimes, 0.5)} ms, p99 ${quantile(bareTimes, 0.99)} ms`)
console.log(`func-local:     median ${quantile(hostTimes, 0.5)} ms, p99 ${quantile(hostTimes, 0.99)} ms`)
console.log(
  `${AT_ONCE} at once, 0 to 250 ms each: ${burst.filter((r) => r.status === 'fulfilled').length} answered in ${burstTime.toFixed(0)} ms`,
)
console.log(`host memory before and after: ${before}, ${memory(host)}`)
host.kill('SIGINT')
bare.close()
process.exit(0)

function call(to: number, path: string, through: Agent): Promise<number> {
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: to, path, agent: through }, (answer) => {
      answer.resume()
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - begun)
        else reject(new Error(`status ${String(answer.statusCode)}`))
      })
    })
      .once('error', reject)
      .end()
  })
}

function printed(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes(text)) resolve()
    })
  })
}

function memory({ pid }: ChildProcess): string {
  try {
    const status = process.getBuiltinModule('node:fs').readFileSync(`/proc/${String(pid)}/status`, 'utf8')
    return /VmRSS:\s+(\d+ kB)/.exec(status)?.[1] ?? ''
  } catch {
    return 'unknown'
  }
}

function quantile(times: number[] | undefined, q: number): string {
  const sorted = [...(times ?? [])].sort((a, b) => a - b)
  return (sorted[Math.floor(sorted.length * q)] ?? 0).toFixed(3)
}
