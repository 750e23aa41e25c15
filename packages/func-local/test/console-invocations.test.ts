import { describe, expect, test } from '@jest/globals'
import { createHostRecord } from '../src/console/host-record.ts'
import { createInvocationRing } from '../src/console/invocation-ring.ts'
import { beginning, previewOf, previewOfBytes, type Redact } from '../src/console/preview.ts'
import { createInvocationFeed, type InvocationNews } from '../src/host/invocation-feed.ts'
import type { TypedData } from '../src/protocol.ts'
import { createFakeLog } from './harness/fake-log.ts'

const noRedaction: Redact = (text) => text
const LIMITS = { invocations: 3, lines: 2, characters: 10 }

describe('the latest invocations', () => {
  function start(limits = LIMITS, redact: Redact = noRedaction) {
    const feed = createInvocationFeed()
    const ring = createInvocationRing(feed, redact, limits)
    const tell = (
      invocationId: string,
      news: Omit<InvocationNews, 'invocationId' | 'functionName'>,
    ): void => {
      feed.publish({ invocationId, functionName: `fn-${invocationId}`, ...news } as InvocationNews)
    }
    const begin = (id: string): void => {
      tell(id, { kind: 'began', reason: 'because', at: new Date(1000) } as InvocationNews)
    }
    const end = (id: string, changes: Partial<InvocationNews & { kind: 'ended' }> = {}): void => {
      const ended = { kind: 'ended', error: undefined, returnValue: undefined, milliseconds: 7, ...changes }
      tell(id, ended as InvocationNews)
    }
    const log = (id: string, message: string): void => {
      tell(id, { kind: 'log', level: 'information', message } as InvocationNews)
    }
    const output = (id: string, name: string, value: TypedData, isWritten = true): void => {
      tell(id, { kind: 'output', output: { name, type: 'queue', value, isWritten } } as InvocationNews)
    }
    const ids = (revision = 0): string[] => ring.changedSince(revision).map(({ id }) => id)
    return { ring, begin, end, log, output, ids }
  }

  test('one is there from its begin, and changes with its log, its outputs and its end', () => {
    const { ring, begin, end, log, output } = start({ ...LIMITS, characters: 100 })
    begin('a')
    expect(ring.changedSince(0)).toEqual([
      {
        ...{ id: 'a', functionName: 'fn-a', startedAt: 1000, outcome: 'running', milliseconds: undefined },
        ...{ status: undefined, lines: 0, outputs: 0, gist: '' },
      },
    ])
    log('a', 'first\nsecond')
    output('a', 'sent', { json: '{"n":1}' }, false)
    end('a', { returnValue: { http: { statusCode: '201' } } })
    expect(ring.find('a')).toEqual({
      ...{ id: 'a', functionName: 'fn-a', startedAt: 1000, outcome: 'succeeded', milliseconds: 7 },
      ...{ status: '201', lines: 1, outputs: 1, gist: 'first', reason: 'because', linesLeftOut: 0 },
      logs: [{ level: 'information', message: 'first\nsecond' }],
      outputValues: [
        {
          ...{ name: 'sent', type: 'queue', isWritten: false },
          value: { text: '{"n":1}', isHex: false, size: 7, isCut: false },
        },
      ],
      returned: undefined,
      error: undefined,
    })
  })

  test('a failed one shows its error first', () => {
    const { ring, begin, end, log } = start()
    begin('a')
    log('a', 'before')
    end('a', { error: { message: 'it broke\nbadly', stackTrace: 'at x' } })
    begin('b')
    end('b', { error: { message: 'without a stack' } })
    expect(ring.changedSince(0)).toMatchObject([
      { outcome: 'failed', gist: 'it broke' },
      { outcome: 'failed', gist: 'without a stack' },
    ])
    expect(ring.find('a')?.error).toEqual({ message: 'it broke\nbadly', stack: 'at x' })
    expect([ring.total(), ring.failed()]).toEqual([2, 2])
  })

  test('a returned value is shown, unless it is a response or an output', () => {
    const { ring, begin, end, output } = start()
    begin('a')
    end('a', { returnValue: { string: 'done' } })
    expect(ring.find('a')?.returned?.text).toBe('done')
    begin('b')
    output('b', '$return', { string: 'done' })
    end('b', { returnValue: { string: 'done' } })
    expect(ring.find('b')?.returned).toBeUndefined()
  })

  test('the latest stay, and one that was pushed out comes back with its end', () => {
    const { ring, begin, end, log, ids } = start()
    for (const id of ['a', 'b', 'c', 'd']) begin(id)
    expect(ids()).toEqual(['b', 'c', 'd'])
    log('a', 'nobody keeps this')
    expect(ids()).toEqual(['b', 'c', 'd'])
    end('a', { error: { message: 'late' } })
    expect(ring.changedSince(0)).toMatchObject([{ id: 'c' }, { id: 'd' }, { id: 'a', gist: 'late' }])
    expect(ring.total()).toBe(4)
    expect(ring.find('b')).toBeUndefined()
  })

  test('those that run are known, also when the end of others is no longer kept', () => {
    const { ring, begin, end } = start()
    for (const id of ['a', 'b', 'c']) begin(id)
    end('a')
    end('b')
    expect(ring.running()).toEqual(['c'])
    for (const id of ['d', 'e', 'f']) begin(id)
    expect(ring.running()).toEqual(['d', 'e', 'f'])
    end('c')
    expect(ring.running()).toEqual(['e', 'f'])
  })

  test('only those that have changed are told again', () => {
    const { ring, begin, end, ids } = start()
    let changes = 0
    ring.watch(() => changes++)
    begin('a')
    begin('b')
    const known = ring.revision()
    expect(ids(known)).toEqual([])
    end('a')
    expect(ids(known)).toEqual(['a'])
    expect(changes).toBe(3)
    ring.watch(undefined)
    end('b')
    expect(changes).toBe(3)
  })

  test('of a log so many lines and characters are kept, the others are counted', () => {
    const { ring, begin, log } = start()
    begin('a')
    log('a', '123456')
    log('a', '123456')
    log('a', 'x')
    log('a', 'y')
    const details = ring.find('a')
    expect(details?.logs.map(({ message }) => message)).toEqual(['123456', '1234 …'])
    expect([details?.linesLeftOut, details?.lines]).toEqual([2, 4])
    begin('b')
    for (const line of ['1', '2', '3']) log('b', line)
    expect(ring.find('b')).toMatchObject({ linesLeftOut: 1, logs: [{ message: '1' }, { message: '2' }] })
  })

  test('of outputs so many are kept', () => {
    const { ring, begin, output } = start()
    begin('a')
    for (let n = 0; n < 30; n++) output('a', `o${n}`, { string: '' })
    expect(ring.find('a')?.outputValues).toHaveLength(20)
  })

  test('secrets are hidden in everything that is read', () => {
    const { ring, begin, end, log, output } = start({ ...LIMITS, characters: 100 }, (text) =>
      text.replaceAll('secret', '***'),
    )
    begin('a')
    log('a', 'a secret')
    output('a', 'o', { string: 'a secret' })
    end('a', {
      error: { message: 'a secret', stackTrace: 'a secret' },
      returnValue: { string: 'a secret' },
    })
    expect(JSON.stringify([ring.changedSince(0), ring.find('a')])).not.toContain('secret')
    expect(ring.find('a')?.returned?.text).toBe('a ***')
  })

  test('a secret where a text is cut is hidden whole', () => {
    const secret = 'K'.repeat(48)
    const { ring, begin, end, log, output } = start({ ...LIMITS, characters: 100 }, (text) =>
      text.replaceAll(secret, '***'),
    )
    // Of the secret 40 characters are before the cut.
    const before = (cut: number): string => '-'.repeat(cut - 40) + secret
    begin('a')
    log('a', before(100))
    output('a', 'text', { string: before(4096) })
    output('a', 'bytes', { bytes: Buffer.from(before(4096)) })
    end('a', {
      error: { message: before(4096), stackTrace: before(4096) },
      returnValue: { string: before(4096) },
    })
    expect(JSON.stringify([ring.changedSince(0), ring.find('a')])).not.toContain('K')
    const { logs, outputValues, returned, error } = ring.find('a') ?? {}
    expect([logs?.[0]?.message, outputValues?.[1]?.value.text, returned?.text, error?.stack]).toEqual(
      [60, 4056, 4056, 4056].map((length) => '-'.repeat(length) + '***'),
    )
    expect(outputValues?.[0]?.value).toMatchObject({ size: 4104, isCut: false })
  })
})

describe('the beginning of a value', () => {
  test('a text is cut between characters', () => {
    expect(beginning('abc', 3)).toBe('abc')
    expect(beginning('ab😀', 3)).toBe('ab')
    expect(previewOf({ string: 'ü'.repeat(5000) }, noRedaction)).toEqual({
      ...{ text: 'ü'.repeat(4096), size: 10_000, isHex: false, isCut: true },
    })
  })

  test('bytes are text where they are, else hexadecimal', () => {
    expect(previewOf({ bytes: Buffer.from('ü') }, noRedaction)).toMatchObject({ text: 'ü', isHex: false })
    expect(previewOfBytes(Buffer.from([0xff, 1]), noRedaction)).toEqual({
      ...{ text: 'ff01', isHex: true, size: 2, isCut: false },
    })
    const long = previewOfBytes(Buffer.alloc(300, 0xff), noRedaction)
    expect([long.text.length, long.size, long.isCut]).toEqual([512, 300, true])
  })
})

test('the host’s lines are written and kept, without secrets, the latest fifty', () => {
  const log = { ...createFakeLog(), redact: (text: string) => text.replaceAll('secret', '***') }
  let now = 0
  let changes = 0
  const record = createHostRecord(log, () => ++now)
  record.watch(() => changes++)
  record.log.info('started')
  record.log.warn('with a secret')
  record.log.error('x'.repeat(10_000))
  record.log.write('Function.a', 'error', 'of an invocation')
  expect(log.lines.slice(0, 2)).toEqual(['information started', 'warning with a secret'])
  expect(log.lines).toHaveLength(4)
  expect(record.entries().map(({ id, at, level, text }) => [id + at, level, text.length])).toEqual([
    ...[[2, 'information', 7], [4, 'warning', 10], [6, 'error', 8192]],
  ]) // prettier-ignore
  expect(changes).toBe(3)
  record.watch(undefined)
  for (let n = 0; n < 60; n++) record.log.info(String(n))
  expect(record.entries()).toHaveLength(50)
  expect(record.entries().at(-1)?.text).toBe('59')
  expect(changes).toBe(3)
})
