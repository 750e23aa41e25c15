import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { freePort } from 'testkit/freePort'
import { connectionString } from 'testkit/azurite'
import { FileChangedError, FileDeletedError, type ImportFiles } from '../../src/imports/ports.ts'
import { blobImportFiles, importContainers, type ImportContainers } from '../../src/storage/importFiles.ts'
import { StorageSettingsError } from '../../src/storage/settingsError.ts'
import { memoryFiles } from '../../src/storage/memory.ts'

// The port of files, one specification for both of its adapters.

interface Behind {
  readonly files: ImportFiles
  put(name: string, content: Buffer): Promise<void>
  remove(name: string): Promise<void>
  /** What was written about a file. */
  report(name: string): Promise<string | undefined>
}

let azurite: Azurite
let containers: ImportContainers

beforeAll(async () => {
  azurite = await startAzurite({})
  containers = importContainers({ kind: 'connectionString', connectionString: azurite.connectionString })
}, 60_000)

afterAll(() => azurite.stop())

function azure(): Behind {
  return {
    files: blobImportFiles(containers),
    put: async (name, content) => {
      await containers.imports.createIfNotExists()
      await containers.imports.getBlockBlobClient(name).uploadData(content)
    },
    remove: async (name) => {
      await containers.imports.getBlobClient(name).delete()
    },
    report: (name) =>
      containers.reports
        .getBlobClient(name)
        .downloadToBuffer()
        .then(String, () => undefined),
  }
}

function memory(): Behind {
  const files = memoryFiles()
  return {
    files,
    put: (name, content) => {
      files.put(name, content)
      return Promise.resolve()
    },
    remove: (name) => {
      files.remove(name)
      return Promise.resolve()
    },
    report: (name) => Promise.resolve(files.reports.get(name)),
  }
}

describe.each([
  ['Azure Storage', azure],
  ['memory', memory],
])('files in %s', (_, make) => {
  let behind: Behind
  let name: string
  let made = 0
  beforeEach(() => {
    behind = make()
    name = `folder/file ${++made} ä%?#&+\u{1f9e6}.jsonl`
  })

  const contentOf = async (read: AsyncIterable<Uint8Array> | undefined) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of read ?? []) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  it('there is none', async () => {
    expect(await behind.files.open(name)).toBeUndefined()
  })

  it.each([0, 1, 4 * 1024 * 1024, 9 * 1024 * 1024 + 1])('are read whole: %i bytes', async (size) => {
    const content = Buffer.alloc(size, 'abcdefghi')
    await behind.put(name, content)
    const file = await behind.files.open(name)
    expect(file).toMatchObject({ name, size, etag: expect.stringMatching(/^".+"$/) })
    expect((await contentOf(file?.read())).equals(content)).toBe(true)
  })

  it('have another ETag with every write, and one version is never mixed with another', async () => {
    await behind.put(name, Buffer.alloc(20 * 1024 * 1024, 'a'))
    const first = await behind.files.open(name)
    const read = first?.read()[Symbol.asyncIterator]()
    expect((await read?.next())?.done).toBe(false)
    await behind.put(name, Buffer.alloc(20 * 1024 * 1024, 'b'))
    expect((await behind.files.open(name))?.etag).not.toBe(first?.etag)
    await expect(
      (async () => {
        for (;;) {
          const next = await read?.next()
          if (next?.done !== false) return
          expect(Buffer.from(next.value).includes('b')).toBe(false)
        }
      })(),
    ).rejects.toThrow(FileChangedError)
  })

  it('can be deleted while they are read', async () => {
    await behind.put(name, Buffer.alloc(20 * 1024 * 1024, 'a'))
    const file = await behind.files.open(name)
    await behind.remove(name)
    await expect(contentOf(file?.read())).rejects.toThrow(FileDeletedError)
  })

  it('a report is there when it is finished, as a whole, and not before', async () => {
    const report = behind.files.report(name)
    const line = `${'ü'.repeat(1023)}\n`
    for (let i = 0; i < 3000; i++) await report.append(line)
    expect(await behind.report(name)).toBeUndefined()
    await report.finish()
    expect(await behind.report(name)).toBe(line.repeat(3000))

    const next = behind.files.report(name)
    await next.append('short')
    expect(await behind.report(name)).toBe(line.repeat(3000))
    await next.finish()
    expect(await behind.report(name)).toBe('short')
    await behind.files.report(name).finish()
    expect(await behind.report(name)).toBe('')
  })
})

test('the container of the reports is created on first use', async () => {
  await containers.reports.deleteIfExists()
  const report = blobImportFiles(containers).report('a.json')
  await report.append('{}')
  await report.finish()
  expect(await containers.reports.getBlobClient('a.json').exists()).toBe(true)
})

test('storage that cannot be reached is an error, and no missing file', async () => {
  const port = await freePort()
  const nowhere = importContainers({
    kind: 'connectionString',
    connectionString: connectionString({ blob: port, queue: port, table: port }),
  })
  const files = blobImportFiles(nowhere, 500)
  await expect(files.open('a')).rejects.toThrow()
  const report = files.report('a')
  await report.append('x')
  await expect(report.finish()).rejects.toThrow()
})

test('settings without the address of the blobs say what is missing', () => {
  const credential = { getToken: () => Promise.resolve(null) }
  const access = {
    kind: 'identity',
    queueServiceUri: 'https://q',
    tableServiceUri: 'https://t',
    credential,
  } as const
  expect(() => importContainers(access)).toThrow(
    new StorageSettingsError(
      'Files of orders cannot be read. Set AzureWebJobsStorage__accountName or AzureWebJobsStorage__blobServiceUri.',
    ),
  )
  const { imports, reports } = importContainers({
    ...access,
    blobServiceUri: 'https://shop.blob.core.windows.net/',
  })
  expect([imports.url, reports.url]).toStrictEqual([
    'https://shop.blob.core.windows.net/imports',
    'https://shop.blob.core.windows.net/import-reports',
  ])
})
