import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { BlobServiceClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { freePort } from 'testkit/freePort'
import type { ImportReport } from '../../src/imports/report.ts'
import { endOf, startScript } from '../support/script.ts'

// `npm run import` on storage, with the test in the function's place: it writes the report when the file is there.

let azurite: Azurite
let folder: string
let storage: BlobServiceClient

beforeAll(async () => {
  azurite = await startAzurite({})
  storage = BlobServiceClient.fromConnectionString(azurite.connectionString)
  await storage.getContainerClient('import-reports').create()
  folder = await mkdtemp(path.join(tmpdir(), 'import-script-'))
  await mkdir(path.join(folder, 'folder.csv'))
})

afterAll(async () => {
  await azurite.stop()
  await rm(folder, { recursive: true, force: true })
})

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const at = path.join(folder, name)
  await writeFile(at, content)
  return at
}

const run = (
  flags: readonly string[],
  more: { readonly connection?: string; readonly input?: string } = {},
) => endOf(startScript('import.ts', flags, { connection: azurite.connectionString, ...more }))

const uploaded = (name: string) => storage.getContainerClient('imports').getBlockBlobClient(name)

/** The version of a blob, when it is there. */
async function etagOf(name: string): Promise<string> {
  for (;;) {
    try {
      return (await uploaded(name).getProperties()).etag ?? ''
    } catch (error) {
      if ((error as { readonly statusCode?: number }).statusCode !== 404) throw error
      await delay(50)
    }
  }
}

async function report(name: string, more: Partial<ImportReport>): Promise<void> {
  const content: ImportReport = {
    ...{ file: name, etag: '', size: 1, complete: true, rejected: `${name}.rejected.jsonl` },
    ...{ lines: 0, processed: 0, alreadyProcessed: 0, refused: 0 },
    ...{ startedAt: '2026-01-02T12:00:00.000Z', endedAt: '2026-01-02T12:00:01.000Z' },
    ...more,
  }
  const body = JSON.stringify(content)
  const blob = storage.getContainerClient('import-reports').getBlockBlobClient(`${name}.json`)
  await blob.upload(body, Buffer.byteLength(body))
}

describe('npm run import', () => {
  it('uploads files with their content types, waits for the reports, and prints them as a table', async () => {
    const jsonl = await file('week 1.jsonl', '{"item":"a"}\n{"item":"b"}\n')
    const csv = await file('all.csv', 'item\na\n')
    const ended = run([jsonl, csv])
    await report('week 1.jsonl', { etag: await etagOf('week 1.jsonl'), lines: 2, processed: 2 })
    await report('all.csv', { etag: await etagOf('all.csv'), lines: 1, alreadyProcessed: 1 })
    expect(await ended).toStrictEqual({
      code: 0,
      out: [
        'FILE          LINES  PROCESSED  ALREADY  REFUSED  COMPLETE',
        'week 1.jsonl      2          2        0        0       yes',
        'all.csv           1          0        1        0       yes',
        '',
      ].join('\n'),
      error: 'week 1.jsonl: uploaded\nall.csv: uploaded\n',
    })
    expect(String(await uploaded('week 1.jsonl').downloadToBuffer())).toBe('{"item":"a"}\n{"item":"b"}\n')
    expect((await uploaded('week 1.jsonl').getProperties()).contentType).toBe('application/jsonl')
    expect((await uploaded('all.csv').getProperties()).contentType).toBe('text/csv; charset=utf-8')
  })

  it('fails when a line was refused, and says where the refused lines are', async () => {
    const ended = run([await file('refused.jsonl', '{}\n')])
    await report('refused.jsonl', { etag: await etagOf('refused.jsonl'), lines: 1, refused: 1 })
    expect(await ended).toMatchObject({
      code: 1,
      out: expect.stringMatching(/refused\.jsonl +1 +0 +0 +1 +yes/),
      error: expect.stringContaining(
        'refused.jsonl: the refused lines are in import-reports/refused.jsonl.rejected.jsonl',
      ),
    })
  })

  it('fails when a file could not be read to its end, and says why', async () => {
    const ended = run([await file('half.json.gz', gzipSync('[{"item":"a"}'))])
    await report('half.json.gz', {
      etag: await etagOf('half.json.gz'),
      complete: false,
      fault: { detail: 'The array is not closed.', line: 1 },
    })
    expect(await ended).toMatchObject({
      code: 1,
      error: expect.stringContaining('half.json.gz: The array is not closed.'),
    })
    expect((await uploaded('half.json.gz').getProperties()).contentType).toBe('application/gzip')
  })

  it('waits for the report about this version of the file', async () => {
    await report('again.jsonl', { etag: '"of the last version"', refused: 1 })
    const flags = ['--timeout', '1', await file('again.jsonl', '{"item":"a"}\n')]
    expect(await run(flags)).toMatchObject({
      code: 1,
      out: '',
      error: expect.stringMatching(
        /There is no report about again\.jsonl yet\. .* look for the blob again\.jsonl\.json in import-reports\./,
      ),
    })
  })

  it('does not wait with --no-wait', async () => {
    expect(await run(['--no-wait', await file('later.ndjson', '{"item":"a"}\n')])).toStrictEqual({
      code: 0,
      out: '',
      error: 'later.ndjson: uploaded\n',
    })
  })

  it('reads standard input, under the name that is given', async () => {
    expect(
      await run(['-', '--name', 'piped.jsonl', '--no-wait'], { input: '{"item":"piped"}\n' }),
    ).toMatchObject({
      code: 0,
    })
    expect(String(await uploaded('piped.jsonl').downloadToBuffer())).toBe('{"item":"piped"}\n')
  })

  it.each([
    ['no file', [], /^Name at least one file\./],
    ['an unknown ending', ['orders.txt'], /^"orders\.txt" has none of the known endings: /],
    ['standard input without a name', ['-'], /^Standard input needs a --name/],
    ['one name for two files', ['--name', 'a.csv', 'a.csv', 'b.csv'], /^--name is for one file\./],
    ['two files of one name', ['a/x.csv', 'b/x.csv'], /^Two of the files are called x\.csv/],
    ['an unknown option', ['--fast', 'a.csv'], /Unknown option '--fast'/],
    ['a timeout that is no number', ['--timeout', 'soon', 'a.csv'], /^--timeout is a number of seconds\./],
  ])('refuses %s, and says how it is used', async (_, flags, message) => {
    const { code, out, error } = await run(flags)
    expect({ code, out }).toStrictEqual({ code: 1, out: '' })
    expect(error).toMatch(message)
    expect(error).toContain('npm run import -- FILE…')
  })

  it.each([
    ['a file that is not there', 'none.csv', 'cannot be read (ENOENT).'],
    ['a folder', 'folder.csv', 'is not a file.'],
  ])('uploads nothing when it is given %s', async (_, name, message) => {
    const at = path.join(folder, name)
    const beside = await file(`beside-${name}`, 'item\na\n')
    expect(await run([beside, at])).toStrictEqual({ code: 1, out: '', error: `${at} ${message}\n` })
    expect(await uploaded(`beside-${name}`).exists()).toBe(false)
  })

  it('says when storage cannot be reached', async () => {
    const port = await freePort()
    const away = azurite.connectionString.replaceAll(String(azurite.ports.blob), String(port))
    const ended = await run([await file('away.csv', 'item\na\n')], { connection: away })
    expect(ended).toMatchObject({ code: 1, out: '' })
    expect(ended.error).toMatch(/^Storage cannot be reached: .*Is "npm start" running\?\n$/s)
  })
})
