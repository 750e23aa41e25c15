import { InvocationContext } from '@azure/functions'
import { describe, expect, it, test } from '@jest/globals'
import { jsonLine } from '../../src/jsonLine.ts'
import { failureOf, logLine, logOrder, type OrderEvent } from '../../src/log.ts'
import { BodyTooLargeError, OrderConflictError } from '../../src/orders/errors.ts'

test('a line of the log has no character that ends it or steers a terminal, and is the same JSON', () => {
  const value = { text: 'é \u0000\n\u001b[2K\u007f\u0085\u009f\u2028\u2029 x' }
  const line = jsonLine(value)
  expect(line).toBe(String.raw`{"text":"é \u0000\n\u001b[2K\u007f\u0085\u009f\u2028\u2029 x"}`)
  expect(JSON.parse(line)).toStrictEqual(value)
})

test('a line about an order has what is known of it, in one order', () => {
  expect(
    logLine({
      reason: 'r',
      queuedForMs: 5,
      dequeueCount: 2,
      messageId: 'm1',
      orderId: 'a1',
      via: 'queue',
      outcome: 'poisoned',
    }),
  ).toBe(
    '{"event":"order","outcome":"poisoned","via":"queue","orderId":"a1","messageId":"m1","dequeueCount":2,"queuedForMs":5,"reason":"r"}',
  )
  expect(logLine({ outcome: 'processed', via: 'http' })).toBe(
    '{"event":"order","outcome":"processed","via":"http"}',
  )
})

test('a reason is cut after 2,000 characters', () => {
  const reasonOf = (reason: string) =>
    (JSON.parse(logLine({ outcome: 'error', via: 'http', reason })) as { reason: string }).reason
  expect(reasonOf('x'.repeat(2000))).toHaveLength(2000)
  expect(reasonOf(`${'x'.repeat(2000)}y`)).toBe('x'.repeat(2000))
})

describe('the level of a line tells who must look at it', () => {
  it.each<[OrderEvent['outcome'], string]>([
    ['processed', 'information'],
    ['accepted', 'information'],
    ['conflict', 'information'],
    ['invalid', 'information'],
    ['poisoned', 'warning'],
    ['unavailable', 'error'],
    ['error', 'error'],
  ])('%s: %s', (outcome, level) => {
    const lines: unknown[] = []
    const context = new InvocationContext({ logHandler: (...entry) => lines.push(entry) })
    logOrder(context, { outcome, via: 'http' })
    expect(lines).toStrictEqual([[level, logLine({ outcome, via: 'http' })]])
  })
})

describe('what an error says of an order', () => {
  it('is its kind, its order where that is known, and the reason', () => {
    expect(failureOf(new OrderConflictError('a1'))).toStrictEqual({
      outcome: 'conflict',
      orderId: 'a1',
      reason: expect.stringContaining('a1'),
    })
    expect(failureOf(new BodyTooLargeError())).toStrictEqual({
      outcome: 'too-large',
      reason: 'The body may be at most 32768 bytes long.',
    })
  })

  it('is all that is known of a bug, where it was thrown as well', () => {
    expect(failureOf(new TypeError('a bug', { cause: 'odd' }))).toStrictEqual({
      outcome: 'error',
      reason: expect.stringMatching(/^TypeError: a bug\n +at [^]*\[cause\]: 'odd'/),
    })
    expect(failureOf('text')).toStrictEqual({ outcome: 'error', reason: "'text'" })
  })
})
