import { gzipSync } from 'node:zlib'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ContainerClient } from '@azure/storage-blob'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { startHost, type TestHost } from 'testkit/hostProcess'
import { unpackedApp } from 'testkit/unpackedApp'
import { workerOf } from 'testkit/processTree'
import { lineIds } from '../../src/imports/run.ts'
import type { ImportReport } from '../../src/imports/report.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

// Files of orders, on a real host process with a real Azurite: what is uploaded is found, and its report appears.

let azurite: Azurite
let app: Awaited<ReturnType<typeof unpackedApp>>
let host: TestHost
let storage: TestStorage
let imports: ContainerClient
let reports: ContainerClient

const start = () =>
  startHost({ folder: app.folder, environment: { AzureWebJobsStorage: azurite.connectionString } })

beforeAll(async () => {
  azurite = await startAzurite({})
  app = await unpackedApp()
  imports = new ContainerClient(azurite.connectionString, 'imports')
  reports = new ContainerClient(azurite.connectionString, 'import-reports')
  storage = testStorage(azurite.connectionString)
  host = await start()
}, 120_000)

afterAll(async () => {
  await host.stop()
  await app.remove()
  await azurite.stop()
}, 60_000)

async function upload(name: string, content: string | Buffer): Promise<string> {
  await imports.createIfNotExists()
  const { etag = '' } = await imports.getBlockBlobClient(name).uploadData(Buffer.from(content))
  return etag
}

async function read(name: string): Promise<string> {
  return (await reports.getBlockBlobClient(name).downloadToBuffer()).toString()
}

/** The report about a version of a file, as soon as it is there. */
async function reportOf(name: string, etag: string): Promise<ImportReport> {
  for (let tries = 0; tries < 600; tries++) {
    const text = await read(`${name}.json`).catch(() => undefined)
    const report = text === undefined ? undefined : (JSON.parse(text) as ImportReport)
    if (report?.etag === etag) return report
    await delay(100)
  }
  throw new Error(`there is no report about ${name}; the host printed:\n${host.output()}`)
}

const imported = async (name: string, content: string | Buffer) => reportOf(name, await upload(name, content))

describe('a file that is uploaded', () => {
  it.each([
    ['orders.jsonl', '{"item":"widget"}\n{"item":""}\n{"item":"gadget","quantity":3}\n'],
    ['orders.json.gz', gzipSync('[{"item":"widget"},{"item":""},{"item":"gadget","quantity":3}]')],
    ['folder/Bücher & 100 %#?+.csv', '\ufeffitem;quantity\r\nwidget;\r\n;7\r\ngadget;3\r\n'],
    ['1e3.csv', 'item,quantity\nwidget,1\n,2\ngadget,3\n'],
  ])('%s is imported, line by line', async (name, content) => {
    expect(await imported(name, content)).toMatchObject({
      file: name,
      complete: true,
      lines: 3,
      processed: 2,
      refused: 1,
    })
    const rejected = (await read(`${name}.rejected.jsonl`)).split('\n')
    expect(rejected).toHaveLength(2)
    const { line } = JSON.parse(rejected[0] ?? '') as { line: number }
    const id = lineIds(name)
    expect(await storage.entity(id(line))).toBeUndefined()
    expect(await storage.entity(id(line + 1))).toMatchObject({
      item: 'gadget',
      quantity: 3,
      status: 'processed',
    })
  })

  it('twice: nothing is processed again; corrected: the rest is', async () => {
    const first = await imported('again.csv', 'item\na\n""\nc\n')
    expect(first).toMatchObject({ processed: 2, alreadyProcessed: 0, refused: 1 })
    expect(await imported('again.csv', 'item\na\nb\nc\n')).toMatchObject({
      processed: 1,
      alreadyProcessed: 2,
      refused: 0,
    })
    expect(await read('again.csv.rejected.jsonl')).toBe('')
  })

  it('that is none gets a report that says so', async () => {
    expect(await imported('photo.png', Buffer.from('89504e47', 'hex'))).toMatchObject({
      complete: false,
      lines: 0,
    })
  })
})

it('an import whose worker is killed is run again, and every line is there once', async () => {
  const name = 'long.jsonl'
  const count = 3000
  const items = Array.from({ length: count }, (_, i) => `item ${i}`)
  const etag = await upload(name, items.map((item) => JSON.stringify({ item })).join('\n'))
  const id = lineIds(name)
  while ((await storage.entity(id(200))) === undefined) await delay(20)
  const worker = await workerOf(host.pid)
  if (worker === undefined) throw new Error('there is no worker')
  process.kill(worker, 'SIGKILL')
  await expect(read(`${name}.json`)).rejects.toThrow()

  const report = await reportOf(name, etag)
  expect(report).toMatchObject({ complete: true, lines: count, refused: 0 })
  expect(report.alreadyProcessed).toBeGreaterThanOrEqual(199)
  expect(report.processed + report.alreadyProcessed).toBe(count)
  for (const line of [1, 200, 201, count]) {
    expect(await storage.entity(id(line))).toMatchObject({ item: `item ${line - 1}` })
  }
  expect(await storage.entity(id(count + 1))).toBeUndefined()
}, 180_000)

it('a file that is overwritten while it is imported: the report is about the new one', async () => {
  const name = 'over.jsonl'
  const line = (item: string) => JSON.stringify({ item })
  await upload(name, Array.from({ length: 4000 }, (_, i) => line(`item ${i}`)).join('\n'))
  while ((await storage.entity(lineIds(name)(100))) === undefined) await delay(20)
  const etag = await upload(name, [line('item 0'), line('other')].join('\n'))
  expect(await reportOf(name, etag)).toMatchObject({ lines: 2, alreadyProcessed: 1, refused: 1 })
  await host.waitForOutput(/"event":"import","outcome":"overwritten"/, 120_000)
  expect(await reportOf(name, etag)).toMatchObject({ lines: 2 })
}, 180_000)
