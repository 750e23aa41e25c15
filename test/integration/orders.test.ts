import { once } from 'node:events'
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import type { TableClient } from '@azure/data-tables'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { partitionKey } from '../../src/storage/tables.ts'
import { endOf, startScript } from '../support/script.ts'
import { testStorage } from '../support/storage.ts'

/** So many are moved. `ORDERS_TEST_RECORDS=100000` moves as many as the documentation speaks of. */
const RECORDS = Number(process.env['ORDERS_TEST_RECORDS'] ?? 2000)

jest.setTimeout(Math.max(120_000, RECORDS * 20))

let azurite: Azurite
let table: TableClient
let folder: string
let file: string

beforeAll(async () => {
  azurite = await startAzurite({})
  table = testStorage(azurite.connectionString).table
  folder = await mkdtemp(path.join(tmpdir(), 'orders-'))
})

afterAll(async () => {
  await azurite.stop()
  await rm(folder, { recursive: true, force: true })
})

let files = 0
beforeEach(async () => {
  file = path.join(folder, `${++files}.ndjson`)
  await emptyTable()
})

async function emptyTable(): Promise<void> {
  await table.deleteTable()
  await table.createTable()
}

const start = (args: readonly string[]) =>
  startScript('orders.ts', args, { connection: azurite.connectionString })

async function orders(...args: string[]) {
  const { code, out, error } = await endOf(start(args))
  return { code, out: out.trim(), error: error.trim() }
}

/** Starts a command, and kills it as soon as it has done something. */
async function killed(args: readonly string[], begun: () => Promise<boolean>): Promise<void> {
  const child = start(args)
  const ended = once(child, 'exit')
  while (child.exitCode === null && !(await begun())) await delay(2)
  child.kill('SIGKILL')
  const [, signal] = (await ended) as [number | null, NodeJS.Signals | null]
  // It was in the middle.
  expect(signal).toBe('SIGKILL')
}

const processed = (id: string, extra: object = {}) => ({
  partitionKey: partitionKey(id),
  rowKey: id,
  item: `“widget”\u2028 ${id}`,
  quantity: 3,
  status: 'processed',
  message: 'Order processed!',
  acceptedAt: '2026-01-02T12:00:00.000Z',
  processedAt: '2026-01-02T12:00:01.000Z',
  ...extra,
})

const accepted = (id: string, extra: object = {}) => ({
  partitionKey: partitionKey(id),
  rowKey: id,
  item: `“widget”\u2028 ${id}`,
  quantity: 3,
  status: 'accepted',
  acceptedAt: '2026-01-02T12:00:00.000Z',
  ...extra,
})

async function fill(entities: readonly ReturnType<typeof accepted>[]): Promise<void> {
  const waiting = entities.values()
  const next = async () => {
    for (const entity of waiting) await table.createEntity(entity)
  }
  await Promise.all(Array.from({ length: 16 }, next))
}

/** Everything in the table but what storage adds by itself, each property with its type. */
async function contents(): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const { etag: _etag, timestamp: _timestamp, ...entity } of table.listEntities({
    disableTypeConversion: true,
  })) {
    lines.push(JSON.stringify(Object.entries(entity).sort(([a], [b]) => (a < b ? -1 : 1))))
  }
  return lines.sort()
}

async function isEmpty(): Promise<boolean> {
  for await (const page of table.listEntities().byPage({ maxPageSize: 1 })) return page.length === 0
  return true
}

const exists = (name: string) =>
  stat(name).then(
    ({ size }) => size > 0,
    () => false,
  )

/** Where an export that has not ended writes to. */
const partOf = (name: string) => `${name}.127.0.0.1-${new URL(table.url).port}-devstoreaccount1.part`

describe('records leave and return', () => {
  it(`${RECORDS} of them, exported, deleted and restored, each with a kill in the middle, are the same`, async () => {
    await fill(
      Array.from({ length: RECORDS }, (_, i) =>
        i % 10 === 0 ? accepted(`order-${i}`) : processed(`order-${i}`),
      ),
    )
    const before = await contents()
    expect(before).toHaveLength(RECORDS)

    const page = ['--page', String(Math.max(50, RECORDS / 100))]
    await killed(['export', file, ...page], () => exists(partOf(file)))
    expect(await exists(file)).toBe(false)
    expect(await orders('export', file, ...page)).toMatchObject({
      code: 0,
      out: `${RECORDS} records in ${file}`,
    })
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
    expect(new Set(lines).size).toBe(RECORDS)

    await emptyTable()
    await killed(['restore', file], async () => !(await isEmpty()))
    const { code, out } = await orders('restore', file)
    expect({ code, out }).toStrictEqual({
      code: 0,
      out: expect.stringMatching(/^\d+ created, .* 0 refused$/),
    })
    expect(await contents()).toStrictEqual(before)

    // Again: nothing changes.
    expect(await orders('restore', file)).toMatchObject({
      code: 0,
      out: `0 created, 0 accepted ones now processed, ${RECORDS} there already, 0 processed since, 0 refused`,
    })
    expect(await contents()).toStrictEqual(before)
  })

  it('types and properties that the app does not know come back as they were', async () => {
    await table.createEntity(
      processed('typed', { weight: { type: 'Double', value: '3' }, count: 9007199254740993n }),
    )
    const before = await contents()
    expect(await orders('export', file)).toMatchObject({ code: 0 })
    await emptyTable()
    expect(await orders('restore', file)).toMatchObject({ code: 0 })
    expect(await contents()).toStrictEqual(before)
  })

  it('a line that a kill cut in two is written again', async () => {
    await fill(['a', 'b', 'c'].map((id) => processed(id)))
    await orders('export', file)
    const whole = await readFile(file, 'utf8')
    const [first = ''] = whole.split('\n')
    await writeFile(partOf(`${file}.2`), `${first}\n${whole.slice(first.length + 1, first.length + 40)}`)
    expect(await orders('export', `${file}.2`)).toMatchObject({ code: 0 })
    expect(await readFile(`${file}.2`, 'utf8')).toBe(whole)
  })

  it('an empty table is an empty file, and back', async () => {
    expect(await orders('export', file)).toMatchObject({ code: 0, out: `0 records in ${file}` })
    expect(await orders('restore', file)).toMatchObject({ code: 0 })
    expect(await contents()).toStrictEqual([])
  })
})

describe('what is there is not harmed', () => {
  it('an accepted record becomes processed, a processed one stays, and what contradicts is refused', async () => {
    await fill([accepted('advances'), accepted('waits'), accepted('other'), processed('since')])
    await orders('export', file)
    await writeFile(
      file,
      [
        processed('new'),
        processed('advances'),
        accepted('waits', { acceptedAt: '2026-01-02T11:00:00.000Z' }),
        processed('other', { item: 'gadget' }),
        accepted('since'),
      ]
        .map((entity) => `${JSON.stringify(entity)}\n`)
        .join(''),
    )
    const { code, out, error } = await orders('restore', file)
    expect({ code, out }).toStrictEqual({
      code: 1,
      out: '1 created, 1 accepted ones now processed, 1 there already, 1 processed since, 1 refused',
    })
    expect(error).toContain('order other: another order has this id')
    const status = async (id: string) => (await table.getEntity(partitionKey(id), id))['status']
    expect(await Promise.all(['new', 'advances', 'waits', 'other', 'since'].map(status))).toStrictEqual([
      'processed',
      'processed',
      'accepted',
      'accepted',
      'processed',
    ])
  })

  it.each([
    ['another time', { processedAt: '2026-01-03T12:00:00.000Z' }],
    ['other content', { quantity: 4 }],
    ['another message', { message: 'done' }],
  ])('a processed record is not changed: %s', async (_, change) => {
    await fill([processed('a1')])
    const before = await contents()
    await writeFile(file, `${JSON.stringify(processed('a1', change))}\n`)
    expect(await orders('restore', file)).toMatchObject({ code: 1, out: expect.stringMatching(/1 refused$/) })
    expect(await contents()).toStrictEqual(before)
  })

  it('lines that hold no order are named, and the others are restored', async () => {
    await writeFile(file, `${JSON.stringify(processed('good'))}\n`)
    await appendFile(
      file,
      [
        '{"partitionKey":',
        '[]',
        '{"partitionKey":"00","rowKey":"x","nested":{"a":1}}',
        JSON.stringify({ ...processed('p'), partitionKey: partitionKey('p') === '00' ? '01' : '00' }),
        JSON.stringify({ ...processed('s'), status: 'lost' }),
        '',
        JSON.stringify(processed('also-good')),
      ].join('\n'),
    )
    const { code, out, error } = await orders('restore', file)
    expect({ code, out }).toStrictEqual({ code: 1, out: expect.stringMatching(/^2 created, .* 5 refused$/) })
    for (const number of [2, 3, 4, 5, 6]) expect(error).toContain(`line ${number}: `)
    expect(await contents()).toHaveLength(2)
  })

  it('a file that is there is not written over', async () => {
    await writeFile(file, 'mine')
    expect(await orders('export', file)).toMatchObject({
      code: 1,
      error: expect.stringContaining('is there already'),
    })
    expect(await readFile(file, 'utf8')).toBe('mine')
  })
})

describe('the command line', () => {
  it.each([
    [[], 'Say what to do'],
    [['import', 'x'], 'no command "import"'],
    [['export'], 'Name the file'],
    [['export', 'a', 'b'], 'too much'],
    [['export', 'a', '--page', '0'], '--page'],
    [['export', 'a', '--fast'], '--fast'],
    [['restore', '/nowhere/orders.ndjson'], "can't be read"],
  ])('%j is told what is wrong', async (args, message) => {
    expect(await orders(...args)).toMatchObject({ code: 1, error: expect.stringContaining(message) })
  })

  it('says how it is used', async () => {
    expect(await orders('--help')).toMatchObject({ code: 0, out: expect.stringContaining('restore FILE') })
  })
})
