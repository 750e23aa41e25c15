import { TableClient } from '@azure/data-tables'
import { parseOrder } from '../../../../src/orders/order.ts'
import { processedEntity } from '../processedEntity.ts'

/** What the parent asks for: this many records, with ids that begin so. */
export interface InsertRequest {
  readonly prefix: string
  readonly count: number
}

// The least that an import can be: the records that it stores, with the client library as it comes, and no file.
const [connectionString = '', tableName = '', concurrency = ''] = process.argv.slice(2)

const table = TableClient.fromConnectionString(connectionString, tableName, { allowInsecureConnection: true })
await table.createTable()
const content = parseOrder({ item: 'widget', quantity: 2 })

async function insert({ prefix, count }: InsertRequest): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: Number(concurrency) }, async () => {
      while (next < count) {
        await table.createEntity(processedEntity({ id: `${prefix}-${next++}`, ...content }))
      }
    }),
  )
}

process.on('message', (request: InsertRequest) => {
  const begun = performance.now()
  void insert(request).then(() => process.send?.(performance.now() - begun))
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
