import { expect, test } from '@jest/globals'
import { exerciseRequestAndResponse, warmUpWhenIdle } from '../../src/warmUp.ts'

/** A worker whose idle moments the test gives. */
function worker() {
  const waiting: (() => void)[] = []
  const asked: number[] = []
  return {
    asked,
    waitForIdle: (milliseconds: number) =>
      new Promise<void>((resolve) => {
        asked.push(milliseconds)
        waiting.push(resolve)
      }),
    idle: async () => {
      waiting.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('each step waits for the worker to be idle, and for the step before it', async () => {
  const { idle, waitForIdle, asked } = worker()
  const done: string[] = []
  let finishFirst: () => void = () => undefined
  const first = () =>
    new Promise<void>((resolve) => {
      done.push('first')
      finishFirst = resolve
    })
  const warmedUp = warmUpWhenIdle([first, () => done.push('second')], waitForIdle)
  expect(done).toStrictEqual([])
  await idle()
  expect(done).toStrictEqual(['first'])
  await idle()
  expect(done).toStrictEqual(['first'])
  finishFirst()
  await idle()
  await idle()
  expect(done).toStrictEqual(['first', 'second'])
  await warmedUp
  // Longer before the first: while an instance starts, messages follow each other with short gaps.
  expect(asked[0]).toBeGreaterThan(asked[1] ?? 0)
})

test('a step that fails is skipped', async () => {
  const done: string[] = []
  await warmUpWhenIdle(
    [
      () => {
        throw new Error('no storage')
      },
      () => Promise.reject(new Error('no storage')),
      () => done.push('next'),
    ],
    () => Promise.resolve(),
  )
  expect(done).toStrictEqual(['next'])
})

test('an event loop that is busy is not idle, and one that waits is', async () => {
  const done: string[] = []
  let busyTurns = 0
  const work = () => {
    const end = performance.now() + 5
    while (performance.now() < end);
    if (++busyTurns < 20) setImmediate(work)
    else done.push('busy is over')
  }
  setImmediate(work)
  await warmUpWhenIdle([() => done.push('step')])
  expect(done).toStrictEqual(['busy is over', 'step'])
})

test('a body of JSON is taken through a request and a response, without a server', async () => {
  const { Response: RealResponse } = globalThis
  const chunks: string[] = []
  const types: (string | null)[] = []
  globalThis.Response = class extends RealResponse {
    constructor(body?: ConstructorParameters<typeof RealResponse>[0], init?: ResponseInit) {
      const seen = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          chunks.push(new TextDecoder().decode(chunk))
          controller.enqueue(chunk)
        },
      })
      super(new RealResponse(body).body?.pipeThrough(seen), init)
      types.push(this.headers.get('content-type'))
    }
  }
  try {
    await exerciseRequestAndResponse()
  } finally {
    globalThis.Response = RealResponse
  }
  expect({ chunks, types }).toStrictEqual({ chunks: ['{}'], types: ['application/json'] })
})
