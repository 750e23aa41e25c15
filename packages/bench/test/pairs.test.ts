import { expect, test } from '@jest/globals'
import { measurePairs, measureRounds, pairsOf, spreadOf } from '../src/pairs.ts'

test('subjects take turns, and each goes first as often as the others', async () => {
  const order: string[] = []
  const subject = (name: string) => (round: number) => {
    if (round >= 0) order.push(name)
    return Promise.resolve(round)
  }
  const rounds = await measureRounds(6, { a: subject('a'), b: subject('b'), c: subject('c') })
  expect(order.join('')).toBe('abcbcacababcbcacab')
  expect(rounds).toHaveLength(6)
  expect(pairsOf(rounds, 'a', 'c')[4]).toStrictEqual({ ours: 4, base: 4 })
})

test('a round goes before and is not counted, unless it is not wanted', async () => {
  const rounds: number[] = []
  const subject = (round: number) => Promise.resolve(rounds.push(round))
  await measurePairs(1, subject, subject)
  expect(rounds).toStrictEqual([-1, -1, 0, 0])
  rounds.length = 0
  await measurePairs(1, subject, subject, { warmUp: false })
  expect(rounds).toStrictEqual([0, 0])
})

test('when the run is stopped, whole rounds count', async () => {
  const stopping = new AbortController()
  const subject = (round: number) => {
    if (round === 2) stopping.abort(new Error('stopped'))
    stopping.signal.throwIfAborted()
    return Promise.resolve(round)
  }
  const pairs = await measurePairs(5, subject, subject, { signal: stopping.signal })
  expect(pairs).toHaveLength(2)
})

test('median and quartiles are interpolated', () => {
  expect(spreadOf([4, 1, 3, 2])).toStrictEqual({ median: 2.5, lower: 1.75, upper: 3.25 })
})
