import { describe, expect, it, test } from '@jest/globals'
import { UnreadableRecordError, StorageUnavailableError } from '../../../src/orders/errors.ts'
import { ORDER_ID } from '../../../src/orders/order.ts'
import { importFile, lineIds } from '../../../src/imports/run.ts'
import { importFixture } from '../../support/imports.ts'

const lines = (items: readonly string[]) => items.map((item) => JSON.stringify({ item })).join('\n')

describe('every line once', () => {
  it('a second run of the same file changes nothing, and says so', async () => {
    const { importing, storage, rejected } = importFixture()
    const content = `${lines(['a', 'b'])}\n{"item":""}`
    await importing('f.jsonl', content)
    const before = [...storage.table]
    expect(await importing('f.jsonl', content)).toMatchObject({
      lines: 3,
      processed: 0,
      alreadyProcessed: 2,
      refused: 1,
    })
    expect([...storage.table]).toStrictEqual(before)
    expect(rejected('f.jsonl')).toHaveLength(1)
  })

  it('a corrected line is processed, and one whose content changed is a conflict', async () => {
    const { importing, orders, rejected } = importFixture()
    await importing('f.jsonl', lines(['a', '', 'c']))
    expect(await importing('f.jsonl', lines(['a', 'b', 'changed']))).toMatchObject({
      processed: 1,
      alreadyProcessed: 1,
      refused: 1,
    })
    expect(Object.values(orders()).map((content) => (content as { item: string }).item)).toStrictEqual([
      'a',
      'c',
      'b',
    ])
    expect(rejected('f.jsonl')).toMatchObject([
      {
        line: 3,
        id: lineIds('f.jsonl')(3),
        type: 'urn:orders:problem:order-conflict',
        text: '{"item":"changed"}',
      },
    ])
  })

  it('an id that is twice in a file: the first line is the order, the same again is none, another is a conflict', async () => {
    const { importing, orders, rejected } = importFixture({ concurrency: 16 })
    const content = [
      ...Array.from({ length: 20 }, () => '{"id":"x","item":"first"}'),
      '{"id":"x","item":"other"}',
      '{"id":"y","item":"y"}',
    ].join('\n')
    expect(await importing('twice.jsonl', content)).toMatchObject({
      processed: 2,
      alreadyProcessed: 19,
      refused: 1,
    })
    expect(orders()).toStrictEqual({ x: { item: 'first', quantity: 1 }, y: { item: 'y', quantity: 1 } })
    expect(rejected('twice.jsonl')).toMatchObject([{ line: 21, id: 'x' }])
  })

  it('lines of one id are processed one after the other, also when the first is slow', async () => {
    const fixture = importFixture({ concurrency: 16 })
    const { files, service, rejected } = fixture
    files.put('slow.jsonl', '{"id":"x","item":"first"}\n{"id":"x","item":"second"}')
    let calls = 0
    const processLine = async (line: Parameters<typeof service.processLine>[0]) => {
      if (calls++ === 0) await new Promise((resolve) => setImmediate(resolve))
      return service.processLine(line)
    }
    await importFile('slow.jsonl', { ...fixture.parts, service: { processLine } }, () => undefined)
    expect(rejected('slow.jsonl')).toMatchObject([{ line: 2, text: '{"id":"x","item":"second"}' }])
  })

  it('an order that was accepted for the queue is processed by the line that names it', async () => {
    const { importing, service } = importFixture()
    await service.accept({ id: 'q1', item: 'a', quantity: 1 })
    expect(await importing('q.jsonl', '{"id":"q1","item":"a"}')).toMatchObject({ processed: 1 })
    expect(await service.get('q1')).toMatchObject({ status: 'processed' })
  })

  it('ids of lines are ids of orders, and other ones for every file and line', () => {
    const ids = ['a', 'b', 'ä/ö?#%', 'x'.repeat(1024)].flatMap((name) =>
      [1, 2, 1_000_000].map((line) => lineIds(name)(line)),
    )
    for (const id of ids) expect(id).toMatch(ORDER_ID)
    // An id of a line must be the same for ever: it is what makes a second run the same orders.
    expect(ids[0]).toBe('import-ypeBEsobvcr6wjGzmiPcTa-1')
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('storage that does not respond', () => {
  const failing = (times: number) => {
    const fixture = importFixture()
    let failures = 0
    const service = {
      processLine: (line: Parameters<typeof fixture.service.processLine>[0]) => {
        if (line.lineId.endsWith('-2') && failures++ < times) {
          return Promise.reject(new StorageUnavailableError('x', new Error('down')))
        }
        return fixture.service.processLine(line)
      },
    }
    return { ...fixture, parts: { ...fixture.parts, service } }
  }

  it('is asked again, with growing pauses, for minutes', async () => {
    const { files, parts, pauses, orders } = failing(10)
    files.put('f.jsonl', lines(['a', 'b', 'c']))
    expect(await importFile('f.jsonl', parts, () => undefined)).toMatchObject({ outcome: 'complete' })
    expect(Object.keys(orders())).toHaveLength(3)
    expect(pauses).toStrictEqual([250, 500, 1000, 2000, 4000, 8000, 30_000, 30_000, 30_000, 30_000])
  })

  it('fails the run in the end: nothing is reported, and the next run does the rest', async () => {
    const { files, parts, report, pauses, orders } = failing(14)
    files.put('f.jsonl', lines(Array.from({ length: 500 }, (_, i) => `item ${i}`)))
    await expect(importFile('f.jsonl', parts, () => undefined)).rejects.toThrow(StorageUnavailableError)
    expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBeGreaterThan(3 * 60_000)
    expect(report('f.jsonl')).toBeUndefined()
    expect(files.reports.size).toBe(0)
    const before = Object.keys(orders()).length
    expect(before).toBeLessThan(500)

    const result = await importFile('f.jsonl', parts, () => undefined)
    expect(result).toMatchObject({
      outcome: 'complete',
      report: { lines: 500, alreadyProcessed: before, processed: 500 - before },
    })
  })

  it('a failure is not hidden by a fault at the end of the file', async () => {
    const { files, parts, report } = failing(99)
    files.put('f.json', '[{"item":"a"},{"item":"b"},{"item":"c"}')
    await expect(importFile('f.json', parts, () => undefined)).rejects.toThrow(StorageUnavailableError)
    expect(report('f.json')).toBeUndefined()
  })

  it('a bug is not retried', async () => {
    const { files, parts, pauses } = importFixture({
      service: { processLine: () => Promise.reject(new TypeError('bug')) },
    })
    files.put('f.jsonl', lines(['a']))
    await expect(importFile('f.jsonl', parts, () => undefined)).rejects.toThrow('bug')
    expect(pauses).toStrictEqual([])
  })
})

test('a record that cannot be read keeps no other line waiting', async () => {
  const fixture = importFixture()
  const { storage } = fixture
  const { records } = storage
  const read = records.read.bind(records)
  Object.assign(storage.records, {
    create: () => Promise.resolve({ written: false, cause: new Error('exists') }),
    read: (id: string) =>
      id === 'bad' ? Promise.reject(new UnreadableRecordError(id, ['status'])) : read(id),
  })
  storage.table.set('good', {
    record: {
      id: 'good',
      item: 'b',
      quantity: 1,
      status: 'processed',
      message: '',
      processedAt: '2026-01-01T00:00:00.000Z',
    },
    etag: 'v1',
  })
  expect(
    await fixture.importing('f.jsonl', '{"id":"bad","item":"a"}\n{"id":"good","item":"b"}'),
  ).toMatchObject({ alreadyProcessed: 1, refused: 1 })
  expect(fixture.rejected('f.jsonl')).toMatchObject([
    { line: 1, id: 'bad', type: 'about:blank', detail: expect.stringContaining('cannot be read') },
  ])
})

describe('a file that is not what it was', () => {
  it('missing: nothing happens', async () => {
    const { run, files } = importFixture()
    expect(await run('none.jsonl')).toStrictEqual({ outcome: 'missing' })
    expect(files.reports.size).toBe(0)
  })

  it.each([
    ['while it is read', 3],
    ['when it has been read', 500],
  ])(
    'overwritten %s: this run ends without a report, and the next one reports on the new version',
    async (_, at) => {
      const fixture = importFixture({ concurrency: 1 }, 16)
      const { files, service, report } = fixture
      files.put('f.jsonl', lines(Array.from({ length: 500 }, (_, i) => `item ${i}`)))
      let seen = 0
      const parts = {
        ...fixture.parts,
        service: {
          processLine: (line: Parameters<typeof service.processLine>[0]) => {
            if (++seen === at) files.put('f.jsonl', lines(['item 0', 'new']))
            return service.processLine(line)
          },
        },
      }
      expect(await importFile('f.jsonl', parts, () => undefined)).toStrictEqual({ outcome: 'overwritten' })
      expect(files.reports.size).toBe(0)
      await fixture.run('f.jsonl')
      expect(report('f.jsonl')).toMatchObject({ lines: 2, alreadyProcessed: 1, refused: 1 })
    },
  )

  it('deleted while it is read: the report says so', async () => {
    const fixture = importFixture({ concurrency: 1 }, 16)
    const { files, service } = fixture
    files.put('f.jsonl', lines(Array.from({ length: 500 }, (_, i) => `item ${i}`)))
    const processLine = (line: Parameters<typeof service.processLine>[0]) => {
      files.remove('f.jsonl')
      return service.processLine(line)
    }
    const result = await importFile(
      'f.jsonl',
      { ...fixture.parts, service: { processLine } },
      () => undefined,
    )
    expect(result).toMatchObject({ outcome: 'incomplete', report: { complete: false } })
    // There is no line from which on nothing was read.
    expect('report' in result && result.report.fault).toStrictEqual({
      detail: 'The file was deleted while it was read.',
    })
  })
})

describe('the report', () => {
  it('is written last, once, and is about the version that was read', async () => {
    const fixture = importFixture()
    const { files } = fixture
    const finished: string[] = []
    const parts = {
      ...fixture.parts,
      files: {
        ...files,
        report: (name: string) => {
          const written = files.report(name)
          return {
            ...written,
            finish: () => {
              finished.push(`${name} after ${fixture.storage.table.size} orders`)
              return written.finish()
            },
          }
        },
      },
    }
    files.put('f.jsonl', lines(['a', 'b', '']))
    const etag = (await files.open('f.jsonl'))?.etag
    await importFile('f.jsonl', parts, () => undefined)
    expect(finished).toStrictEqual(['f.jsonl.rejected.jsonl after 2 orders', 'f.jsonl.json after 2 orders'])
    expect(fixture.report('f.jsonl')).toStrictEqual({
      file: 'f.jsonl',
      etag,
      size: expect.any(Number),
      complete: true,
      lines: 3,
      processed: 2,
      alreadyProcessed: 0,
      refused: 1,
      rejected: 'f.jsonl.rejected.jsonl',
      startedAt: expect.stringMatching(/Z$/),
      endedAt: expect.stringMatching(/Z$/),
    })
  })

  it('lists the refused lines in their order, whatever order they are done in', async () => {
    const fixture = importFixture({ concurrency: 8 })
    const { files, service, rejected } = fixture
    files.put('f.jsonl', lines(Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? '' : `item ${i}`))))
    const processLine = async (line: Parameters<typeof service.processLine>[0]) => {
      for (let turns = (Number(line.lineId.split('-').at(-1)) * 7) % 13; turns > 0; turns--)
        await Promise.resolve()
      return service.processLine(line)
    }
    await importFile('f.jsonl', { ...fixture.parts, service: { processLine } }, () => undefined)
    expect(rejected('f.jsonl').map(({ line }) => line)).toStrictEqual(
      Array.from({ length: 67 }, (_, i) => 3 * i + 1),
    )
  })

  it('has its own name for a file whose name is as long as a blob’s may be', async () => {
    const { importing, files } = importFixture()
    const names = ['a', 'b'].map((end) => `${'x'.repeat(1017)}${end}.jsonl`)
    for (const name of names) await importing(name, lines(['a']))
    expect(files.reports.size).toBe(4)
    for (const name of files.reports.keys()) expect(name.length).toBeLessThanOrEqual(1024)
  })

  it('how far it is, is said every 10,000 lines', async () => {
    const { files, parts } = importFixture()
    files.put('f.jsonl', '{"item":""}\n'.repeat(25_000))
    const seen: number[] = []
    await importFile('f.jsonl', parts, ({ lines: count }) => seen.push(count))
    expect(seen).toStrictEqual([10_000, 20_000])
  })
})

test('no more lines are on their way at a time than the setting says', async () => {
  const fixture = importFixture({ concurrency: 5 })
  const { files, service } = fixture
  files.put('f.jsonl', lines(Array.from({ length: 100 }, (_, i) => `item ${i}`)))
  let now = 0
  let most = 0
  const processLine = async (line: Parameters<typeof service.processLine>[0]) => {
    most = Math.max(most, ++now)
    await new Promise(setImmediate)
    now--
    return service.processLine(line)
  }
  await importFile('f.jsonl', { ...fixture.parts, service: { processLine } }, () => undefined)
  expect(most).toBe(5)
})
