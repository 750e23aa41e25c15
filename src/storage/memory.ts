import { FileChangedError, FileDeletedError, type ImportFile, type ImportFiles } from '../imports/ports.ts'
import { parseRecord, type OrderRecord } from '../orders/order.ts'
import type { OrderQueues, OrderRecords, StoredOrder } from '../orders/ports.ts'

/** The service's ports, in memory, and what is behind them. */
export interface MemoryStorage {
  readonly records: OrderRecords
  readonly queues: OrderQueues
  /** What is stored under each id, as it is: a record that was damaged is read as one. */
  readonly table: Map<string, StoredOrder>
  readonly orders: Uint8Array[]
  readonly poisoned: Uint8Array[]
}

/** Storage that always works. */
export function memoryStorage(): MemoryStorage {
  const table = new Map<string, StoredOrder>()
  const orders: Uint8Array[] = []
  const poisoned: Uint8Array[] = []
  let version = 0
  const write = (record: OrderRecord) => {
    table.set(record.id, { record, etag: `v${++version}` })
    return { written: true } as const
  }
  const refused = (reason: string) => ({ written: false, cause: new Error(reason) }) as const
  return {
    table,
    orders,
    poisoned,
    records: {
      read: async (id) => {
        await Promise.resolve()
        const stored = table.get(id)
        return stored && { record: parseRecord(id, stored.record), etag: stored.etag }
      },
      create: (record) => Promise.resolve(table.has(record.id) ? refused('exists') : write(record)),
      replace: (record, etag) =>
        Promise.resolve(table.get(record.id)?.etag === etag ? write(record) : refused('changed')),
    },
    queues: {
      send: (message) => {
        orders.push(message)
        return Promise.resolve()
      },
      poison: (message) => {
        poisoned.push(message)
        return Promise.resolve()
      },
    },
  }
}

/** The files to import, in memory, and what is behind them. */
export interface MemoryFiles extends ImportFiles {
  /** Writes a file, as an upload does. */
  readonly put: (name: string, content: Uint8Array | string) => void
  readonly remove: (name: string) => void
  /** What was written about files, by name. */
  readonly reports: Map<string, string>
}

/**
 * Files that can always be read.
 *
 * @param chunkBytes bytes that are read at a time
 */
export function memoryFiles(chunkBytes = 64 * 1024): MemoryFiles {
  const files = new Map<string, { readonly content: Uint8Array; readonly etag: string }>()
  const reports = new Map<string, string>()
  let version = 0

  async function* read(name: string, etag: string): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; at += chunkBytes) {
      await Promise.resolve()
      const file = files.get(name)
      if (file === undefined) throw new FileDeletedError()
      if (file.etag !== etag) throw new FileChangedError()
      if (at >= file.content.length) return
      yield file.content.subarray(at, at + chunkBytes)
    }
  }

  return {
    reports,
    put: (name, content) => {
      files.set(name, { content: Buffer.from(content), etag: `"${++version}"` })
    },
    remove: (name) => {
      files.delete(name)
    },
    open: (name) => {
      const file = files.get(name)
      if (file === undefined) return Promise.resolve(undefined)
      const { content, etag } = file
      const opened: ImportFile = { name, etag, size: content.length, read: () => read(name, etag) }
      return Promise.resolve(opened)
    },
    report: (name) => {
      let text = ''
      return {
        append: (more) => {
          text += more
          return Promise.resolve()
        },
        finish: () => {
          reports.set(name, text)
          return Promise.resolve()
        },
      }
    },
  }
}
