import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import type { QueueClient } from '@azure/storage-queue'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { createService, type OrderService } from '../../src/orders/service.ts'
import { azureStorage } from '../../src/storage/azure.ts'
import { endOf, startScript } from '../support/script.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

// Each command runs as a process.
jest.setTimeout(60_000)

let azurite: Azurite
let storage: TestStorage
let service: OrderService

beforeAll(async () => {
  azurite = await startAzurite({})
  storage = testStorage(azurite.connectionString)
  const ports = await azureStorage({ AzureWebJobsStorage: azurite.connectionString })
  service = createService({ ...ports, now: () => new Date(), newId: () => 'unused' })
})

afterAll(async () => {
  await azurite.stop()
})

beforeEach(async () => {
  for (const queue of [storage.orders, storage.poison]) {
    await queue.createIfNotExists()
    await queue.clearMessages()
  }
})

const start = (args: readonly string[], connection = azurite.connectionString) =>
  startScript('poison.ts', args, { connection })

const poison = (args: readonly string[], connection?: string) => endOf(start(args, connection))

/** Puts a text on the poison queue and returns the message's id. `seconds` is its time to live. */
async function raw(message: string, seconds = -1): Promise<string> {
  return (await storage.poison.sendMessage(message, { messageTimeToLive: seconds })).messageId
}

const base64 = (message: string | Uint8Array) => Buffer.from(message).toString('base64')
const poisoned = (message: string | Uint8Array, seconds?: number) => raw(base64(message), seconds)

interface Listed {
  readonly queue: string
  readonly messageId: string
  readonly orderId: string | null
  readonly insertedAt: string
  readonly expiresAt: string | null
  readonly dequeueCount: number
  readonly verdict: string
  readonly reason: string
  readonly acknowledged: boolean
  readonly text?: string
  readonly base64?: string | null
}

async function listed(...flags: string[]): Promise<readonly Listed[]> {
  const { code, out, error } = await poison(['list', '--json', ...flags])
  expect({ code, error }).toStrictEqual({ code: 0, error: '' })
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Listed)
}

/** Removes every message from a queue. Returns their texts and whether they expire. */
async function drain(queue: QueueClient): Promise<{ readonly text: string; readonly expires: boolean }[]> {
  const drained = []
  for (;;) {
    const { receivedMessageItems: items } = await queue.receiveMessages({ numberOfMessages: 32 })
    if (items.length === 0) return drained
    for (const { messageText, expiresOn } of items) {
      drained.push({ text: messageText, expires: expiresOn.getUTCFullYear() < 9999 })
    }
    await Promise.all(items.map(({ messageId, popReceipt }) => queue.deleteMessage(messageId, popReceipt)))
  }
}

async function count(queue: QueueClient): Promise<number> {
  return (await queue.getProperties()).approximateMessagesCount ?? 0
}

let made = 0
/** A unique order id. */
const newId = (name: string) => `${name}-${++made}`

describe('poison list', () => {
  it('reports an empty queue, also if the queue does not exist', async () => {
    expect(await poison(['list'])).toStrictEqual({ code: 0, out: 'orders-poison is empty.\n', error: '' })
    await storage.poison.delete()
    expect(await poison(['list'])).toStrictEqual({ code: 0, out: 'orders-poison is empty.\n', error: '' })
  })

  it('reports for every message what would happen to it now', async () => {
    const done = newId('done')
    const accepted = newId('accepted')
    const fresh = newId('fresh')
    const faulty = newId('faulty')
    await service.place({ id: done, item: 'widget', quantity: 1 })
    await service.accept({ id: accepted, item: 'widget', quantity: 2 })
    const messages = [
      poisoned(JSON.stringify({ id: done, item: ' widget ' })),
      poisoned(JSON.stringify({ id: done, item: 'gadget', quantity: 3 })),
      poisoned(JSON.stringify({ id: accepted, item: 'widget', quantity: 2 })),
      poisoned(JSON.stringify({ id: fresh, item: 'widget' })),
      poisoned('{"item":"widget"}'),
      poisoned(JSON.stringify({ id: faulty, item: '', colour: 'red' })),
      poisoned('{"id":'),
      poisoned(Uint8Array.of(0x7b, 0xff)),
      poisoned(''),
      raw('{"item":"not base64"}'),
    ]
    const ids = await Promise.all(messages)
    const entries = await listed()
    const verdicts = ids.map((id) => {
      const entry = entries.find(({ messageId }) => messageId === id)
      return [entry?.orderId, entry?.verdict, entry?.acknowledged]
    })
    expect(verdicts).toStrictEqual([
      [done, 'processed-already', false],
      [done, 'conflict', false],
      [accepted, 'would-succeed', true],
      [fresh, 'would-succeed', false],
      [null, 'would-succeed', false],
      [faulty, 'invalid-order', false],
      [null, 'malformed-json', false],
      [null, 'malformed-json', false],
      [null, 'malformed-json', false],
      [null, 'not-base64', false],
    ])
    const reasons = ids.map((id) => entries.find(({ messageId }) => messageId === id)?.reason ?? '')
    expect(reasons[1]).toContain(
      '{"item":"widget","quantity":1}, processed; the message asks for {"item":"gadget","quantity":3}',
    )
    expect(reasons[5]).toContain('/item must not be empty; /colour is not a field of an order')
  })

  it('shows when each message was inserted and when it expires', async () => {
    const id = await poisoned('{"item":"widget"}', 3600)
    await poisoned('{"item":"widget"}')
    const [first, second] = [...(await listed())].sort(({ messageId }) => (messageId === id ? -1 : 1))
    expect(Date.parse(first?.expiresAt ?? '') - Date.parse(first?.insertedAt ?? '')).toBe(3600_000)
    expect(second?.expiresAt).toBeNull()
    const { out } = await poison(['list'])
    expect(out).toContain(`${first?.expiresAt?.replace('.000Z', 'Z') ?? ''} `)
    expect(out).toContain(' never ')
  })

  it('shows more messages than one storage request returns, and leaves each unchanged', async () => {
    const texts = Array.from({ length: 100 }, (_, index) =>
      base64(`{"item":"widget","quantity":${index + 1}}`),
    )
    for (const message of texts) await raw(message)
    expect(await listed()).toHaveLength(100)
    // Immediately again: no message stays hidden.
    expect((await listed()).every(({ dequeueCount }) => dequeueCount === 1)).toBe(true)
    const left = (await drain(storage.poison)).map((message) => message.text)
    expect(left.sort()).toStrictEqual(texts.sort())
  })

  it('releases messages when it is killed', async () => {
    for (let index = 0; index < 64; index++) await poisoned('{"item":"widget"}')
    const child = start(['list', '--hold', '1'])
    const closed = once(child, 'close')
    const isHidden = async () => {
      const { peekedMessageItems } = await storage.poison.peekMessages({ numberOfMessages: 32 })
      return peekedMessageItems.some(({ dequeueCount }) => dequeueCount > 0) || peekedMessageItems.length < 32
    }
    while (!(await isHidden())) await delay(2)
    child.kill('SIGKILL')
    await closed
    await delay(1500)
    expect(await listed()).toHaveLength(64)
  })

  it('reports how many messages are held by another consumer', async () => {
    await poisoned('{"item":"widget"}')
    await storage.poison.receiveMessages({ visibilityTimeout: 60 })
    const { code, out, error } = await poison(['list'])
    expect({ code, out }).toStrictEqual({ code: 0, out: '' })
    expect(error).toMatch(/^1 message hidden, because somebody else has/)
  })

  const hostile = 'x\u001b[2J\u001b]0;title\u0007\r\nMESSAGE forged\u202e\u2028\u0085\\'

  it('prints one line per message, without terminal control sequences', async () => {
    await poisoned(`${hostile}not json`)
    await poisoned(JSON.stringify({ item: 'x', [hostile]: 1 }))
    await raw(hostile.replaceAll(/\p{Cc}/gu, '!'))
    for (const flags of [[], ['--full'], ['--json'], ['--json', '--full']]) {
      const { out } = await poison(['list', ...flags])
      expect(out.split('\n')).toHaveLength(flags.includes('--json') ? 4 : 5)
      // eslint-disable-next-line no-control-regex
      expect(out.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e\u2028]/)
    }
  })

  it('shows the whole text with --full, and the exact bytes with --json', async () => {
    const long = JSON.stringify({ item: 'x'.repeat(20_000) })
    await poisoned(long)
    expect((await poison(['list'])).out.length).toBeLessThan(1000)
    expect((await poison(['list', '--full'])).out).toContain(long)
    expect(await listed('--full')).toMatchObject([{ text: long, base64: base64(long) }])
    await drain(storage.poison)
    await poisoned(Uint8Array.of(0x7b, 0xff))
    expect(await listed('--full')).toMatchObject([{ text: '{\ufffd', base64: 'e/8=' }])
  })

  it('exits quietly when its output is closed', async () => {
    for (let index = 0; index < 40; index++) await poisoned(JSON.stringify({ item: 'x'.repeat(30_000) }))
    const child = start(['list', '--full'])
    const closed = once(child, 'close')
    child.stdout.once('data', () => child.stdout.destroy())
    expect((await closed)[0]).toBe(0)
    expect(await listed()).toHaveLength(40)
  })
})

describe('poison keep', () => {
  it('sends messages with an expiry again without one, byte for byte, and leaves the rest', async () => {
    const texts = [base64('{"item":"a"}'), 'raw <text> & "more"  ', base64(Uint8Array.of(0, 255)), '']
    for (const message of texts) await raw(message, 3600)
    const eternal = await poisoned('{"item":"for ever"}')
    expect(await poison(['keep'])).toStrictEqual({ code: 0, out: '4 messages kept for good.\n', error: '' })
    const entries = await listed()
    expect(entries.map(({ expiresAt }) => expiresAt)).toStrictEqual([null, null, null, null, null])
    expect(entries.map(({ messageId }) => messageId)).toContain(eternal)
    const drained = await drain(storage.poison)
    expect(drained.map((message) => message.text).sort()).toStrictEqual(
      [...texts, base64('{"item":"for ever"}')].sort(),
    )
  })

  it('reports messages that it cannot copy exactly, and leaves them', async () => {
    const id = await raw('raw\r\ntext', 3600)
    const { code, out, error } = await poison(['keep'])
    expect({ code, error }).toStrictEqual({ code: 1, error: '1 message still going to expire.\n' })
    expect(out).toContain(`${id}: it is not Base64 and has characters`)
    expect(await listed()).toMatchObject([{ messageId: id }])
  })

  it('accepts Base64 with line breaks, as the host does', async () => {
    const id = newId('lines')
    const encoded = base64(JSON.stringify({ id, item: 'widget' }))
    await raw(`${encoded.slice(0, 8)}\r\n${encoded.slice(8)}\r\n`, 3600)
    expect(await listed()).toMatchObject([{ orderId: id, verdict: 'would-succeed' }])
    expect((await poison(['keep'])).code).toBe(0)
    expect(await drain(storage.poison)).toStrictEqual([{ text: encoded, expires: false }])
  })
})

describe('the poison queues that the host has made for numbered queues', () => {
  const id = newId('numbered')
  let numbered: QueueClient

  beforeEach(async () => {
    numbered = storage.queue('orders-2-poison')
    await numbered.createIfNotExists()
    await numbered.clearMessages()
    await numbered.sendMessage(base64(JSON.stringify({ id, item: 'widget' })), { messageTimeToLive: 3600 })
  })

  afterAll(() => numbered.deleteIfExists())

  it('are listed with orders-poison, each message with its queue', async () => {
    await poisoned('{"item":"widget"}')
    const entries = (await listed()).map(({ queue, orderId }) => [queue, orderId])
    expect(entries).toHaveLength(2)
    expect(entries).toEqual(
      expect.arrayContaining([
        ['orders-poison', null],
        ['orders-2-poison', id],
      ]),
    )
    expect((await poison(['list'])).out).toMatch(/^orders-2-poison +\S+ +numbered-/m)
  })

  it('are emptied by keep into orders-poison, also if that does not exist yet', async () => {
    await storage.poison.delete()
    expect(await poison(['keep'])).toMatchObject({ code: 0, out: '1 message kept for good.\n' })
    expect(await count(numbered)).toBe(0)
    expect(await drain(storage.poison)).toMatchObject([{ expires: false }])
  })

  it('are redriven from, to orders', async () => {
    expect(await poison(['redrive', '--id', id])).toMatchObject({ code: 0 })
    expect(await count(numbered)).toBe(0)
    expect(await drain(storage.orders)).toHaveLength(1)
  })

  it('are dropped from', async () => {
    expect(await poison(['drop', '--id', id, '--yes'])).toMatchObject({ code: 0 })
    expect(await count(numbered)).toBe(0)
  })
})

describe('poison redrive', () => {
  it('requires a selection of messages', async () => {
    for (const flags of [[], ['--all', '--fixed'], ['--id', 'x', '--all']]) {
      const { code, error } = await poison(['redrive', ...flags])
      expect({ code, error: error.split('\n')[0] }).toStrictEqual({
        code: 1,
        error: 'Say which messages to redrive: one of --id X, --fixed and --all.',
      })
    }
  })

  it('moves the messages of one order, byte for byte and never to expire, and no other', async () => {
    const id = newId('redriven')
    const message = `{ "item": "widget", "id": "${id}" }`
    await poisoned(message, 3600)
    await poisoned(message)
    const other = await poisoned(JSON.stringify({ id: newId('other'), item: 'widget' }))
    expect(await poison(['redrive', '--id', id])).toStrictEqual({
      code: 0,
      out: '2 messages moved to orders.\n',
      error: '',
    })
    const expected = { text: base64(message), expires: false }
    expect(await drain(storage.orders)).toStrictEqual([expected, expected])
    expect(await listed()).toMatchObject([{ messageId: other }])
  })

  it('also accepts the id of a message', async () => {
    const id = newId('twice')
    const first = await poisoned(JSON.stringify({ id, item: 'widget' }))
    const second = await poisoned(JSON.stringify({ id, item: 'widget' }))
    expect((await poison(['redrive', '--id', first])).code).toBe(0)
    expect(await listed()).toMatchObject([{ messageId: second }])
  })

  it('fails when there is no such message', async () => {
    const { code, out, error } = await poison(['redrive', '--id', 'nobody'])
    expect({ code, out }).toStrictEqual({ code: 1, out: '' })
    expect(error).toMatch(/^No message on orders-poison has the id nobody\./)
  })

  /** One message of each kind, by its verdict. */
  async function oneOfEach() {
    const [done, fresh, faulty] = [newId('done'), newId('fresh'), newId('faulty')]
    await service.place({ id: done, item: 'widget', quantity: 1 })
    return {
      'would succeed': await poisoned(JSON.stringify({ id: fresh, item: 'widget' })),
      'processed already': await poisoned(JSON.stringify({ id: done, item: 'widget' })),
      'invalid order': await poisoned(JSON.stringify({ id: faulty, item: '' })),
      conflict: await poisoned(JSON.stringify({ id: done, item: 'gadget' })),
      'no id': await poisoned('{"item":"widget"}'),
      'no JSON': await poisoned('hello'),
      'not Base64': await raw('{"item":"widget"}'),
    }
  }

  async function left(messages: Readonly<Record<string, string>>): Promise<string[]> {
    const there = new Set((await listed()).map(({ messageId }) => messageId))
    return Object.keys(messages).filter((name) => there.has(messages[name] ?? ''))
  }

  it('moves with --fixed what would succeed or is already processed, and reports why the rest stays', async () => {
    const messages = await oneOfEach()
    const { code, out } = await poison(['redrive', '--fixed'])
    expect(code).toBe(0)
    expect(out).toContain('2 messages moved to orders.')
    expect(out).toContain('5 messages left on orders-poison:')
    expect(out).toContain(
      `${messages['no id']}: it has no id of its own and would become a new order; --as-new`,
    )
    expect(await left(messages)).toStrictEqual([
      'invalid order',
      'conflict',
      'no id',
      'no JSON',
      'not Base64',
    ])
    expect(await count(storage.orders)).toBe(2)
  })

  it('moves with --all what any version of the app may process, and never what none can', async () => {
    const messages = await oneOfEach()
    expect((await poison(['redrive', '--all'])).out).toContain('3 messages moved to orders.')
    expect(await left(messages)).toStrictEqual(['conflict', 'no id', 'no JSON', 'not Base64'])
    expect((await poison(['redrive', '--all', '--as-new'])).out).toContain('2 messages moved to orders.')
    expect(await left(messages)).toStrictEqual(['conflict', 'not Base64'])
  })

  it('fails when it refuses the message that was asked for', async () => {
    const messages = await oneOfEach()
    for (const name of ['conflict', 'no id', 'not Base64'] as const) {
      const { code, out, error } = await poison(['redrive', '--id', messages[name]])
      expect({ code, error }).toStrictEqual({ code: 1, error: '1 message not moved.\n' })
      expect(out).toContain(messages[name])
    }
    expect((await poison(['redrive', '--id', messages['no id'], '--as-new'])).code).toBe(0)
    expect(await drain(storage.orders)).toStrictEqual([{ text: base64('{"item":"widget"}'), expires: false }])
  })

  it('does not process messages that come back while it runs', async () => {
    const message = JSON.stringify({ id: newId('back'), item: '' })
    for (let index = 0; index < 40; index++) await poisoned(message)
    // As the app does with such a message: from orders directly to orders-poison.
    const stopping = new AbortController()
    const app = (async () => {
      while (!stopping.signal.aborted) {
        for (const { text: back } of await drain(storage.orders)) await raw(back)
        await delay(5)
      }
    })()
    // Messages from the same second as the start of the command count as old.
    await delay(1000)
    const { out } = await poison(['redrive', '--all'])
    stopping.abort()
    await app
    const moved = Number(/^(\d+) messages moved/.exec(out)?.[1])
    expect(moved).toBeGreaterThanOrEqual(40)
    expect(moved).toBeLessThan(1000)
    expect((await count(storage.poison)) + (await count(storage.orders))).toBe(40)
  })

  it('loses nothing and causes no double processing when it is killed twenty times', async () => {
    const messages = new Map<string, string>()
    let kills = 0
    for (let round = 0; kills < 20 && round < 60; round++) {
      await Promise.all(
        Array.from({ length: 40 }, async () => {
          const id = newId('killed')
          const message = base64(JSON.stringify({ id, item: 'widget', quantity: 1 + (messages.size % 1000) }))
          messages.set(id, message)
          await raw(message)
        }),
      )
      const before = await count(storage.orders)
      const child = start(['redrive', '--all', '--hold', '1'])
      const closed = once(child, 'close')
      // Somewhere between the first message it moves and the last.
      while (child.exitCode === null && (await count(storage.orders)) <= before + (round % 20)) await delay(1)
      child.kill('SIGKILL')
      await closed
      const [orders, poisonous] = [await count(storage.orders), await count(storage.poison)]
      if (child.signalCode === 'SIGKILL' && orders > before && poisonous > 0) kills++
      expect(orders + poisonous).toBeGreaterThanOrEqual(messages.size)
    }
    expect(kills).toBe(20)

    // Messages that the last kill left hidden are visible after a second.
    await delay(1500)
    expect(await poison(['redrive', '--all'])).toMatchObject({ code: 0, error: '' })
    expect(await count(storage.poison)).toBe(0)
    const moved = await drain(storage.orders)
    expect(new Set(moved.map((message) => message.text))).toStrictEqual(new Set(messages.values()))

    const records = new Map<string, Set<string>>()
    async function process(message: string): Promise<void> {
      const delivery = { message: Buffer.from(message, 'base64'), messageId: 'm', last: false }
      const result = await service.process(delivery)
      if (result.outcome !== 'processed') throw new Error('an order was not processed')
      const { order } = result
      records.set(order.id, (records.get(order.id) ?? new Set()).add(JSON.stringify(order)))
    }
    while (moved.length > 0)
      await Promise.all(moved.splice(0, 16).map(({ text: message }) => process(message)))
    expect(records.size).toBe(messages.size)
    expect([...records.values()].filter(({ size }) => size !== 1)).toStrictEqual([])
  }, 300_000)
})

describe('poison drop', () => {
  it('requires a selection of messages', async () => {
    const { code, error } = await poison(['drop', '--yes'])
    expect({ code, error: error.split('\n')[0] }).toStrictEqual({
      code: 1,
      error: 'Say which message to drop: --id X.',
    })
  })

  it('deletes nothing without confirmation: without a terminal it requires --yes', async () => {
    const id = await poisoned('hello')
    const { code, error } = await poison(['drop', '--id', id])
    expect({ code, error }).toStrictEqual({
      code: 1,
      error: 'Nothing deleted: there is nobody to ask. --yes answers the question.\n',
    })
    expect(await listed()).toHaveLength(1)
  })

  it('deletes only the selected message', async () => {
    const id = await poisoned('hello')
    const other = await poisoned('hello')
    const { code, out } = await poison(['drop', '--id', id, '--yes'])
    expect(code).toBe(0)
    expect(out).toMatch(/\n1 message deleted\.\n$/)
    expect(await listed()).toMatchObject([{ messageId: other }])
  })

  it('deletes the copies of the message of an order, too', async () => {
    const id = newId('copies')
    for (let index = 0; index < 3; index++) await poisoned(JSON.stringify({ id, item: '' }))
    expect((await poison(['drop', '--id', id, '--yes'])).out).toMatch(/\n3 messages deleted\.\n$/)
    expect(await listed()).toStrictEqual([])
  })

  it('requires a message id when different messages name the order', async () => {
    const id = newId('different')
    const messages = [
      await poisoned(JSON.stringify({ id, item: '' })),
      await poisoned(JSON.stringify({ id, item: 'x' })),
    ]
    const { code, error } = await poison(['drop', '--id', id, '--yes'])
    expect(code).toBe(1)
    for (const messageId of messages) expect(error).toContain(messageId)
    expect(await listed()).toHaveLength(2)
  })

  it('refuses to lose an order that was accepted and is not processed, unless forced', async () => {
    const id = newId('accepted')
    await service.accept({ id, item: 'widget', quantity: 1 })
    const message = JSON.stringify({ id, item: 'widget', quantity: 1 })
    const messageId = await poisoned(message)
    for (const name of [id, messageId]) {
      const { code, error } = await poison(['drop', '--id', name, '--yes'])
      expect(code).toBe(1)
      expect(error).toMatch(/^A client was told that this order is accepted/)
    }
    expect(await listed()).toHaveLength(1)
    expect((await poison(['drop', '--id', id, '--yes', '--force'])).code).toBe(0)
    expect(await listed()).toStrictEqual([])
  })

  it('drops the message of an order that is processed, and one that conflicts with an accepted order', async () => {
    const [done, accepted] = [newId('done'), newId('accepted')]
    await service.place({ id: done, item: 'widget', quantity: 1 })
    await service.accept({ id: accepted, item: 'widget', quantity: 1 })
    await poisoned(JSON.stringify({ id: done, item: 'widget' }))
    await poisoned(JSON.stringify({ id: accepted, item: 'gadget' }))
    for (const id of [done, accepted]) expect((await poison(['drop', '--id', id, '--yes'])).code).toBe(0)
    expect(await listed()).toStrictEqual([])
  })
})

describe('poison', () => {
  it('has a help text', async () => {
    const { code, out } = await poison(['--help'])
    expect(code).toBe(0)
    for (const word of ['list', 'keep', 'redrive', 'drop', '--as-new', '--force']) expect(out).toContain(word)
  })

  it('refuses unknown arguments', async () => {
    const commands = [
      [],
      ['purge'],
      ['list', '--force'],
      ['list', 'x'],
      ['list', '--hold', '0'],
      ['keep', '--what'],
    ]
    const results = await Promise.all(commands.map((args) => poison(args)))
    expect(results.map(({ code }) => code)).toStrictEqual(commands.map(() => 1))
  })

  it('reports in one line that storage is unavailable', async () => {
    const away = azurite.connectionString.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:9')
    for (const args of [['list'], ['keep'], ['redrive', '--all'], ['drop', '--id', 'x', '--yes']]) {
      const { code, out, error } = await poison(args, away)
      expect({ code, out }).toStrictEqual({ code: 1, out: '' })
      expect(error).toMatch(/^Storage failed to open orders-poison: .*ECONNREFUSED.*\n$/)
    }
  })
})
