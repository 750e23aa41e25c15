import { describe, expect, it, test } from '@jest/globals'
import { HttpRequest, InvocationContext, type HttpHandler, type HttpResponseInit } from '@azure/functions'
import fc from 'fast-check'
import { orderHandler } from '../../src/functions/order.ts'
import { orderProcessorHandler } from '../../src/functions/orderProcessor.ts'
import { orderStatusHandler } from '../../src/functions/orderStatus.ts'
import { OrderConflictError } from '../../src/orders/errors.ts'
import { contentOf, parseOrder, type OrderDraft } from '../../src/orders/order.ts'
import { createService, type OrderService } from '../../src/orders/service.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { fromColumns, toColumns } from '../../src/storage/columns.ts'
import { contentFields } from '../../src/orders/order.ts'
import { anyOrder, CONTENT_FIELDS, differingIn } from '../support/contentFields.ts'

// What is promised of an order holds for every field of its content: these tests go over the list of fields, so that a field
// that is added to it is held to the promises, too.

const NOON = '2026-01-02T12:00:00.000Z'
const RUNS = { numRuns: 60 }
const asJson = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>
const bytes = (order: unknown) => new TextEncoder().encode(JSON.stringify(order))

function fixture() {
  const storage = memoryStorage()
  return { storage, service: createService({ ...storage, now: () => new Date(NOON), newId: () => 'new-id' }) }
}

/** Every way in: each resolves once the order is taken, and rejects with a conflict. */
const WAYS_IN: Readonly<Record<string, (service: OrderService, order: OrderDraft) => Promise<unknown>>> = {
  place: (service, order) => service.place({ ...parseOrder(order), id: 'a1' }),
  accept: (service, order) => service.accept({ ...parseOrder(order), id: 'a1' }),
  process: async (service, order) => {
    const result = await service.process({
      message: bytes({ ...order, id: 'a1' }),
      messageId: 'm1',
      last: false,
    })
    if (result.outcome === 'poisoned') throw result.reason
  },
}
const PAIRS = Object.keys(WAYS_IN).flatMap((first) =>
  Object.keys(WAYS_IN).map((second) => [first, second] as const),
)

describe.each(CONTENT_FIELDS)('the field %s', (field) => {
  it.each(PAIRS)('changed alone under the same id is a conflict: %s, then %s', async (first, second) => {
    await fc.assert(
      fc.asyncProperty(differingIn(field), async ([order, other]) => {
        const { storage, service } = fixture()
        await WAYS_IN[first]?.(service, order)
        const before = storage.table.get('a1')
        await expect(WAYS_IN[second]?.(service, other)).rejects.toThrow(OrderConflictError)
        expect(storage.table.get('a1')).toBe(before)
        await WAYS_IN[second]?.(service, order)
      }),
      RUNS,
    )
  })

  it('is in the record, in the queue message and in the columns as it was given', async () => {
    await fc.assert(
      fc.asyncProperty(differingIn(field), async ([order]) => {
        const { storage, service } = fixture()
        const given = asJson({ [field]: parseOrder(order)[field] })
        const accepted = await service.accept({ ...parseOrder(order), id: 'a1' })
        expect(accepted).toMatchObject(given)
        expect(parseOrder(JSON.parse(new TextDecoder().decode(storage.orders[0])))).toMatchObject(given)

        await service.process({
          message: storage.orders[0] ?? new Uint8Array(),
          messageId: 'm1',
          last: false,
        })
        const record = await service.get('a1')
        expect(record).toMatchObject({ ...given, status: 'processed' })
        expect(fromColumns(contentFields, toColumns(contentFields, contentOf(record)))).toStrictEqual({
          fields: asJson(contentOf(record)),
          damaged: [],
        })
      }),
      RUNS,
    )
  })
})

async function call(handler: HttpHandler, method: string, body?: unknown): Promise<unknown> {
  const request = new HttpRequest({
    method,
    url: `http://localhost/api/order${method === 'GET' ? '/a1' : ''}`,
    ...(body !== undefined && { body: { bytes: bytes(body) } }),
  })
  const response = await handler(request, new InvocationContext({ logHandler: () => undefined }))
  return (response as HttpResponseInit).jsonBody
}

test('an order comes out over HTTP and of the queue as it went in', async () => {
  await fc.assert(
    fc.asyncProperty(anyOrder, fc.constantFrom('place', 'push'), async (order, way) => {
      const { service } = fixture()
      const content = contentOf(parseOrder(order))
      if (way === 'place') {
        expect(await call(orderHandler(service), 'POST', { ...order, id: 'a1' })).toMatchObject(content)
      } else {
        const context = new InvocationContext({
          logHandler: () => undefined,
          triggerMetadata: { id: 'm1', dequeueCount: 1 },
        })
        await orderProcessorHandler(service, 5)(bytes({ ...order, id: 'a1' }), context)
      }
      expect(await call(orderStatusHandler(service), 'GET')).toMatchObject({ id: 'a1', ...content })
    }),
    { numRuns: 300 },
  )
})
