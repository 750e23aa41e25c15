import { readFile } from 'node:fs/promises'
import { describe, expect, it, test } from '@jest/globals'
import { problemOf, problemResponse } from '../../src/http/problem.ts'
import { failureOf } from '../../src/log.ts'
import {
  BodyTooLargeError,
  FAILURES,
  InvalidOrderError,
  LineTooLongError,
  MalformedJsonError,
  OrderConflictError,
  OrderError,
  OrderNotFoundError,
  StorageUnavailableError,
  UnreadableRecordError,
  UnsupportedEncodingError,
} from '../../src/orders/errors.ts'

// One row for each kind of failure: the response, the log and the README say what the row says.

const kinds = Object.values(FAILURES)

// They are made inside of the tests: what is made outside of them, a mutation test does not see.
const ERRORS: readonly (readonly [string, () => Error, keyof typeof FAILURES])[] = [
  ['MalformedJsonError', () => new MalformedJsonError('no JSON'), 'malformedJson'],
  ['OrderNotFoundError', () => new OrderNotFoundError(), 'orderNotFound'],
  ['OrderConflictError', () => new OrderConflictError('a1'), 'orderConflict'],
  ['BodyTooLargeError', () => new BodyTooLargeError(), 'bodyTooLarge'],
  ['LineTooLongError', () => new LineTooLongError(), 'bodyTooLarge'],
  ['UnsupportedEncodingError', () => new UnsupportedEncodingError(), 'unsupportedEncoding'],
  [
    'InvalidOrderError',
    () => new InvalidOrderError([{ pointer: '/item', detail: 'is required' }]),
    'invalidOrder',
  ],
  ['StorageUnavailableError', () => new StorageUnavailableError('a1', undefined), 'storageUnavailable'],
  ['UnreadableRecordError', () => new UnreadableRecordError('a1', ['status']), 'internalError'],
  ['any other error', () => new TypeError('a bug'), 'internalError'],
]

describe.each(ERRORS)('%s', (className, make, name) => {
  const { status, type, title, outcome } = FAILURES[name]

  it('has the name of its class', () => {
    const error = make()
    expect(error.name).toBe(error.constructor.name)
    if (error instanceof OrderError) expect(error.name).toBe(className)
  })

  it('is the problem and the outcome of its row', () => {
    const error = make()
    expect(problemOf(error)).toMatchObject({ status, type, title })
    expect(failureOf(error).outcome).toBe(outcome)
  })
})

test('every kind of failure has an error', () => {
  expect(new Set(ERRORS.map(([, , name]) => name))).toStrictEqual(new Set(Object.keys(FAILURES)))
})

describe('a problem says what the client can use', () => {
  const details = (error: Error) => {
    const { type: _type, title: _title, status: _status, ...rest } = problemOf(error)
    return rest
  }

  test.each<[string, () => Error, object]>([
    [
      'MalformedJsonError',
      () => new MalformedJsonError('The text is not valid JSON.'),
      { detail: 'The text is not valid JSON.' },
    ],
    ['OrderNotFoundError', () => new OrderNotFoundError(), { detail: 'There is no order with this id.' }],
    [
      'OrderConflictError',
      () => new OrderConflictError('a1'),
      {
        id: 'a1',
        detail: 'Another order already has the id a1, with other content. Use a new id for a new order.',
      },
    ],
    [
      'BodyTooLargeError',
      () => new BodyTooLargeError(),
      { detail: 'The body may be at most 32768 bytes long.' },
    ],
    [
      'UnsupportedEncodingError',
      () => new UnsupportedEncodingError(),
      { detail: 'The body must be sent as it is: without Content-Encoding, or with identity.' },
    ],
    [
      'StorageUnavailableError',
      () => new StorageUnavailableError('a1', new Error('SECRET')),
      {
        id: 'a1',
        detail:
          'Storage is unavailable, so the outcome of order a1 is unknown. A retry with the same id is safe.',
      },
    ],
    [
      'InvalidOrderError',
      () => new InvalidOrderError([{ pointer: '/item', detail: 'is required', logged: 'something else' }]),
      { errors: [{ pointer: '/item', detail: 'is required' }] },
    ],
  ])('%s', (_, make, expected) => {
    expect(details(make())).toStrictEqual(expected)
  })
})

test.each(ERRORS)('the response about %s has the headers that its status asks for', (_, make) => {
  const problem = problemOf(make())
  expect(problemResponse(problem)).toStrictEqual({
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(problem.status === 503 && { 'retry-after': '1' }),
      // RFC 9110 §15.5.16: which coding it may have instead.
      ...(problem.status === 415 && { 'accept-encoding': 'identity' }),
    },
    jsonBody: problem,
  })
})

describe('an invalid order', () => {
  const faults = [
    { pointer: '/item', detail: 'is required' },
    { pointer: '', detail: 'must be an object' },
    { pointer: '/SECRET', detail: 'is unknown', logged: 'an unknown field' },
    { pointer: '/SECRET2', detail: 'is unknown', logged: 'an unknown field' },
  ]

  it('has every fault in its message', () => {
    expect(new InvalidOrderError(faults).message).toBe(
      'The order is not valid: /item is required; must be an object; /SECRET is unknown; /SECRET2 is unknown.',
    )
  })

  it('has each fault once in the log, and nothing that the sender made up', () => {
    expect(failureOf(new InvalidOrderError(faults)).reason).toBe(
      'The order is not valid: /item is required; must be an object; an unknown field (2 times).',
    )
  })
})

test('the log has every cause of an outage, and nothing else of it', () => {
  const cause = new RangeError('no socket', { cause: new TypeError('no port', { cause: 'text' }) })
  const about =
    'Storage is unavailable, so the outcome of order a1 is unknown. A retry with the same id is safe.'
  expect(failureOf(new StorageUnavailableError('a1', cause))).toStrictEqual({
    outcome: 'unavailable',
    orderId: 'a1',
    reason: `${about} Cause: RangeError: no socket Cause: TypeError: no port`,
  })
  expect(failureOf(new StorageUnavailableError('a1', 'text')).reason).toBe(about)
})

test('no two kinds have the same type or outcome', () => {
  expect(new Set(kinds.map(({ type }) => type)).size).toBe(kinds.length)
  expect(new Set(kinds.map(({ outcome }) => outcome)).size).toBe(kinds.length)
})

test('what went wrong inside stays inside', () => {
  for (const error of [new TypeError('SECRET'), new UnreadableRecordError('SECRET', ['SECRET'])]) {
    expect(JSON.stringify(problemOf(error))).not.toContain('SECRET')
    expect(problemOf(error)).toStrictEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
    })
  }
})

test('a record that cannot be read is logged with its order’s id', () => {
  expect(failureOf(new UnreadableRecordError('a1', ['status', 'item']))).toStrictEqual({
    outcome: 'error',
    orderId: 'a1',
    reason: 'The stored record of order a1 cannot be read: status, item.',
  })
})

test('the README’s table has the status and type of every kind, and no other', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const rows = [...readme.matchAll(/^\| (\d{3}) +\| `([^`]+)` +\|/gm)]
  const sorted = (pairs: readonly string[]) => [...pairs].sort()
  expect(sorted(rows.map(([, status = '', type = '']) => `${status} ${type}`))).toStrictEqual(
    sorted(kinds.map(({ status, type }) => `${status} ${type}`)),
  )
})
