import { connectionString, startAzurite } from 'testkit/azurite'
import { startFaultProxy } from 'testkit/faultProxy'
import { IMPORT_CONCURRENCY, importConcurrency } from '../../../src/imports/settings.ts'
import { startImporter, type Imported } from './imports.ts'
import { measureRounds, pairsOf, type Measure } from './pairs.ts'
import { ratioRow, type Row } from './report.ts'
import type { Section } from './section.ts'

const CONCURRENCIES = [1, 8, 16, 32, 64, 128, 256]
const MOST_ROUNDS = 3
/** About as long as a table in the same region takes, and none: what this machine can do. */
const DELAYS_MS = [0, 10]
const WARM_UP_LINES = 1000
/** Lines of a file: one at a time, with the delay, it takes some seconds. */
const LINES = 3000

/** Lines a second by how many are on their way at a time: what the default is chosen by. */
export const importConcurrencies: Section = {
  letter: 'j',
  title: 'Import of a file, by IMPORT_CONCURRENCY',
  async run({ apps, pairs, signal, atEnd, note }) {
    const rows: Row[] = []
    const standard = String(importConcurrency({}))
    for (const ms of DELAYS_MS) {
      note(`table requests delayed by ${ms} ms`)
      const azurite = await startAzurite({})
      atEnd(() => azurite.stop())
      const proxy = await startFaultProxy({
        upstreamPort: azurite.ports.table,
        choose: () => (ms === 0 ? { kind: 'pass' } : { kind: 'delay', ms }),
      })
      atEnd(() => proxy.close())
      const connection = connectionString({ ...azurite.ports, table: proxy.port })
      const importers: Record<string, Measure<Imported>> = {}
      for (const concurrency of CONCURRENCIES) {
        const importer = await startImporter({ apps, signal, atEnd }, connection, {
          [IMPORT_CONCURRENCY]: String(concurrency),
        })
        await importer.run(`${concurrency}-warm-up`, WARM_UP_LINES)
        importers[concurrency] = (round) => importer.run(`${concurrency}-${round + 1}`, LINES)
      }
      const rounds = await measureRounds(Math.min(pairs, MOST_ROUNDS), importers, {
        signal,
        warmUp: false,
      })
      for (const concurrency of CONCURRENCIES) {
        rows.push(
          ratioRow(
            {
              section: 'j',
              what: `${concurrency} lines at a time / ${standard}, table requests + ${ms} ms`,
              unit: 'lines/s',
            },
            pairsOf(rounds, String(concurrency), standard),
            ({ lines, milliseconds }) => lines / (milliseconds / 1000),
          ),
        )
      }
    }
    return rows
  },
}
