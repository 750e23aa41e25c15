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
    const silences: number[] = []
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
      const answered = async (since: number): Promise<void> => {
        while (heard < since && !isEnded()) await sleep(10)
        silences.push(Math.max(0, heard - since))
      }
      const start = performance.now()
      await sleep(Math.random() * LONGEST_PAUSE_MS)
      if (Math.random() < 0.5) await answered(start)
      if (!isEnded() && Math.random() < 0.8) {
        const saved = performance.now()
        await app.write({ 'src/a.js': `${NOTE_PID}${pick(MODES)}// ${cycle}` })
        if (Math.random() < 0.5) await answered(saved)
        else await sleep(Math.random() * LONGEST_PAUSE_MS)
      }
      const stopped = performance.now()
      if (Math.random() < 0.2) host.process.kill('SIGKILL')
      else host.process.kill(pick(['SIGINT', 'SIGTERM', 'SIGHUP'] as const))
      await host.exited
      silences.push(performance.now() - stopped)

      const text = await readFile(`${app.directory}/pids`, 'utf8').catch(() => '')
      const pids = text.split('\n').filter(Boolean).map(Number)
      // A worker whose host was killed ends a moment later.
      for (let patience = 0; pids.some(isAlive) && patience < 100; patience++) await sleep(20)
      expect(pids.filter(isAlive)).toEqual([])
      await expect(host.fetch('/')).rejects.toThrow('fetch failed')
      await app.remove()
    }
    silences.sort((a, b) => a - b)
    console.log(
      `${CYCLES} cycles; silence after an action: median ${Math.round(silences[silences.length >> 1] ?? 0)} ms, longest ${Math.round(silences.at(-1) ?? 0)} ms (allowed: ${LONGEST_SILENCE_MS} ms).`,
    )
    if (process.env['FUNC_LOCAL_CYCLES'] !== undefined)
      expect(silences.at(-1)).toBeLessThan(LONGEST_SILENCE_MS)
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
