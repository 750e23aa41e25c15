import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buildApps } from './apps.ts'
import { machine } from './machine.ts'
import { BenchArgumentError, readOptions, usage, type BenchOptions } from './options.ts'
import { table, type Row } from './report.ts'
import type { Section } from './section.ts'
import { SECTIONS } from './sections.ts'

async function run(options: BenchOptions): Promise<readonly Row[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-bench-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      stopping.abort(new Error('The run was stopped.'))
    })
  }
  const stopped = () => stopping.signal.aborted
  const endFrom = async (first: number) => {
    for (const end of ends.splice(first).reverse()) await end()
  }
  const note = (text: string) => {
    process.stderr.write(`${text}\n`)
  }
  try {
    const apps = await buildApps(folder)
    const rows: Row[] = []
    for (const section of options.sections) {
      // Stopped with Ctrl-C: what has been measured is shown.
      if (stopped()) break
      note(`${section.letter}. ${section.title}`)
      const atEnd = (end: () => Promise<unknown>) => ends.push(end)
      try {
        rows.push(
          ...(await section.run({
            pairs: options.pairs,
            longest: options.longest,
            lines: options.lines,
            apps,
            folder,
            signal: stopping.signal,
            atEnd,
            note,
          })),
        )
      } catch (error) {
        if (!stopped() || rows.length === 0) throw error
      } finally {
        await endFrom(1)
      }
    }
    return rows
  } finally {
    await endFrom(0)
  }
}

function print(rows: readonly Row[], sections: readonly Section[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ machine: machine(), rows }, null, 2))
    return
  }
  console.log(`\n${machine().text}\n`)
  for (const { letter, title } of sections) console.log(`${letter}. ${title}`)
  console.log(`\n${table(rows)}`)
}

try {
  const options = readOptions(process.argv.slice(2), SECTIONS)
  if (options === 'help') console.log(usage(SECTIONS))
  else print(await run(options), options.sections, options.json)
} catch (error) {
  console.error(error instanceof BenchArgumentError ? error.message : error)
  process.exitCode = 1
}
