import { HttpRequest, InvocationContext, type HttpHandler, type HttpResponseInit } from '@azure/functions'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { withProblems } from '../../src/http/handler.ts'
import { helloHandler } from '../../src/functions/hello.ts'
import { orderHandler } from '../../src/functions/order.ts'
import { orderProcessorHandler } from '../../src/functions/orderProcessor.ts'
import { orderStatusHandler } from '../../src/functions/orderStatus.ts'
import { ORDER_ID } from '../../src/orders/order.ts'
import { createService, type OrderService } from '../../src/orders/service.ts'
import {
  anyId,
  CASES,
  FUZZ_TIMEOUT_MS,
  hostileBytes,
  hostileHeaders,
  hostileLength,
  hostileText,
  largeBytes,
  report,
  seldom,
  timings,
} from '../support/fuzz.ts'
import { memoryStorage, type MemoryStorage } from '../../src/storage/memory.ts'

// Hostile requests and messages to the real handlers, with storage in memory: no response is a 5xx, nothing throws, and no
// log line is forged. `FUZZ_CASES=1000000 npm test -- fuzz` runs a million cases.

/** Number of cases after which storage is replaced, so that the test's own data does not count as a leak of the app. */
const CASES_PER_STORAGE = 500

let storage: MemoryStorage
let service: OrderService
let made = 0

function freshStorage(): void {
  if (made++ % CASES_PER_STORAGE !== 0) return
  storage = memoryStorage()
  service = createService({ ...storage, now: () => new Date(), newId: () => `new-${made}` })
}

const times = timings()
const statuses = new Map<number | string, number>()
const count = (what: number | string) => statuses.set(what, (statuses.get(what) ?? 0) + 1)

const isIdentity = (encoding = '') => /^(identity(, identity)?)?$/i.test(encoding)

/** A context whose log must be lines of JSON, each about one order. */
function contextOf(functionName: string, triggerMetadata: Record<string, unknown> = {}): InvocationContext {
  return new InvocationContext({
    functionName,
    triggerMetadata,
    logHandler: (_, ...args) => {
      expect(args).toHaveLength(1)
      const line = String(args[0])
      expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
      expect(line.length).toBeLessThan(15_000)
      expect((JSON.parse(line) as { event: unknown }).event).toBe('order')
    },
  })
}

async function answer(handler: HttpHandler, request: HttpRequest): Promise<HttpResponseInit> {
  const begun = performance.now()
  const response: HttpResponseInit = await withProblems(handler)(request, contextOf('order'))
  times.add(performance.now() - begun)
  // As the library does: a header with a line break throws.
  new Headers(response.headers)
  expect(JSON.stringify(response.jsonBody).isWellFormed()).toBe(true)
  count(response.status ?? 200)
  return response
}

const url = (query: string) => `http://localhost:7071/api/order${query}`

const postOrder = fc
  .tuple(
    fc.oneof({ weight: 40, arbitrary: hostileBytes }, { weight: 1, arbitrary: largeBytes }),
    hostileHeaders,
    seldom(hostileLength),
    seldom(hostileText),
  )
  .map(([bytes, headers, length, query]) => async () => {
    const request = new HttpRequest({
      method: 'POST',
      url: url(query === undefined ? '' : `?${new URLSearchParams({ q: query }).toString()}`),
      body: { bytes },
      headers: { ...headers, ...(length !== undefined && { 'content-length': length }) },
    })
    const response = await answer(orderHandler(service), request)
    const { status = 200 } = response
    if (!isIdentity(headers['content-encoding'])) expect(status).toBe(415)
    expect([200, 202, 400, 409, 413, 415, 422]).toContain(status)
    if (status >= 300) return
    const { id, item } = response.jsonBody as { id: string; item: string }
    expect(id).toMatch(ORDER_ID)
    expect(item.isWellFormed()).toBe(true)
    expect(storage.table.get(id)?.record).toMatchObject({ id, item })
  })

const getOrder = anyId.map((id) => async () => {
  // An id that is not text cannot be in a path.
  const path = `/${encodeURIComponent(id.toWellFormed())}`
  const request = new HttpRequest({ method: 'GET', url: url(path), params: { id: 'a', ID: 'b' } })
  const { status } = await answer(orderStatusHandler(service), request)
  expect(status).toBe(storage.table.has(id.toWellFormed()) ? 200 : 404)
})

const getHello = hostileText.map((name) => async () => {
  const request = new HttpRequest({ method: 'GET', url: url(''), query: { name: name.toWellFormed() } })
  const { status = 200 } = await answer(helloHandler(service), request)
  expect(status).toBe(200)
})

const queueMessage = fc
  .tuple(hostileBytes, fc.integer({ min: 1, max: 11 }))
  .map(([message, dequeueCount]) => async () => {
    const messageId = `message-${made}`
    const insertionTime = new Date().toISOString()
    const context = contextOf('orderProcessor', { id: messageId, dequeueCount, insertionTime })
    const poisoned = storage.poisoned.length
    const begun = performance.now()
    await orderProcessorHandler(service, 10)(message, context)
    times.add(performance.now() - begun)
    const added = storage.poisoned.slice(poisoned)
    if (added.length > 0) {
      expect(added).toHaveLength(1)
      expect(Buffer.compare(added[0] ?? Buffer.of(), message)).toBe(0)
      count('poisoned')
      return
    }
    const id = (JSON.parse(new TextDecoder().decode(message)) as { id?: string }).id ?? messageId
    expect(storage.table.get(id)?.record.status).toBe('processed')
    count('processed')
  })

/** Memory in use after garbage collection, in MiB. */
function memory(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}

describe('whatever comes in', () => {
  afterAll(() => {
    const seen = [...statuses].map(([what, times_]) => `${times_} × ${what}`).join(', ')
    report(`handlers: ${times.summary()}; ${seen}`)
  })

  it(
    `${CASES.handlers} attacks are answered, and none with a 5xx`,
    async () => {
      const attack = fc.oneof(
        { weight: 6, arbitrary: postOrder },
        { weight: 1, arbitrary: getOrder },
        { weight: 1, arbitrary: getHello },
        { weight: 3, arbitrary: queueMessage },
      )
      const run = (numRuns: number) =>
        fc.assert(
          fc.asyncProperty(attack, async (attackOnce) => {
            freshStorage()
            await attackOnce()
          }),
          { numRuns },
        )
      const warmUp = Math.ceil(CASES.handlers / 4)
      await run(warmUp)
      const before = memory()
      await run(CASES.handlers - warmUp)
      const after = memory()
      report(
        `handlers: ${CASES.handlers} cases; heap ${before.toFixed(0)} MiB after a quarter, ${after.toFixed(0)} MiB at the end`,
      )
      // A leak of 1 KiB per case would be at least 13 MiB; noise of the garbage collector is less.
      expect(after - before).toBeLessThan(64)
      expect(Object.keys(Object.prototype)).toStrictEqual([])
    },
    FUZZ_TIMEOUT_MS,
  )
})
