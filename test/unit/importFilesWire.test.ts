import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { ImportFile, ImportFiles } from '../../src/imports/ports.ts'
import { FileChangedError, FileDeletedError } from '../../src/imports/ports.ts'
import { azureImportFiles, blobImportFiles, importContainers } from '../../src/storage/importFiles.ts'
import { startScriptedStorage, type ScriptedStorage } from '../support/scriptedStorage.ts'

// What is sent about files of orders, through the real client library, and what is made of responses that Azurite does not give.

const MIB = 1024 * 1024

let server: ScriptedStorage
let files: ImportFiles
/** The same, with little patience. */
let hasty: ImportFiles

beforeAll(async () => {
  server = await startScriptedStorage()
  files = await azureImportFiles({ AzureWebJobsStorage: server.connectionString })
  const containers = importContainers({
    kind: 'connectionString',
    connectionString: server.connectionString,
  })
  hasty = blobImportFiles(containers, 200)
})

afterAll(() => server.close())

const sent = () =>
  server.requests.map(({ method, path }) => `${method} ${path.replace(/^\/devstoreaccount1\//, '')}`)
const properties = (size: number) => ({
  status: 200,
  headers: { etag: '"e1"', 'content-length': String(size) },
})
const found = (content: string) => ({
  status: 206,
  headers: { etag: '"e1"', 'content-length': String(content.length) },
  body: content,
})
const created = { status: 201 }
const refused = { status: 403, errorCode: 'AuthorizationFailure' }
const busy = { status: 503, errorCode: 'ServerBusy' }
const isTimedOut = { name: 'AbortError' }

async function contentOf(file: ImportFile | undefined): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of file?.read() ?? []) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function opened(from: ImportFiles, size: number, ...responses: Parameters<ScriptedStorage['script']>) {
  server.script(properties(size))
  const file = await from.open('a.jsonl')
  server.script(...responses)
  return contentOf(file)
}

describe('a file is read', () => {
  it('in blocks of 4 MiB, each of the version that was opened', async () => {
    const block = 'a'.repeat(4 * MIB)
    expect(await opened(files, 4 * MIB, found(block))).toBe(block)
    expect(sent()).toStrictEqual(['GET imports/a.jsonl'])
    expect(server.requests[0]?.headers).toMatchObject({
      'if-match': '"e1"',
      'x-ms-range': `bytes=0-${4 * MIB - 1}`,
    })
  })

  it('without a request when it is empty', async () => {
    server.script(properties(0))
    const file = await files.open('a.jsonl')
    expect(await contentOf(file)).toBe('')
    expect(sent()).toStrictEqual(['HEAD imports/a.jsonl'])
  })

  it('as one that changed, or was deleted, when its version is gone', async () => {
    const gone = { status: 412, errorCode: 'ConditionNotMet' }
    await expect(opened(files, 3, gone, properties(3))).rejects.toThrow(FileChangedError)
    await expect(opened(files, 3, gone, { status: 404 })).rejects.toThrow(FileDeletedError)
    await expect(opened(files, 3, { status: 404 }, { status: 404 })).rejects.toThrow(FileDeletedError)
  })

  it('not at all when storage refuses, or does not respond', async () => {
    await expect(opened(files, 3, refused)).rejects.toMatchObject({ statusCode: 403 })
    expect(sent()).toHaveLength(1)
    await expect(opened(hasty, 3, 'hang')).rejects.toMatchObject(isTimedOut)
    await expect(opened(hasty, 3, { status: 412 }, 'hang')).rejects.toMatchObject(isTimedOut)
  })

  it('not opened when storage refuses, or does not respond; a busy one is asked three times', async () => {
    server.script(refused)
    await expect(files.open('a.jsonl')).rejects.toMatchObject({ statusCode: 403 })
    server.script('hang')
    await expect(hasty.open('a.jsonl')).rejects.toMatchObject(isTimedOut)
    server.script(busy)
    await expect(files.open('a.jsonl')).rejects.toMatchObject({ statusCode: 503 })
    expect(sent()).toHaveLength(3)
  })
})

describe('a report is written', () => {
  it.each([
    ['a.json', 'application/json'],
    ['a.rejected.jsonl', 'application/jsonl'],
  ])('with its content type: %s', async (name, type) => {
    server.script(created)
    await files.report(name).finish()
    // There is nothing to send but the list of the blocks.
    expect(sent()).toStrictEqual([`PUT import-reports/${name}?comp=blocklist`])
    expect(server.requests[0]?.headers['x-ms-blob-content-type']).toBe(type)
  })

  it('block by block as they fill, with ids of one length', async () => {
    server.script(created)
    const report = files.report('a.json')
    for (let blocks = 0; blocks < 11; blocks++) {
      expect(server.requests).toHaveLength(blocks)
      await report.append('x'.repeat(4 * MIB))
    }
    await report.finish()
    const ids = server.requests.flatMap(({ path }) => /blockid=([^&]+)/.exec(path)?.[1] ?? [])
    expect(new Set(ids).size).toBe(11)
    expect(new Set(ids.map((id) => Buffer.from(id, 'base64').length)).size).toBe(1)
    expect(sent().at(-1)).toBe('PUT import-reports/a.json?comp=blocklist')
  })

  it('not when storage refuses: no container is made for that', async () => {
    server.script(refused)
    await expect(files.report('a.json').finish()).rejects.toMatchObject({ statusCode: 403 })
    expect(sent()).toHaveLength(1)
  })

  it('not when storage does not respond, to whichever request', async () => {
    const missing = { status: 404, errorCode: 'ContainerNotFound' }
    for (const responses of [
      ['hang'],
      [created, 'hang'],
      [missing, 'hang'],
      [missing, created, 'hang'],
    ] as const) {
      server.script(...responses)
      const report = hasty.report('a.json')
      const written = report.append('x').then(() => report.finish())
      await expect(written).rejects.toMatchObject(isTimedOut)
      expect(server.requests).toHaveLength(responses.length)
    }
  })
})
