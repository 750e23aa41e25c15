import { jest } from '@jest/globals'

/** Timeouts and intervals stand still until the test moves them; all else goes on, sockets above all. */
export function fakeTimeouts(): void {
  jest.useFakeTimers({
    doNotFake: [
      'Date',
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
    ],
  })
}
