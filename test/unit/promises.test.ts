import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { OrderConflictError, StorageUnavailableError } from '../../src/orders/errors.ts'
import { sameContent, type Order, type OrderRecord } from '../../src/orders/order.ts'
import { createService, type OrderService } from '../../src/orders/service.ts'
import type { OrderRecords, StoredOrder } from '../../src/orders/ports.ts'
import { casesOf } from '../support/cases.ts'

// The promises of the service under every interleaving that fast-check's scheduler finds: clients that place and accept
// orders, messages from other systems, and two processors, on storage in which every step can fail in the ways of real
// storage and its client library.

/**
 * What can happen to one storage request: it succeeds; it is refused; it succeeds but its response is lost; the client library
 * retries it because the first response was lost; the caller dies before or after it.
 */
const FAULTS = ['none', 'refused', 'lost', 'twice', 'dies before', 'dies after'] as const
type Fault = (typeof FAULTS)[number]

const MAX_DEQUEUE_COUNT = 3

interface Message {
  readonly bytes: Uint8Array
  readonly messageId: string
  dequeueCount: number
  leased: boolean
}

class World {
  readonly table = new Map<string, StoredOrder>()
  readonly queue: Message[] = []
  readonly poison: Uint8Array[] = []
  faultsOn = true
  private readonly schedule: (label: string) => Promise<void>
  private readonly faults: Iterator<Fault>
  private time = Date.parse('2026-01-02T12:00:00Z')
  private versions = 0
  private messages = 0

  constructor(scheduler: fc.Scheduler, faults: Iterator<Fault>) {
    this.schedule = (label) => scheduler.schedule(Promise.resolve(), label)
    this.faults = faults
  }

  /** The clocks of two instances differ, so time can go back. */
  now(): Date {
    this.time += this.time % 3 === 0 ? -1400 : 1000
    return new Date(this.time)
  }

  /** Writes a record and checks promise 1: absent → accepted → processed, one content, never changed. */
  write(record: OrderRecord): void {
    const before = this.table.get(record.id)?.record
    if (before !== undefined) {
      expect(before.status).toBe('accepted')
      expect(record.status).toBe('processed')
      expect(sameContent(before, record)).toBe(true)
      expect(record).toMatchObject({ acceptedAt: before.status === 'accepted' ? before.acceptedAt : '' })
    }
    if (record.status === 'processed' && record.acceptedAt !== undefined) {
      expect(record.processedAt >= record.acceptedAt).toBe(true)
    }
    this.table.set(record.id, { record, etag: `v${++this.versions}` })
  }

  push(bytes: Uint8Array): void {
    this.queue.push({ bytes, messageId: `m${++this.messages}`, dequeueCount: 0, leased: false })
  }

  /** One storage request, with everything that can happen to it. `onDeath` is called if the caller dies. */
  private async request<T>(label: string, act: () => T, onDeath: () => void): Promise<T> {
    const fault = this.faultsOn ? (this.faults.next().value as Fault) : 'none'
    await this.schedule(`${label} (${fault})`)
    if (fault === 'refused') throw new Error('refused')
    if (fault === 'dies before') return this.die(onDeath)
    let result = act()
    if (fault === 'twice') {
      await this.schedule(`${label}, again`)
      result = act()
    }
    if (fault === 'dies after') return this.die(onDeath)
    await this.schedule(`${label}, answered`)
    if (fault === 'lost') throw new Error('answer lost')
    return result
  }

  private die<T>(onDeath: () => void): Promise<T> {
    onDeath()
    return new Promise<T>(() => undefined)
  }

  /** The service in one instance, for one call. */
  service(onDeath: () => void): OrderService {
    const write = async (label: string, act: () => boolean) => {
      try {
        if (await this.request(label, act, onDeath)) return { written: true } as const
        return { written: false, cause: new Error('exists or changed') } as const
      } catch (cause) {
        return { written: false, cause } as const
      }
    }
    const records: OrderRecords = {
      read: (id) => this.request(`read ${id}`, () => this.table.get(id), onDeath),
      create: (record) =>
        write(`create ${record.id} ${record.status}`, () => {
          if (this.table.has(record.id)) return false
          this.write(record)
          return true
        }),
      replace: (record, etag) =>
        write(`replace ${record.id}`, () => {
          if (this.table.get(record.id)?.etag !== etag) return false
          this.write(record)
          return true
        }),
    }
    return createService({
      records,
      queues: {
        send: (bytes) =>
          this.request(
            'send',
            () => {
              this.push(bytes)
            },
            onDeath,
          ),
        poison: (bytes) =>
          this.request(
            'poison',
            () => {
              this.poison.push(bytes)
            },
            onDeath,
          ),
      },
      now: () => this.now(),
      newId: () => 'made',
    })
  }

  /** One delivery by the host: the message is deleted only after the handler has returned, and may be delivered twice. */
  async deliver(message: Message): Promise<void> {
    message.dequeueCount++
    if (message.dequeueCount > MAX_DEQUEUE_COUNT) {
      // The last consumer died: the host does not deliver it again.
      this.poison.push(message.bytes)
      this.remove(message)
      return
    }
    message.leased = true
    const death = Promise.withResolvers<'died'>()
    const processing = this.service(() => {
      death.resolve('died')
    }).process({
      message: message.bytes,
      messageId: message.messageId,
      last: message.dequeueCount >= MAX_DEQUEUE_COUNT,
    })
    const outcome = await Promise.race([processing.catch(() => 'threw' as const), death.promise])
    message.leased = false
    if (outcome === 'died') return
    if (outcome === 'threw') {
      // The host's own poison copy, after the last delivery.
      if (message.dequeueCount >= MAX_DEQUEUE_COUNT) {
        this.poison.push(message.bytes)
        this.remove(message)
      }
      return
    }
    // Promise 4: it leaves the queue only if it is processed or its exact bytes are on the poison queue.
    if (outcome.outcome === 'processed') {
      expect(this.table.get(outcome.order.id)?.record).toStrictEqual(outcome.order)
      expect(sameContent(outcome.order, parsed(message.bytes))).toBe(true)
    } else {
      expect(this.poison).toContain(message.bytes)
    }
    this.remove(message)
  }

  private remove(message: Message): void {
    const index = this.queue.indexOf(message)
    if (index >= 0) this.queue.splice(index, 1)
  }
}

function parsed(bytes: Uint8Array): Order {
  const order = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Order>
  return { id: order.id ?? '', item: order.item ?? '', quantity: order.quantity ?? 1 }
}

type Answer =
  | { readonly way: 'place' | 'accept'; readonly order: Order; readonly record: OrderRecord }
  | { readonly order: Order; readonly conflict: true }
  | undefined

const orderArbitrary = fc.record({
  id: fc.constantFrom('a', 'b'),
  item: fc.constantFrom('x', 'y'),
  quantity: fc.constant(1),
})

const actionArbitrary = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('place' as const, 'accept' as const),
      order: orderArbitrary,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('push' as const), order: orderArbitrary }) },
)

const faultArbitrary = fc.oneof(
  { weight: 5, arbitrary: fc.constant('none' as const) },
  { weight: 3, arbitrary: fc.constantFrom(...FAULTS) },
)

test('every promise holds, whatever the interleaving and the failures', async () => {
  const numRuns = casesOf(4000)
  let conflicts = 0
  let acknowledged = 0
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(actionArbitrary, { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(faultArbitrary),
      fc.infiniteStream(fc.nat(3)),
      async (scheduler, actions, faults, picks) => {
        const world = new World(scheduler, faults)
        const answers: Answer[] = []

        const clients = actions.map(async (action) => {
          const { order } = action
          if (action.kind === 'push') {
            world.push(new TextEncoder().encode(JSON.stringify(order)))
            return
          }
          const gone = Promise.withResolvers<undefined>()
          const service = world.service(() => {
            gone.resolve(undefined)
          })
          const call = service[action.kind](order).then(
            (record): Answer => ({ way: action.kind, order, record }),
            (error: unknown): Answer => {
              if (error instanceof OrderConflictError) return { order, conflict: true }
              expect(error).toBeInstanceOf(StorageUnavailableError)
              return undefined
            },
          )
          answers.push(await Promise.race([call, gone.promise]))
        })
        const processors = [1, 2].map(async (name) => {
          for (let round = 0; round < 5; round++) {
            await scheduler.schedule(Promise.resolve(), `processor ${name}`)
            const pick = picks.next().value as number
            // A lease can expire while its holder is still running: pick 0 delivers a leased message anyway.
            const message = world.queue.find(({ leased }) => pick === 0 || !leased)
            if (message !== undefined) await world.deliver(message)
          }
        })
        const all = Promise.all([...clients, ...processors])
        await scheduler.waitFor(all)

        // Storage works again, and the host continues until the queue is empty.
        world.faultsOn = false
        const drained = (async () => {
          for (let message = world.queue[0]; message !== undefined; message = world.queue[0]) {
            await world.deliver(message)
          }
        })()
        await scheduler.waitFor(drained)

        for (const answer of answers) {
          if (answer === undefined) continue
          const { order } = answer
          const record = world.table.get(order.id)?.record
          if (record === undefined)
            throw new Error('an order was acknowledged or refused, and there is no record')
          if ('conflict' in answer) {
            conflicts++
            expect(sameContent(record, order)).toBe(false)
            continue
          }
          acknowledged++
          expect(sameContent(record, order)).toBe(true)
          expect(sameContent(answer.record, order)).toBe(true)
          // Promise 3: a record that was returned as processed never changes, byte for byte.
          if (answer.record.status === 'processed') {
            expect(JSON.stringify(record)).toBe(JSON.stringify(answer.record))
          } else if (record.status === 'processed') {
            expect(record.acceptedAt).toBe(answer.record.acceptedAt)
          } else {
            // Promise 2: an accepted order is processed, or its message is on the poison queue.
            expect(
              world.poison.map(parsed).some((other) => other.id === order.id && sameContent(other, order)),
            ).toBe(true)
          }
        }
      },
    ),
    { numRuns },
  )
  // The runs covered every case.
  expect(conflicts).toBeGreaterThan(numRuns / 40)
  expect(acknowledged).toBeGreaterThan(numRuns / 4)
}, 120_000)
