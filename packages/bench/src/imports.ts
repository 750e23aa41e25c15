import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob'
import { startAzurite } from 'testkit/azurite'
import { importConcurrency } from '../../../src/imports/settings.ts'
import { reportNames, type ImportReport } from '../../../src/imports/report.ts'
import { IMPORT_REPORTS_CONTAINER, IMPORTS_CONTAINER } from '../../../src/storage/names.ts'
import { startBareProcess } from './bareProcess.ts'
import { startBenchHost, type BenchHost } from './host.ts'
import { measurePairs, type Pair } from './pairs.ts'
import { figureRow, ratioRow, type Bar, type Row } from './report.ts'
import type { Bench, Section } from './section.ts'
import type { InsertRequest } from './worker/bareInserts.ts'

/** Lines of a file that is measured in pairs: some seconds of work. */
const LINES = 20_000
const MOST_PAIRS = 5
/** Lines that each imports before anything is measured. */
const WARM_UP_LINES = 3000
/** Lines of the files whose memory the longest one is compared with: seconds of work, and as long as V8's heap takes to its size. */
const FEW_LINES = 10_000
const SOME_LINES = 100_000
const REPORT_POLL_MS = 100
const MB = 1024 * 1024
/** Against a loop that only inserts. */
const SPEED = { kind: 'at least', value: 0.8 } as const
const MEMORY = { kind: 'at most', value: 1.2 } as const

/** Lines a second from a file to their records, against the inserts alone, and the worker's memory. */
export const imports: Section = {
  letter: 'i',
  title: 'Import of a file',
  async run(bench) {
    const { pairs, lines, signal, atEnd, note } = bench
    const storage = await startAzurite({})
    atEnd(() => storage.stop())
    const importer = await startImporter(bench, storage.connectionString)
    const bare = await startBareInserts(bench, storage.connectionString)

    const ours = (count: number) => (round: number) => importer.run(`lines-${count}-${round + 1}`, count)
    const base = (count: number) => async (round: number) => {
      const milliseconds = await bare(`bare-${count}-${round + 1}`, count)
      return { milliseconds, waited: milliseconds, lines: count }
    }
    await ours(WARM_UP_LINES)(-1)
    await base(WARM_UP_LINES)(-1)
    const measured = await measurePairs(Math.min(pairs, MOST_PAIRS), ours(LINES), base(LINES), {
      signal,
      warmUp: false,
    })
    const rows: Row[] = [
      speedRow(LINES, measured),
      figureRow(
        { section: 'i', what: `from the upload to the report, ${text(LINES)} lines`, unit: 's' },
        measured.map(({ ours: { waited } }) => waited / 1000),
      ),
    ]
    await importer.host.stop()

    // A worker of its own for each file: the peak is that of the process.
    const alone = async (name: string, count: number) => {
      note(`${text(count)} lines`)
      const { host, run } = await startImporter(bench, storage.connectionString)
      const imported = await run(name, count)
      const peak = await host.peakBytes()
      await host.stop()
      return { imported, peak }
    }
    const few = await alone('few', FEW_LINES)
    const some = await alone('some', SOME_LINES)
    const longest = await alone('longest', lines)
    note(`${text(lines)} bare inserts`)
    rows.push(speedRow(lines, [{ ours: longest.imported, base: await base(lines)(0) }]))
    const memoryRow = (count: number, peak: number, bar?: Bar): Row =>
      ratioRow(
        {
          section: 'i',
          what: `peak memory of the worker, ${text(lines)} lines / ${text(count)} lines`,
          unit: 'MB',
          ...(bar && { bar }),
        },
        [{ ours: longest.peak, base: peak }],
        (bytes) => bytes / MB,
      )
    return [...rows, memoryRow(FEW_LINES, few.peak, MEMORY), memoryRow(SOME_LINES, some.peak)]
  },
}

function speedRow(count: number, measured: readonly Pair<Imported>[]): Row {
  return ratioRow(
    {
      section: 'i',
      what: `import of ${text(count)} lines / bare inserts`,
      unit: 'lines/s',
      bar: SPEED,
    },
    measured,
    ({ lines, milliseconds }) => lines / (milliseconds / 1000),
  )
}

/** A file that was imported. */
export interface Imported {
  readonly lines: number
  /** From the start of the run to its end, as the report has them. */
  readonly milliseconds: number
  /** From the end of the upload until the report is there: the host has to find the file first. */
  readonly waited: number
}

/** A host that imports files, and is suspended while it has none to import. */
export interface Importer {
  readonly host: BenchHost
  /**
   * Uploads a file of orders and waits for its report.
   *
   * @throws when not every line was processed
   */
  readonly run: (name: string, lines: number) => Promise<Imported>
}

/** Starts the app on a storage. */
export async function startImporter(
  { apps, signal, atEnd }: Pick<Bench, 'apps' | 'signal' | 'atEnd'>,
  connectionString: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Importer> {
  const service = BlobServiceClient.fromConnectionString(connectionString)
  const files = service.getContainerClient(IMPORTS_CONTAINER)
  const reports = service.getContainerClient(IMPORT_REPORTS_CONTAINER)
  await files.createIfNotExists()
  const host = await startBenchHost({
    host: apps.host,
    app: apps.ours,
    environment: { AzureWebJobsStorage: connectionString, ...environment },
    firstCall: { path: '/api/hello', method: 'GET', status: 200 },
  })
  atEnd(() => host.stop())
  host.pause()
  return {
    host,
    async run(name, lines) {
      const blob = `${name}.jsonl`
      await files
        .getBlockBlobClient(blob)
        .uploadStream(Readable.from(fileOf(name, lines)), undefined, undefined, { abortSignal: signal })
      const begun = performance.now()
      host.resume()
      const { processed, startedAt, endedAt } = await reportOf(reports, blob, signal).finally(host.pause)
      const waited = performance.now() - begun
      if (processed !== lines) throw new Error(`${blob}: ${processed} of ${lines} lines were processed.`)
      return {
        lines,
        milliseconds: Date.parse(endedAt) - Date.parse(startedAt),
        waited,
      }
    },
  }
}

const PIECE_LINES = 1000

function* fileOf(prefix: string, lines: number): Generator<Buffer> {
  for (let first = 0; first < lines; first += PIECE_LINES) {
    const piece = Array.from({ length: Math.min(PIECE_LINES, lines - first) }, (_, n) =>
      JSON.stringify({ id: `${prefix}-${first + n}`, item: 'widget', quantity: 2 }),
    )
    yield Buffer.from(`${piece.join('\n')}\n`)
  }
}

async function reportOf(reports: ContainerClient, file: string, signal: AbortSignal): Promise<ImportReport> {
  const blob = reports.getBlobClient(reportNames(file).report)
  for (;;) {
    signal.throwIfAborted()
    try {
      return JSON.parse((await blob.downloadToBuffer()).toString()) as ImportReport
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error
      await delay(REPORT_POLL_MS)
    }
  }
}

/** Starts a loop that inserts records with the import's concurrency. Returns the milliseconds that a number of them took. */
async function startBareInserts(
  bench: Bench,
  connectionString: string,
): Promise<(prefix: string, count: number) => Promise<number>> {
  const args = [connectionString, 'bareimports', String(importConcurrency({}))]
  const { child, died } = await startBareProcess('bareInserts.ts', args, bench)
  return async (prefix, count) => {
    child.send({ prefix, count } satisfies InsertRequest)
    const [milliseconds] = (await Promise.race([once(child, 'message'), died])) as [number]
    return milliseconds
  }
}

const text = (count: number) => count.toLocaleString('en')
