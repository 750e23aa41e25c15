import { readFileSync } from 'node:fs'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { UsageError } from '../usage-error.ts'
import type { DataSource } from './arguments.ts'

/** A value that has been read. */
export interface ReadData {
  /** Text from the command line, else the exact bytes. */
  readonly value: string | Buffer
  /** The name of its file, without folders. */
  readonly fileName: string | undefined
}

/**
 * Reads values; standard input can be read once.
 *
 * @throws {UsageError} when a file cannot be read, or standard input is asked for twice.
 */
export function createDataReader(stdin: Readable): (source: DataSource) => Promise<ReadData> {
  let isRead = false
  return async (source) => {
    switch (source.kind) {
      case 'text':
        return { value: source.text, fileName: undefined }
      case 'file':
        try {
          return { value: readFileSync(source.path), fileName: path.basename(source.path) }
        } catch (error) {
          const reason = (error as NodeJS.ErrnoException).code ?? String(error)
          throw new UsageError(`The file '${source.path}' cannot be read (${reason}).`, { cause: error })
        }
      case 'stdin':
        if (isRead) throw new UsageError("Standard input ('-') can be only one value.")
        isRead = true
        return { value: await buffer(stdin), fileName: undefined }
    }
  }
}
