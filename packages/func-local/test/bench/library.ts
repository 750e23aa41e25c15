/*
 * Measures `startHost`: to the first response, and to the end of `stop()`; hosts one after the other in one process, 50 by default.
 * Run it by itself on a quiet machine:
 *   npm run build -w func-local && node packages/func-local/test/bench/library.ts [count]
 */
import { fileURLToPath } from 'node:url'
import type * as Index from '../../src/index.ts'

// What is installed, and not the sources.
const { startHost } = (await import(new URL('../../dist/index.js', import.meta.url).href)) as typeof Index

const scriptRoot = fileURLToPath(new URL('../fixtures/bench', import.meta.url))
const count = Number(process.argv[2] ?? 50)
const figures = {
  'start to first response, ms': [],
  'stop, ms': [],
  'CPU of this process, ms': [],
} as Record<string, number[]>

for (let i = 0; i < count; i++) {
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const host = await startHost({ scriptRoot })
  await answered(host)
  note('start to first response, ms', performance.now() - begun)
  const stopping = performance.now()
  await host.stop()
  note('stop, ms', performance.now() - stopping)
  const { user, system } = process.cpuUsage(cpu)
  note('CPU of this process, ms', (user + system) / 1000)
}

console.log(`Node ${process.version}; ${count} hosts, one after the other: first, least, median, 90 %`)
for (const [what, values] of Object.entries(figures)) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? NaN
  const shown = [values[0] ?? NaN, at(0), at(0.5), at(0.9)].map((value) => value.toFixed(0))
  console.log(`| ${[what, ...shown].join(' | ')} |`)
}

async function answered({ url }: Index.FunctionsHost): Promise<void> {
  const response = await fetch(`${url}/api/hello`)
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  await response.text()
}

function note(what: string, value: number): void {
  figures[what]?.push(value)
}
