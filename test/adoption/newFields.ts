import type { ScratchCopy } from './scratch.ts'

/** The order module. */
export const ORDER = 'src/orders/order.ts'
const LIST_END = `  quantity: v.optional(quantitySchema, 1),
}`
const NEW_FIELDS = `  quantity: v.optional(quantitySchema, 1),
  customer: v.optional(
    v.pipe(
      v.string('must be a string'),
      v.trim(),
      v.minLength(1, 'must not be empty'),
      v.maxLength(100, 'must be at most 100 characters long'),
      v.description('Who orders.'),
      v.examples(['Ada']),
    ),
  ),
  address: v.optional(v.strictObject({ city: v.string(), zip: v.optional(v.string()) }, 'must be an object')),
  lines: v.optional(
    v.pipe(
      v.array(v.strictObject({ sku: v.pipe(v.string(), v.minLength(1)), quantity: v.optional(quantitySchema, 1) })),
      v.maxLength(20, 'must have at most 20 elements'),
      v.description('What is ordered, in detail.'),
    ),
  ),
}`

/** Adds a text, an object and an array of objects to the content of an order: an edit of the list of fields. */
export async function addFields(copy: ScratchCopy): Promise<void> {
  await copy.replace(ORDER, LIST_END, NEW_FIELDS)
}
