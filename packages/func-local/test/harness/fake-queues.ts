import type { Clock } from '../../src/clock.ts'
import type { MessageQueue, QueueMessage } from '../../src/storage/queues.ts'

/** Queues in memory that follow the storage service's rules for visibility and pop receipts. */
export interface FakeQueues {
  readonly open: (name: string) => Promise<MessageQueue>
  readonly put: (queue: string, text: string) => void
  /** What is in a queue, hidden or not: text, dequeue count, and for how many milliseconds it is still hidden. */
  readonly contents: (queue: string) => readonly { text: string; count: number; hiddenFor: number }[]
  /** Somebody else dequeues every message of a queue, for so many milliseconds, whether it is hidden or not. */
  readonly steal: (queue: string, milliseconds: number) => void
  readonly names: () => readonly string[]
  /** Makes an operation fail, until it is called with `undefined`; `never` leaves it without an answer. */
  readonly fail: (operation: keyof MessageQueue, error: unknown, queue?: string) => void
  readonly calls: (operation: keyof MessageQueue) => number
}

/** An operation that is never answered. */
export const NO_ANSWER = Symbol('no answer')

interface Stored {
  readonly id: string
  readonly text: string
  readonly insertedOn: Date
  receipt: number
  count: number
  visibleAt: number
}

/** Creates queues on a clock. */
export function createFakeQueues(clock: Clock): FakeQueues {
  const queues = new Map<string, Stored[]>()
  const failures = new Map<string, unknown>()
  const counted = new Map<string, number>()
  let serial = 0

  const attempt = async (operation: keyof MessageQueue, queue: string): Promise<void> => {
    counted.set(operation, (counted.get(operation) ?? 0) + 1)
    const error = failures.get(operation) ?? failures.get(`${operation} ${queue}`)
    if (error === NO_ANSWER) await new Promise(() => undefined)
    if (error !== undefined) throw error as Error
    await Promise.resolve()
  }
  const put = (queue: string, text: string): void => {
    serial += 1
    const message = {
      id: `m${serial}`,
      text,
      insertedOn: new Date(clock.wall()),
      receipt: 0,
      count: 0,
      visibleAt: 0,
    }
    queues.set(queue, [...(queues.get(queue) ?? []), message])
  }
  return {
    put,
    steal: (queue, milliseconds) => {
      for (const message of queues.get(queue) ?? []) {
        message.receipt += 1
        message.visibleAt = clock.now() + milliseconds
      }
    },
    names: () => [...queues.keys()],
    contents: (queue) =>
      (queues.get(queue) ?? []).map(({ text, count, visibleAt }) => ({
        text,
        count,
        hiddenFor: Math.max(0, visibleAt - clock.now()),
      })),
    fail: (operation, error, queue) => {
      failures.set(queue === undefined ? operation : `${operation} ${queue}`, error)
    },
    calls: (operation) => counted.get(operation) ?? 0,
    open: (name) => {
      const held = (id: string, popReceipt: string): Stored | undefined =>
        queues.get(name)?.find((message) => message.id === id && String(message.receipt) === popReceipt)
      return Promise.resolve({
        receive: async (count, leaseSeconds) => {
          await attempt('receive', name)
          const visible = (queues.get(name) ?? []).filter(({ visibleAt }) => visibleAt <= clock.now())
          return visible.slice(0, count).map((message): QueueMessage => {
            message.count += 1
            message.receipt += 1
            message.visibleAt = clock.now() + leaseSeconds * 1000
            return {
              messageId: message.id,
              popReceipt: String(message.receipt),
              messageText: message.text,
              dequeueCount: message.count,
              insertedOn: message.insertedOn,
              expiresOn: message.insertedOn,
              nextVisibleOn: message.insertedOn,
            }
          })
        },
        send: async (text) => {
          await attempt('send', name)
          put(name, text)
        },
        hide: async (id, popReceipt, seconds) => {
          await attempt('hide', name)
          const message = held(id, popReceipt)
          if (message === undefined) return undefined
          message.receipt += 1
          message.visibleAt = clock.now() + seconds * 1000
          return String(message.receipt)
        },
        remove: async (id, popReceipt) => {
          await attempt('remove', name)
          const message = held(id, popReceipt)
          queues.set(
            name,
            (queues.get(name) ?? []).filter((other) => other !== message),
          )
        },
      })
    },
  }
}
