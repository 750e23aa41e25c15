import { expect, test } from '@jest/globals'
import { accountWalls, sustainedRate, WAYS_IN } from '../src/azureLimits.ts'
import { peakOf, simulate, type Scenario } from '../src/scalingModel.ts'

const scenario: Scenario = {
  load: (second) => (second < 60 ? 2000 : 0),
  walls: accountWalls(WAYS_IN.pushed),
  perInstance: 400,
  scaling: { least: 1, most: 40, messagesPerInstance: 16, atATime: 4, everySeconds: 30 },
  seconds: 600,
}

test('more queues move the wall of the queue, until the account is the narrower one', () => {
  const rates = (way: keyof typeof WAYS_IN) =>
    [1, 4, 8, 32].map((queues) => sustainedRate(accountWalls(WAYS_IN[way], queues)))
  expect(rates('pushed').map(({ wall }) => wall)).toStrictEqual(['queue', 'queue', 'account', 'account'])
  expect(rates('pushed').map(({ perSecond }) => Math.round(perSecond))).toStrictEqual([667, 2667, 5000, 5000])
  expect(rates('accepted').map(({ perSecond }) => Math.round(perSecond))).toStrictEqual([
    667, 2500, 2500, 2500,
  ])
  expect(new Set(rates('http').map(({ perSecond }) => perSecond))).toStrictEqual(new Set([20_000]))
})

test('each queue has instances of its own, up to the maximum', () => {
  const most = (queues: number) =>
    Math.max(
      ...simulate({ ...scenario, walls: [], perInstance: 1, queues }).map(({ instances }) => instances),
    )
  expect(most(1)).toBe(40)
  expect(most(4)).toBe(160)
  const first = simulate({ ...scenario, queues: 4 })[0]
  expect(first?.instances).toBe(4 * (1 + 4))
})

test('a spike over the wall of one queue leaves no backlog on four', () => {
  expect(peakOf(simulate(scenario)).backlog).toBeGreaterThan(50_000)
  expect(peakOf(simulate({ ...scenario, walls: accountWalls(WAYS_IN.pushed, 4), queues: 4 })).backlog).toBe(0)
})
