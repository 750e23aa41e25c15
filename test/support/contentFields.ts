import fc from 'fast-check'
import { schemaArbitrary } from 'testkit/schemaArbitrary'
import { isDeepStrictEqual } from 'node:util'
import { contentFields, parseOrder, type ContentField, type OrderDraft } from '../../src/orders/order.ts'

/** Every field of an order's content: what goes for one goes for all, those included that are added later. */
export const CONTENT_FIELDS = Object.keys(contentFields) as readonly ContentField[]

/** Two orders, as a client sends them, that differ in one field alone, and not only in how they are written. */
export function differingIn(field: ContentField): fc.Arbitrary<readonly [OrderDraft, OrderDraft]> {
  const others = fc.record(
    Object.fromEntries(
      CONTENT_FIELDS.filter((name) => name !== field).map((name) => [
        name,
        schemaArbitrary(contentFields[name]),
      ]),
    ),
  )
  const value = schemaArbitrary(contentFields[field])
  return fc
    .tuple(others, value, value)
    .map(
      ([order, one, other]) =>
        [asSent({ ...order, [field]: one }), asSent({ ...order, [field]: other })] as const,
    )
    .filter(([one, other]) => !isDeepStrictEqual(parseOrder(one), parseOrder(other)))
}

/** An order with every field, as a client sends it. */
export const anyOrder: fc.Arbitrary<OrderDraft> = fc
  .record(Object.fromEntries(CONTENT_FIELDS.map((name) => [name, schemaArbitrary(contentFields[name])])))
  .map(asSent)

/** As JSON has it. */
function asSent(order: Readonly<Record<string, unknown>>): OrderDraft {
  return JSON.parse(JSON.stringify(order)) as OrderDraft
}
