import { TableClient, type TransactionAction } from '@azure/data-tables'
import { ORDERS_TABLE } from '../../../src/storage/names.ts'
import { parseOrder } from '../../../src/orders/order.ts'
import { partitionKey } from '../../../src/storage/tables.ts'
import { processedEntity } from './processedEntity.ts'

/** https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
const BATCH = 100
const WRITERS = 4

/** The table of the orders. */
export function ordersTable(connectionString: string): TableClient {
  return TableClient.fromConnectionString(connectionString, ORDERS_TABLE, { allowInsecureConnection: true })
}

/** The id of the nth order that {@link storeOrders} stores. */
export function storedId(n: number): string {
  return `stored-${n}`
}

/** Stores a number of processed orders, directly in the table. */
export async function storeOrders(table: TableClient, count: number, signal: AbortSignal): Promise<void> {
  await table.createTable()
  const content = parseOrder({ item: 'widget', quantity: 2 })
  const partitions = Map.groupBy(
    Array.from({ length: count }, (_, n) => storedId(n)),
    partitionKey,
  )
  const batches = [...partitions.values()].flatMap((ids) =>
    Array.from({ length: Math.ceil(ids.length / BATCH) }, (_, batch) =>
      ids.slice(batch * BATCH, (batch + 1) * BATCH),
    ),
  )
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        signal.throwIfAborted()
        await table.submitTransaction(
          batch.map((id): TransactionAction => [
            'create',
            processedEntity({ id, ...content }, '2026-01-02T12:00:00.000Z'),
          ]),
        )
      }
    }),
  )
}
