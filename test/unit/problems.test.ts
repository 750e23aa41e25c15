import { readFile } from 'node:fs/promises'
import { describe, expect, it, test } from '@jest/globals'
import { problemOf } from '../../src/http/problem.ts'
import { failureOf } from '../../src/log.ts'
import {
  BodyTooLargeError,
  FAILURES,
  InvalidOrderError,
  LineTooLongError,
  MalformedJsonError,
  OrderConflictError,
  OrderNotFoundError,
  StorageUnavailableError,
  UnreadableRecordError,
  UnsupportedEncodingError,
} from '../../src/orders/errors.ts'

// One row for each kind of failure: the response, the log and the README say what the row says.

const kinds = Object.values(FAILURES)

const ERRORS: readonly (readonly [string, Error, keyof typeof FAILURES])[] = [
  ['MalformedJsonError', new MalformedJsonError('no JSON'), 'malformedJson'],
  ['OrderNotFoundError', new OrderNotFoundError(), 'orderNotFound'],
  ['OrderConflictError', new OrderConflictError('a1'), 'orderConflict'],
  ['BodyTooLargeError', new BodyTooLargeError(), 'bodyTooLarge'],
  ['LineTooLongError', new LineTooLongError(), 'bodyTooLarge'],
  ['UnsupportedEncodingError', new UnsupportedEncodingError(), 'unsupportedEncoding'],
  ['InvalidOrderError', new InvalidOrderError([{ pointer: '/item', detail: 'is required' }]), 'invalidOrder'],
  ['StorageUnavailableError', new StorageUnavailableError('a1', undefined), 'storageUnavailable'],
  ['UnreadableRecordError', new UnreadableRecordError('a1', ['status']), 'internalError'],
  ['any other error', new TypeError('a bug'), 'internalError'],
]

describe.each(ERRORS)('%s', (_, error, name) => {
  const { status, type, title, outcome } = FAILURES[name]

  it('is the problem and the outcome of its row', () => {
    expect(problemOf(error)).toMatchObject({ status, type, title })
    expect(failureOf(error).outcome).toBe(outcome)
  })
})

test('every kind of failure has an error', () => {
  expect(new Set(ERRORS.map(([, , name]) => name))).toStrictEqual(new Set(Object.keys(FAILURES)))
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
