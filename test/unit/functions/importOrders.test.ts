import { expect, test } from '@jest/globals'
import { InvocationContext, type LogLevel } from '@azure/functions'
import { importOrdersHandler, type Importer } from '../../../src/functions/importOrders.ts'
import type { ImportReport } from '../../../src/imports/report.ts'

const REPORT: ImportReport = {
  file: 'a.jsonl',
  etag: '"1"',
  size: 10,
  complete: true,
  lines: 6,
  processed: 1,
  alreadyProcessed: 2,
  refused: 3,
  rejected: 'a.jsonl.rejected.jsonl',
  startedAt: '',
  endedAt: '',
}

async function called(importer: Importer, blobTrigger: unknown = 'imports/a.jsonl') {
  const lines: [LogLevel, string][] = []
  const context = new InvocationContext({
    functionName: 'importOrders',
    // The library reads what looks like JSON as JSON.
    triggerMetadata: { blobTrigger, name: 1000 },
    logHandler: (level, ...texts) => lines.push([level, texts.join(' ')]),
  })
  const result = importOrdersHandler(() => Promise.resolve(importer))(Buffer.from('ignored'), context)
  const failure = await Promise.resolve(result).then(
    () => undefined,
    (error: unknown) => error,
  )
  return {
    failure,
    lines: lines.map(([level, line]) => [level, JSON.parse(line)] as const),
    text: lines.map(([, line]) => line),
  }
}

test('the file that is imported is the one that the host found, whatever its name is', async () => {
  for (const name of ['a.jsonl', '1e3', 'true', 'imports/b/{c}.csv', 'ä ?.json']) {
    const seen: string[] = []
    const importer: Importer = (file) => {
      seen.push(file)
      return Promise.resolve({ outcome: 'missing' })
    }
    const { failure, lines } = await called(importer, `imports/${name}`)
    expect({ seen, failure }).toStrictEqual({ seen: [name], failure: undefined })
    expect(lines).toStrictEqual([['information', { event: 'import', outcome: 'missing', file: name }]])
  }
})

test('each step is one line of JSON in the log', async () => {
  const counts = { lines: 6, processed: 1, alreadyProcessed: 2, refused: 3 }
  const complete = await called((_, progress) => {
    progress({ ...counts, lines: 5 })
    return Promise.resolve({ outcome: 'complete', report: REPORT })
  })
  expect(complete.lines).toStrictEqual([
    ['information', { event: 'import', outcome: 'progress', file: 'a.jsonl', ...counts, lines: 5 }],
    ['information', { event: 'import', outcome: 'complete', file: 'a.jsonl', etag: '"1"', ...counts }],
  ])
  const report = { ...REPORT, complete: false, fault: { detail: 'It is binary.' } }
  expect((await called(() => Promise.resolve({ outcome: 'incomplete', report }))).lines).toMatchObject([
    ['error', { outcome: 'incomplete', reason: 'It is binary.', ...counts }],
  ])
  expect((await called(() => Promise.resolve({ outcome: 'overwritten' }))).lines).toMatchObject([
    ['information', { outcome: 'overwritten' }],
  ])
})

test('a run that fails is logged, in one line, and fails the call, so that the host runs it again', async () => {
  const { failure, lines, text } = await called(() => Promise.reject(new Error('down\u2028')))
  expect(failure).toMatchObject({ message: 'down\u2028' })
  const reason = expect.stringMatching(/^Error: down\u2028\n +at /)
  expect(lines).toMatchObject([['error', { event: 'import', outcome: 'failed', file: 'a.jsonl', reason }]])
  expect(text.join('')).not.toContain('\u2028')
})

test('a call that names no blob of the container fails', async () => {
  for (const path of [null, 7, 'other/a.jsonl', 'imports']) {
    const { failure } = await called(() => Promise.reject(new Error('reached')), path)
    expect(failure).toMatchObject({
      name: 'NoBlobPathError',
      message: expect.stringMatching(/which blob of imports .* triggerMetadata\.blobTrigger is missing/),
    })
  }
})
