import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { settingsOf } from '../src/config/settings.ts'
import { createLineReader } from '../src/host/line-reader.ts'
import { findOldFunctions } from '../src/host/old-functions.ts'
import { createProblemList } from '../src/host/problem-list.ts'
import { describeRefusals } from '../src/host/refusals.ts'
import { secretsOf } from '../src/host/secrets.ts'
import { traceContext } from '../src/host/trace-context.ts'

describe('a line reader', () => {
  const read = (...pieces: string[]): { lines: string[]; end: () => void } => {
    const lines: string[] = []
    const reader = createLineReader((line) => lines.push(line))
    for (const piece of pieces) reader.add(piece)
    return { lines, end: reader.end }
  }

  test('joins the pieces of a line, and splits a piece into its lines', () => {
    const { lines, end } = read('a', 'b\nc\n', '\nd', 'e')
    expect(lines).toEqual(['ab', 'c', ''])
    end()
    expect(lines).toEqual(['ab', 'c', '', 'de'])
    // What was passed on is gone.
    end()
    expect(lines).toHaveLength(4)
  })

  test('has nothing left after a newline', () => {
    const { lines, end } = read('a\n')
    end()
    expect(lines).toEqual(['a'])
  })

  test('a line of 64 KiB is one line; a longer one comes in parts', () => {
    const whole = 'x'.repeat(1 << 16)
    expect(read(whole).lines).toEqual([])
    const { lines, end } = read(`${whole}y`, 'z\n')
    expect(lines).toEqual([`${whole}y`, 'z'])
    end()
    expect(lines).toHaveLength(2)
  })
})

describe('the list of problems', () => {
  test('tells of each only what did not hold the last time', () => {
    const problems = createProblemList()
    expect(problems.news(['a', 'b', 'a'])).toEqual(['a', 'b'])
    expect(problems.news(['b', 'c'])).toEqual(['c'])
    expect(problems.news([])).toEqual([])
    expect(problems.news(['a', 'c'])).toEqual(['a', 'c'])
  })
})

describe('functions that are in error', () => {
  const refused = (count: number, reason: string): { name: string; reason: string }[] =>
    Array.from({ length: count }, (_, i) => ({ name: `f${i}`, reason }))

  test('are one line each', () => {
    expect(describeRefusals(refused(2, 'no.'))).toEqual([
      "The 'f0' function is in error: no.",
      "The 'f1' function is in error: no.",
    ])
    expect(describeRefusals([])).toEqual([])
  })

  test('from three with the same reason on are one line', () => {
    expect(describeRefusals([...refused(3, 'no.'), { name: 'other', reason: 'else.' }])).toEqual([
      "The 'f0' function is in error: no. The same holds for 2 more: f1, f2.",
      "The 'other' function is in error: else.",
    ])
  })
})

describe('the secrets among the settings', () => {
  const secrets = (values: Record<string, string>): string[] =>
    secretsOf(settingsOf(new Map(Object.entries(values))))

  test.each([
    ['AccountName=a;AccountKey=c2VjcmV0LWtleQ==;QueueEndpoint=x', ['c2VjcmV0LWtleQ==']],
    ['Endpoint=sb://x;SharedAccessKeyName=n;SharedAccessKey=12345678', ['12345678']],
    ['SharedAccessSignature=sv=2024-01', ['sv=2024-01']],
    ['https://a.blob/x?sv=1&SIG=abcdefgh%3D&se=2', ['abcdefgh%3D']],
    ['Server=s;password=longenough;Pwd=12345678', ['longenough', '12345678']],
    ['Password=1234567', []],
    ['sig=abcdefgh rest', ['abcdefgh']],
    ['AccountName=abcdefgh', []],
  ])('%s: %j', (value, expected) => {
    expect(secrets({ X: value })).toEqual(expected)
  })

  test('include the key of the host, unless it is too short, each once', () => {
    expect(secrets({ FUNC_LOCAL_KEY: '12345678' })).toEqual(['12345678'])
    expect(secrets({ FUNC_LOCAL_KEY: '1234567' })).toEqual([])
    expect(secrets({ FUNC_LOCAL_KEY: '12345678', A: 'Pwd=12345678', B: 'Pwd=12345678' })).toEqual([
      '12345678',
    ])
    expect(secrets({})).toEqual([])
  })
})

// https://www.w3.org/TR/trace-context/#traceparent-header
describe('the trace context of an invocation', () => {
  const TRACE = '0af7651916cd43dd8448eb211c80319c'
  const SPAN = 'b7ad6b7169203331'

  test('goes on from the one that came in, as a span of its own', () => {
    const context = traceContext(` 00-${TRACE}-${SPAN}-01 `, 'a=b')
    const [version, trace, span, flags] = context.traceParent.split('-')
    expect([version, trace, flags]).toEqual(['00', TRACE, '01'])
    expect(span).toMatch(/^[0-9a-f]{16}$/)
    expect(span).not.toBe(SPAN)
    expect(context).toMatchObject({ traceState: 'a=b', attributes: {} })
    expect(traceContext(`00-${TRACE}-${SPAN}-00`).traceState).toBe('')
    // A later version may have more fields.
    expect(traceContext(`cc-${TRACE}-${SPAN}-01-what-else`).traceParent).toContain(TRACE)
  })

  test.each([
    undefined,
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-012`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN.slice(1)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `x00-${TRACE}-${SPAN}-01`,
  ])('%s counts as absent', (traceParent) => {
    const context = traceContext(traceParent, 'a=b')
    expect(context.traceParent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    expect(context.traceParent).not.toContain(TRACE)
    expect(context).toMatchObject({ traceState: '', attributes: {} })
    expect(traceContext(traceParent).traceParent).not.toBe(context.traceParent)
  })
})

describe('functions of the programming model v3', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'func-local-old-'))
    for (const name of ['old', 'new', 'node_modules', 'older']) await mkdir(path.join(directory, name))
    for (const name of ['old', 'older', 'node_modules'])
      await writeFile(path.join(directory, name, 'function.json'), '{}')
    await writeFile(path.join(directory, 'function.json'), '{}')
  })
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true })
  })

  test('are one line each', async () => {
    const lines = await findOldFunctions(directory)
    expect([...lines].sort()).toEqual(
      ['old', 'older'].map(
        (name) =>
          `The '${name}' function is in error: it is a function.json of the programming model v3, and func-local runs v4 only (app.http, app.storageQueue, …). See https://aka.ms/upgradeFunctionsNodeV4.`,
      ),
    )
  })

  test('are none where there is no folder', async () => {
    expect(await findOldFunctions(path.join(directory, 'nowhere'))).toEqual([])
  })
})
