import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { ENDINGS, formatOf } from '../src/imports/format.ts'
import { reportNames, type ImportReport } from '../src/imports/report.ts'
import { storageAccess } from '../src/storage/access.ts'
import { StorageSettingsError } from '../src/storage/settingsError.ts'
import { importContainers, type ImportContainers } from '../src/storage/importFiles.ts'
import { printable } from './poison/printable.ts'
import { parseCommandLine, runCommand, UsageError } from './commandLine.ts'
import { storageSettings, SettingsFileError } from './settings.ts'

const USAGE = `npm run import -- FILE…                 uploads files of orders, waits, and prints what became of their lines
npm run import -- - --name orders.jsonl < FILE   reads standard input

  --name NAME   the name in the container "imports", for one file; the file's own name without it
  --no-wait     uploads and does not wait
  --timeout N   seconds to wait for a report at most (default 1800)

A file is JSON Lines (.jsonl, .ndjson), a JSON array (.json) or CSV (.csv) in UTF-8, each also packed (.gz).
Exit code 1: a line was refused, a file could not be read to its end, or there was no report in time.
The storage is the one in local.settings.json; environment variables take precedence.`

const BLOCK_BYTES = 4 * 1024 * 1024
const POLL_MS = 500

/** Something a person has to put right. Its message is all they see. */
class ImportCommandError extends Error {
  override readonly name = 'ImportCommandError'
}

interface Upload {
  /** A path, or `-` for standard input. */
  readonly source: string
  readonly name: string
}

interface CommandLine {
  readonly uploads: readonly Upload[]
  readonly wait: boolean
  readonly timeoutMs: number
}

function readCommandLine(): CommandLine | 'help' {
  const { values, positionals } = parseCommandLine({
    name: { type: 'string' },
    'no-wait': { type: 'boolean', default: false },
    timeout: { type: 'string', default: '1800' },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (values.help) return 'help'
  if (positionals.length === 0) throw new UsageError('Name at least one file.')
  if (values.name !== undefined && positionals.length > 1) throw new UsageError('--name is for one file.')
  const timeout = Number(values.timeout)
  if (!Number.isInteger(timeout) || timeout < 1) throw new UsageError('--timeout is a number of seconds.')
  const uploads = positionals.map((source) => {
    const name = values.name ?? (source === '-' ? undefined : path.basename(source))
    if (name === undefined) throw new UsageError('Standard input needs a --name that says its format.')
    if (formatOf(name) === undefined) {
      throw new UsageError(
        `"${name}" has none of the known endings: ${ENDINGS.join(', ')}, each also with .gz.`,
      )
    }
    return { source, name }
  })
  const twice = uploads.find(({ name }, i) => uploads.findIndex((one) => one.name === name) !== i)
  if (twice !== undefined) {
    throw new UsageError(
      `Two of the files are called ${twice.name}: import them one after the other, with --name.`,
    )
  }
  return { uploads, wait: !values['no-wait'], timeoutMs: timeout * 1000 }
}

/** Uploads a file as one blob. Returns its ETag, by which its report is known. */
async function upload({ imports }: ImportContainers, { source, name }: Upload): Promise<string> {
  const size = source === '-' ? undefined : await sizeOf(source)
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: `${printable(name)} {bar} {percentage} %, {value} bytes`, fps: 10 })
    : undefined
  bar?.start(size ?? 0, 0)
  try {
    const stream = source === '-' ? process.stdin : createReadStream(source)
    const { etag = '' } = await imports.getBlockBlobClient(name).uploadStream(stream, BLOCK_BYTES, 4, {
      blobHTTPHeaders: { blobContentType: contentType(name) },
      onProgress: ({ loadedBytes }) => {
        bar?.setTotal(Math.max(size ?? 0, loadedBytes))
        bar?.update(loadedBytes)
      },
    })
    return etag
  } catch (error) {
    const { code } = error as { readonly code?: unknown }
    const hint = code === 'ECONNREFUSED' || code === 'REQUEST_SEND_ERROR' ? ' Is "npm start" running?' : ''
    throw new ImportCommandError(`${name} cannot be uploaded: ${printable((error as Error).message)}.${hint}`)
  } finally {
    bar?.stop()
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file)
    if (found.isFile() || found.isFIFO()) return found.size
  } catch (error) {
    throw new ImportCommandError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
    )
  }
  throw new ImportCommandError(`${file} is not a file.`)
}

/** RFC 8259 §11, RFC 7111 §5; JSON Lines has no registered type. */
function contentType(name: string): string {
  const known = formatOf(name)
  if (known?.gzip === true) return 'application/gzip'
  if (known?.format === 'csv') return 'text/csv; charset=utf-8'
  return known?.format === 'json' ? 'application/json' : 'application/jsonl'
}

/** The report about this version of the file, as soon as it is there. */
async function reportOf(
  { reports }: ImportContainers,
  name: string,
  etag: string,
  until: number,
): Promise<ImportReport> {
  const blob = reports.getBlobClient(reportNames(name).report)
  for (;;) {
    const text = await blob.downloadToBuffer().then(String, (error: unknown) => {
      if ((error as { readonly statusCode?: number }).statusCode === 404) return undefined
      throw error
    })
    const report = text === undefined ? undefined : (JSON.parse(text) as ImportReport)
    if (report?.etag === etag) return report
    if (Date.now() > until) {
      throw new ImportCommandError(
        `There is no report about ${name} yet. The import may still run: look for the blob ${blob.name} in import-reports.`,
      )
    }
    await delay(POLL_MS)
  }
}

/** A table of the reports. */
function tableOf(reports: readonly ImportReport[]): string {
  const rows = [
    ['FILE', 'LINES', 'PROCESSED', 'ALREADY', 'REFUSED', 'COMPLETE'],
    ...reports.map((report) => [
      printable(report.file),
      ...[report.lines, report.processed, report.alreadyProcessed, report.refused].map(String),
      report.complete ? 'yes' : 'no',
    ]),
  ]
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n')
}

async function run({ uploads, wait, timeoutMs }: CommandLine): Promise<void> {
  const containers = importContainers(await storageAccess(await storageSettings()))
  for (const { source } of uploads) if (source !== '-') await sizeOf(source)
  await containers.imports.createIfNotExists().catch((error: unknown) => {
    throw new ImportCommandError(
      `Storage cannot be reached: ${printable((error as Error).message)}. Is "npm start" running?`,
    )
  })
  const until = Date.now() + timeoutMs
  const uploaded: { readonly name: string; readonly etag: string }[] = []
  for (const one of uploads) {
    uploaded.push({ name: one.name, etag: await upload(containers, one) })
    console.error(`${printable(one.name)}: uploaded`)
  }
  if (!wait) return
  const reports = await Promise.all(uploaded.map(({ name, etag }) => reportOf(containers, name, etag, until)))
  console.log(tableOf(reports))
  for (const { file, fault, refused, rejected } of reports) {
    if (fault !== undefined) console.error(`${printable(file)}: ${printable(fault.detail)}`)
    if (refused > 0)
      console.error(`${printable(file)}: the refused lines are in import-reports/${printable(rejected)}`)
  }
  if (reports.some(({ complete, refused }) => !complete || refused > 0)) process.exitCode = 1
}

const succeeded = await runCommand(
  USAGE,
  [ImportCommandError, SettingsFileError, StorageSettingsError],
  readCommandLine,
  run,
)
if (!succeeded) process.exitCode = 1
