import { expect, test } from '@jest/globals'
import { setImmediate as turn } from 'node:timers/promises'
import { inOrder } from '../../../src/imports/inOrder.ts'

/** Work whose items come, and end, when the test says. The first letter of an item is its key; `-` stands for none. */
function controlled(concurrency: number) {
  const begun: string[] = []
  const done: string[] = []
  const ends = new Map<string, PromiseWithResolvers<string>>()
  const waiting: string[] = []
  let ended = false
  let more = Promise.withResolvers<undefined>()
  async function* stream(): AsyncGenerator<string> {
    for (;;) {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) yield item
      if (ended) return
      await more.promise
      more = Promise.withResolvers()
    }
  }
  const result = inOrder(stream(), {
    concurrency,
    keyOf: (item) => (item.startsWith('-') ? undefined : item.charAt(0)),
    run: (item) => {
      begun.push(item)
      const end = Promise.withResolvers<string>()
      ends.set(item, end)
      return end.promise
    },
    done: (item) => {
      done.push(item)
    },
  })
  return {
    begun,
    done,
    result,
    give: async (...items: readonly string[]) => {
      waiting.push(...items)
      more.resolve(undefined)
      await turn()
    },
    finish: async (item: string) => {
      ends.get(item)?.resolve(item)
      await turn()
    },
    fail: async (item: string, error: Error) => {
      ends.get(item)?.reject(error)
      await turn()
    },
    end: async () => {
      ended = true
      more.resolve(undefined)
      await turn()
    },
  }
}

test('items with the same key wait for the one before them, and no others do', async () => {
  const { begun, done, give, finish, end, result } = controlled(10)
  await give('a1', 'a2', 'b1', '-1', '-2', 'a3')
  expect(begun).toStrictEqual(['a1', 'b1', '-1', '-2'])
  await finish('a1')
  expect(begun.slice(4)).toStrictEqual(['a2'])
  // It comes when the first is done and the second is not.
  await give('a4')
  await finish('a2')
  expect(begun.slice(5)).toStrictEqual(['a3'])
  await finish('a3')
  expect(begun.slice(6)).toStrictEqual(['a4'])
  for (const item of ['-2', '-1', 'b1', 'a4']) await finish(item)
  await end()
  await result
  expect(done).toStrictEqual(['a1', 'a2', 'b1', '-1', '-2', 'a3', 'a4'])
})

test('no more items are worked on at a time than may be', async () => {
  const { begun, give, finish, end, result } = controlled(2)
  await give('a', 'b', 'c', 'd')
  expect(begun).toStrictEqual(['a', 'b'])
  await finish('b')
  expect(begun).toStrictEqual(['a', 'b', 'c'])
  await finish('c')
  await finish('d')
  await finish('a')
  await end()
  await result
})

test('after a failure nothing is begun any more, and what has begun is waited for', async () => {
  const { begun, done, give, finish, fail, result } = controlled(3)
  const failure = result.then(
    () => 'ended',
    (error: unknown) => error,
  )
  let isOver = false
  void failure.then(() => (isOver = true))
  await give('a1', 'a2', 'b1', 'c1')
  const down = new Error('down')
  await fail('a1', down)
  expect(begun).toStrictEqual(['a1', 'b1'])
  expect(isOver).toBe(false)
  await finish('b1')
  expect(await failure).toBe(down)
  expect(begun).toStrictEqual(['a1', 'b1'])
  // Nothing is handed out before what comes first in the stream.
  expect(done).toStrictEqual([])
})

test('a stream runs ahead of a slow item by 16 times what runs at a time, and no further', async () => {
  const begun: number[] = []
  const slow = Promise.withResolvers<undefined>()
  async function* endless(): AsyncGenerator<number> {
    for (let number = 0; number < 1000; number++) {
      await Promise.resolve()
      yield number
    }
  }
  const results: number[] = []
  const result = inOrder(endless(), {
    concurrency: 2,
    keyOf: () => undefined,
    run: async (number) => {
      begun.push(number)
      if (number === 0) await slow.promise
      return number
    },
    done: (number) => {
      results.push(number)
    },
  })
  for (let turns = 0; turns < 100; turns++) await turn()
  expect(begun).toHaveLength(32)
  slow.resolve(undefined)
  await result
  expect(results).toStrictEqual(Array.from({ length: 1000 }, (_, number) => number))
})
