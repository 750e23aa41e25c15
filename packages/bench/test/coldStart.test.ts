import { expect, test } from '@jest/globals'
import path from 'node:path'
import { ROOT } from '../../../scripts/build.ts'
import { loadAndFirstCall, measureColdStart } from '../src/coldStart.ts'

// The app as `npm test` has built it, in func-local's own worker: the messages between them have to be the ones that are sent.
const start = { worker: path.join(ROOT, 'packages/func-local/dist/worker.js'), app: ROOT }

test('a cold start of the app is measured step by step, up to the response', async () => {
  const call = { function: 'hello', method: 'GET', path: '/api/hello' } as const
  const steps = await measureColdStart({ ...start, call, pauseMs: 1 })
  const { connect, init, metadata, load, firstCall } = steps
  expect([connect, init, metadata, load, firstCall].every((milliseconds) => milliseconds > 0)).toBe(true)
  expect(loadAndFirstCall(steps)).toBe(init + metadata + load + firstCall)
})

test.each([
  [
    'a call that fails',
    { function: 'order', method: 'POST', path: '/api/order', body: '{}' },
    /status was 422/,
  ],
  [
    'a function that the app lacks',
    { function: 'none', method: 'GET', path: '/api/none' },
    /no function "none"/,
  ],
] as const)('%s is no measurement', async (_, call, reason) => {
  await expect(measureColdStart({ ...start, call, pauseMs: 0 })).rejects.toThrow(reason)
})
