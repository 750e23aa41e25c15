import { importFile, type ImportParts, type ImportResult } from '../../src/imports/run.ts'
import type { ImportReport } from '../../src/imports/report.ts'
import { createService, type OrderService } from '../../src/orders/service.ts'
import { memoryFiles, memoryStorage, type MemoryFiles, type MemoryStorage } from '../../src/storage/memory.ts'

/** A line of `<name>.rejected.jsonl`. */
export interface Rejected {
  readonly line: number
  readonly id?: string
  readonly text?: string
  readonly base64?: string
  readonly length?: number
  readonly type: string
  readonly detail?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

/** The import in memory, and what is behind it. */
export interface ImportFixture {
  readonly files: MemoryFiles
  readonly storage: MemoryStorage
  readonly service: OrderService
  readonly parts: ImportParts
  /** How long the run waited, each time. */
  readonly pauses: number[]
  readonly run: (name: string) => Promise<ImportResult>
  /** Uploads a file and imports it. */
  readonly importing: (name: string, content: Uint8Array | string) => Promise<ImportReport>
  readonly report: (name: string) => ImportReport | undefined
  readonly rejected: (name: string) => readonly Rejected[]
  /** The content of every record, by id. */
  readonly orders: () => Readonly<Record<string, unknown>>
}

/** Everything in memory; `overrides` replace parts. */
export function importFixture(overrides: Partial<ImportParts> = {}, chunkBytes?: number): ImportFixture {
  const storage = memoryStorage()
  const files = memoryFiles(chunkBytes)
  const pauses: number[] = []
  const service = createService({ ...storage, now: () => new Date(), newId: () => 'unexpected' })
  const parts: ImportParts = {
    files,
    service,
    concurrency: 4,
    now: () => new Date(),
    pause: (milliseconds) => {
      pauses.push(milliseconds)
      return Promise.resolve()
    },
    ...overrides,
  }
  const run = (name: string) => importFile(name, parts, () => undefined)
  return {
    files,
    storage,
    service,
    parts,
    pauses,
    run,
    importing: async (name, content) => {
      files.put(name, content)
      const result = await run(name)
      if (!('report' in result)) throw new Error(`${name} is ${result.outcome}`)
      return result.report
    },
    report: (name) => {
      const text = files.reports.get(`${name}.json`)
      return text === undefined ? undefined : (JSON.parse(text) as ImportReport)
    },
    rejected: (name) =>
      (files.reports.get(`${name}.rejected.jsonl`) ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Rejected),
    orders: () =>
      Object.fromEntries(
        [...storage.table].map(([id, { record }]) => [id, { item: record.item, quantity: record.quantity }]),
      ),
  }
}
