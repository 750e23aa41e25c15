import type { TableEntity } from '@azure/data-tables'
import type { Order } from '../../../src/orders/order.ts'
import { toEntity } from '../../../src/storage/tables.ts'

/** The record of a processed order as the app stores it: a smaller one would be less work for storage. */
export function processedEntity(order: Order, processedAt = new Date().toISOString()): TableEntity {
  return toEntity({
    ...order,
    status: 'processed',
    message: `Order for ${order.item} processed!`,
    processedAt,
  })
}
