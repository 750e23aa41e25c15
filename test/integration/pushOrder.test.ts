import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { freePort } from 'testkit/freePort'
import { byteLines } from '../../scripts/byteLines.ts'
import { orderQueueOf } from '../../src/storage/queues.ts'
import { endOf, startScript } from '../support/script.ts'
import { testStorage, type TestStorage } from '../support/storage.ts'

let azurite: Azurite
let storage: TestStorage

beforeAll(async () => {
  azurite = await startAzurite({})
  storage = testStorage(azurite.connectionString)
})

afterAll(async () => {
  await azurite.stop()
})

beforeEach(async () => {
  await storage.orders.createIfNotExists()
  await storage.orders.clearMessages()
})

const pushOrder = (
  input: string | Uint8Array,
  flags: readonly string[] = [],
  connection = azurite.connectionString,
  settings: NodeJS.ProcessEnv = {},
) => endOf(startScript('push-order.ts', flags, { connection, settings, input }))

/** The messages on `orders`, decoded. */
async function messages(): Promise<Buffer[]> {
  const found: Buffer[] = []
  for (;;) {
    const { receivedMessageItems } = await storage.orders.receiveMessages({ numberOfMessages: 32 })
    if (receivedMessageItems.length === 0) return found
    found.push(...receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64')))
  }
}

const texts = async () => (await messages()).map(String).sort()

describe('push-order reads lines', () => {
  it('and names a bad one by its number in the file, blank lines included', async () => {
    const { code, out, error } = await pushOrder(
      '{"id":"l1","item":"a"}\n\n \t\r\nnot json\n{"id":"l2","item":"a"}',
    )
    expect(code).toBe(1)
    expect(out.split('\n').sort()).toStrictEqual(['', 'l1', 'l2'])
    expect(error).toMatch(/^Line 4: not JSON/m)
    expect(error).toMatch(/^2 pushed, 1 failed\.$/m)
    expect(await texts()).toStrictEqual(['{"id":"l1","item":"a"}', '{"id":"l2","item":"a"}'])
  })

  it('and skips a byte order mark', async () => {
    expect(await pushOrder('\uFEFF{"id":"bom1","item":"a"}\n{"id":"bom2","item":"a"}\n')).toMatchObject({
      code: 0,
    })
    expect(await texts()).toStrictEqual(['{"id":"bom1","item":"a"}', '{"id":"bom2","item":"a"}'])
  })

  it('and ends a line only at LF or CRLF: JSON may hold other line separators', async () => {
    const order = '{"id":"u2028","item":"a\u2028b\u2029c\u0085d"}'
    expect(await pushOrder(`${order}\r\n`)).toMatchObject({ code: 0 })
    expect(await texts()).toStrictEqual([order])
  })

  it('and refuses bytes that are not UTF-8, rather than to change them', async () => {
    const latin1 = Buffer.from('{"id":"u1","item":"caf\u00e9"}\n{"id":"u2","item":"tea"}\n', 'latin1')
    const { code, error } = await pushOrder(latin1)
    expect(code).toBe(1)
    expect(error).toMatch(/^Line 1: not UTF-8/m)
    expect(await texts()).toStrictEqual(['{"id":"u2","item":"tea"}'])
  })

  it('and with --raw pushes exactly their bytes', async () => {
    const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0xff, 0x00, 0xe9])
    expect(await pushOrder(Buffer.concat([bytes, Buffer.from('\n')]), ['--raw'])).toMatchObject({ code: 0 })
    expect(await messages()).toStrictEqual([bytes])
  })

  it.each(['utf16le', 'utf16be'])('and says what to do with %s', async (encoding) => {
    const utf16 = Buffer.from('\uFEFF{"item":"a"}\n', 'utf16le')
    const { code, error } = await pushOrder(encoding === 'utf16le' ? utf16 : utf16.swap16())
    expect(code).toBe(1)
    expect(error).toBe('The input is UTF-16. Save it as UTF-8 and try again; nothing was pushed.\n')
    expect(await messages()).toStrictEqual([])
  })

  it('and names one that is too large for the queue, without a look at storage', async () => {
    const order = (bytes: number) => {
      const head = '{"id":"big","item":"'
      return `${head}${'x'.repeat(bytes - head.length - 2)}"}\n`
    }
    const { code, error } = await pushOrder(order(48 * 1024 + 1) + order(48 * 1024))
    expect(code).toBe(1)
    expect(error).toMatch(/^Line 1: too large: 49153 bytes/m)
    expect(error).not.toMatch(/npm start/)
    expect(await texts()).toHaveLength(1)
  })

  it('and goes on when nobody reads the ids', async () => {
    const child = startScript('push-order.ts', [], {
      connection: azurite.connectionString,
      input: Array.from({ length: 200 }, (_, i) => `{"id":"p${i}","item":"a"}\n`).join(''),
    })
    const error = text(child.stderr)
    child.stdout.once('data', () => child.stdout.destroy())
    await once(child, 'close')
    expect(await error).toBe('200 pushed, 0 failed.\n')
    expect(child.exitCode).toBe(0)
    expect(await texts()).toHaveLength(200)
  })
})

test('push-order sends each order to the queue of its id, and a text to orders, as the settings say', async () => {
  const spread = { ORDER_QUEUES: '4' }
  const input = '{"id":"order-1","item":"a"}\n{"id":"5","item":"a"}\n'
  const pushed = await pushOrder(input, [], azurite.connectionString, spread)
  expect(pushed).toMatchObject({ code: 0, error: '2 pushed, 0 failed.\n' })
  expect(await pushOrder('{"id":"order-1"}\n', ['--raw'], azurite.connectionString, spread)).toMatchObject({
    code: 0,
  })
  for (const [id, name] of [
    ['order-1', orderQueueOf('order-1', 4)],
    ['5', orderQueueOf('5', 4)],
  ] as const) {
    const { receivedMessageItems } = await storage.queue(name).receiveMessages({ numberOfMessages: 32 })
    expect(
      receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString()),
    ).toEqual([`{"id":"${id}","item":"a"}`])
  }
  expect(await texts()).toStrictEqual(['{"id":"order-1"}'])
})

test('push-order refuses a number of queues that is not allowed', async () => {
  expect(
    await pushOrder('{"item":"a"}\n', [], azurite.connectionString, { ORDER_QUEUES: '40' }),
  ).toStrictEqual({
    code: 1,
    out: '',
    error: 'ORDER_QUEUES is "40". Set it to a whole number from 1 to 32, or remove it: the default is 1.\n',
  })
})

test('push-order asks for "npm start" only when nothing listens', async () => {
  const port = await freePort()
  const nobody = azurite.connectionString.replaceAll(/127\.0\.0\.1:\d+/g, `127.0.0.1:${port}`)
  const { code, error } = await pushOrder('{"item":"a"}\n', [], nobody)
  expect(code).toBe(1)
  expect(error).toMatch(/^Line 1: storage did not accept it: .* Is "npm start" running\?$/m)
})

test('push-order reads its arguments before it pushes one', async () => {
  const { code, error } = await pushOrder('', ['{"item":"a"}', '{"item":'])
  expect(code).toBe(1)
  expect(error).toMatch(/not JSON/)
  expect(await messages()).toStrictEqual([])
})

test('lines may be split anywhere', async () => {
  const parts = ['a', 'b\r', '\n', '\nc', '', '\n\n', 'd']
  const found: string[] = []
  // eslint-disable-next-line @typescript-eslint/require-await
  const stream = (async function* () {
    for (const part of parts) yield Buffer.from(part)
  })()
  for await (const { number, bytes } of byteLines(stream))
    found.push(`${number}:${Buffer.from(bytes).toString()}`)
  expect(found).toStrictEqual(['1:ab', '2:', '3:c', '4:', '5:d'])
})
