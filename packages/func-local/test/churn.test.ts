import { expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { answering, writeApp } from './harness/app.ts'
import { onCoreTools, spawnHost } from './harness/host.ts'

/** In a test run a few; `FUNC_LOCAL_CYCLES=200` is the whole measure. */
const CYCLES = Number(process.env['FUNC_LOCAL_CYCLES'] ?? 8)
const LONGEST_PAUSE_MS = 1500
const LONGEST_SILENCE_MS = 5000
const MODES = [
  answering('v', 'good'),
  'const = 1',
  "throw new Error('at load')",
  'for (;;);',
  "require('@azure/functions').app.hook.appStart(() => new Promise(() => {}))",
  'process.exit(4)',
  `${answering('v', 'dies')};setTimeout(() => process.exit(5), 200)`,
  "console.log('a word')",
]
const NOTE_PID = "require('node:fs').appendFileSync('pids', process.pid + '\\n');"

;(onCoreTools ? test.skip : test)(
  `${CYCLES} cycles of start, load of a broken app, save and Ctrl-C at random moments leave no process and no port, and no silence`,
  async () => {
    const { readFile } = await import('node:fs/promises')
    const silences: { readonly ms: number; readonly after: string }[] = []
    const ends: typeof silences = []
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const first = pick(MODES)
      const app = await writeApp({ 'src/a.js': NOTE_PID + first })
      const host = await spawnHost(app.directory)
      // The host has been heard of after an action when it has printed, or has ended.
      let heard = 0
      const listen = (): void => {
        heard = performance.now()
      }
      host.process.stdout?.on('data', listen)
      host.process.stderr?.on('data', listen)
      void host.exited.then(listen)
      const isEnded = (): boolean => host.process.exitCode !== null || host.process.signalCode !== null
      /** Waits for a sign of life since a moment; how long it took is the silence. */
      const answered = async (since: number, after: string): Promise<void> => {
        while (heard < since && !isEnded()) await sleep(10)
        silences.push({ ms: Math.max(0, heard - since), after })
      }
      const start = performance.now()
      await sleep(Math.random() * LONGEST_PAUSE_MS)
      if (Math.random() < 0.5) await answered(start, `the start with ${first}`)
      if (!isEnded() && Math.random() < 0.8) {
        const saved = performance.now()
        const next = pick(MODES)
        await app.write({ 'src/a.js': `${NOTE_PID}${next}// ${cycle}` })
        if (Math.random() < 0.5) await answered(saved, `a save of ${next} over ${first}`)
        else await sleep(Math.random() * LONGEST_PAUSE_MS)
      }
      const stopped = performance.now()
      const signal = Math.random() < 0.2 ? 'SIGKILL' : pick(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      host.process.kill(signal)
      await answered(stopped, signal)
      await host.exited
      ends.push({ ms: performance.now() - stopped, after: `${signal}, ${host.output().slice(-300)}` })

      const text = await readFile(`${app.directory}/pids`, 'utf8').catch(() => '')
      const pids = text.split('\n').filter(Boolean).map(Number)
      // A worker whose host was killed ends a moment later.
      for (let patience = 0; pids.some(isAlive) && patience < 100; patience++) await sleep(20)
      expect(pids.filter(isAlive)).toEqual([])
      await expect(host.fetch('/')).rejects.toThrow('fetch failed')
      await app.remove()
    }
    for (const list of [silences, ends]) list.sort((a, b) => a.ms - b.ms)
    const shown = (list: typeof silences): string =>
      list
        .slice(-3)
        .map(({ ms, after }) => `${Math.round(ms)} ms after ${JSON.stringify(after)}`)
        .join('; ')
    console.log(
      `${CYCLES} cycles. Silence: median ${Math.round(silences[silences.length >> 1]?.ms ?? 0)} ms, longest ${shown(silences)} (allowed: ${LONGEST_SILENCE_MS} ms). End: longest ${shown(ends)}.`,
    )
    if (process.env['FUNC_LOCAL_CYCLES'] !== undefined)
      expect(silences.at(-1)?.ms).toBeLessThan(LONGEST_SILENCE_MS)
  },
  60_000 + CYCLES * 20_000,
)

function pick<T>(all: readonly T[]): T {
  const [first] = all
  const chosen = all[Math.floor(Math.random() * all.length)] ?? first
  if (chosen === undefined) throw new Error('There is nothing to choose from.')
  return chosen
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
