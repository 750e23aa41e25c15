import { randomBytes } from 'node:crypto'
import {
  ContainerClient,
  RestError,
  type BlockBlobClient,
  type StoragePipelineOptions,
} from '@azure/storage-blob'
import {
  FileChangedError,
  FileDeletedError,
  type ImportFile,
  type ImportFiles,
  type ReportFile,
} from '../imports/ports.ts'
import { storageAccess, type StorageAccess } from './access.ts'
import { StorageSettingsError } from './settingsError.ts'
import { IMPORT_REPORTS_CONTAINER, IMPORTS_CONTAINER, STORAGE_CONNECTION } from './names.ts'
import { QUEUE_AND_BLOB_RETRIES, withinTime } from './timeout.ts'

/** Bytes that are fetched, or sent, at a time. */
const BLOCK_BYTES = 4 * 1024 * 1024
/** Milliseconds that one request about a block may take, its retries included: a slow line moves 4 MiB in it. */
const BLOCK_TIMEOUT_MS = 60_000

/** The containers of the files, and of what is written about them. */
export interface ImportContainers {
  readonly imports: ContainerClient
  readonly reports: ContainerClient
}

/**
 * Makes the clients of the containers. Nothing is sent yet.
 *
 * @throws StorageSettingsError
 */
export function importContainers(access: StorageAccess): ImportContainers {
  return {
    imports: containerClient(access, IMPORTS_CONTAINER),
    reports: containerClient(access, IMPORT_REPORTS_CONTAINER),
  }
}

function containerClient(access: StorageAccess, name: string): ContainerClient {
  const options: StoragePipelineOptions = { retryOptions: QUEUE_AND_BLOB_RETRIES }
  if (access.kind === 'connectionString') return new ContainerClient(access.connectionString, name, options)
  if (access.blobServiceUri === undefined) {
    throw new StorageSettingsError(
      `Files of orders cannot be read. Set ${STORAGE_CONNECTION}__accountName or ${STORAGE_CONNECTION}__blobServiceUri.`,
    )
  }
  return new ContainerClient(
    `${access.blobServiceUri.replace(/\/$/, '')}/${name}`,
    access.credential,
    options,
  )
}

/**
 * The files to import and their reports, in the storage that the settings describe.
 *
 * @throws StorageSettingsError
 */
export async function azureImportFiles(environment: NodeJS.ProcessEnv): Promise<ImportFiles> {
  return blobImportFiles(importContainers(await storageAccess(environment)))
}

/**
 * The files to import and their reports, in two containers; the one of the reports is created on first use when missing.
 *
 * @param milliseconds one request may take
 */
export function blobImportFiles(
  { imports, reports }: ImportContainers,
  milliseconds = BLOCK_TIMEOUT_MS,
): ImportFiles {
  return {
    async open(name) {
      const blob = imports.getBlockBlobClient(name)
      try {
        const { etag = '', contentLength = 0 } = await withinTime(
          (abortSignal) => blob.getProperties({ abortSignal }),
          milliseconds,
        )
        const file: ImportFile = {
          name,
          etag,
          size: contentLength,
          read: () => read(blob, etag, contentLength, milliseconds),
        }
        return file
      } catch (error) {
        if (statusOf(error) === 404) return undefined
        throw error
      }
    },
    report: (name) => reportFile(reports, name, milliseconds),
  }
}

/**
 * Reads one version of a blob block by block. No connection stays open while orders are processed, which may take longer than
 * storage keeps one, and every block can be fetched again by itself.
 */
async function* read(
  blob: BlockBlobClient,
  etag: string,
  size: number,
  milliseconds: number,
): AsyncGenerator<Buffer> {
  const fetch = (offset: number): Promise<Buffer> => {
    const block = withinTime(
      (abortSignal) =>
        blob.downloadToBuffer(offset, Math.min(BLOCK_BYTES, size - offset), {
          conditions: { ifMatch: etag },
          abortSignal,
        }),
      milliseconds,
    )
    // Whoever waits for it hears of its failure.
    block.catch(() => undefined)
    return block
  }
  let next = size > 0 ? fetch(0) : undefined
  for (let offset = BLOCK_BYTES; next !== undefined; offset += BLOCK_BYTES) {
    let block: Buffer
    try {
      block = await next
    } catch (error) {
      // https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
      if (statusOf(error) !== 412 && statusOf(error) !== 404) throw error
      // Azurite says 412 of a blob that is gone, too.
      const exists = await withinTime((abortSignal) => blob.exists({ abortSignal }), milliseconds)
      throw exists ? new FileChangedError() : new FileDeletedError()
    }
    next = offset < size ? fetch(offset) : undefined
    yield block
  }
}

/** Blocks are uploaded as they fill; only the commit at the end makes them the blob's content. */
function reportFile(container: ContainerClient, name: string, milliseconds: number): ReportFile {
  const blob = container.getBlockBlobClient(name)
  // Blocks of two runs of one file must not be taken for each other; all ids have the same length.
  const run = randomBytes(6).toString('hex')
  const blocks: string[] = []
  let texts: string[] = []
  let bytes = 0

  async function stage(): Promise<void> {
    const content = Buffer.from(texts.join(''))
    const id = Buffer.from(`${run}-${String(blocks.length).padStart(5, '0')}`).toString('base64')
    await inContainer(() =>
      withinTime(
        (abortSignal) => blob.stageBlock(id, content, content.length, { abortSignal }),
        milliseconds,
      ),
    )
    blocks.push(id)
    texts = []
    bytes = 0
  }

  async function inContainer<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation()
    } catch (error) {
      // https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
      if (!(error instanceof RestError) || error.code !== 'ContainerNotFound') throw error
      await withinTime((abortSignal) => container.createIfNotExists({ abortSignal }), milliseconds)
      return await operation()
    }
  }

  return {
    async append(text) {
      texts.push(text)
      bytes += Buffer.byteLength(text)
      if (bytes >= BLOCK_BYTES) await stage()
    },
    async finish() {
      if (bytes > 0) await stage()
      const contentType = name.endsWith('.json') ? 'application/json' : 'application/jsonl'
      await inContainer(() =>
        withinTime(
          (abortSignal) =>
            blob.commitBlockList(blocks, {
              blobHTTPHeaders: { blobContentType: contentType },
              abortSignal,
            }),
          milliseconds,
        ),
      )
    },
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof RestError ? error.statusCode : undefined
}
