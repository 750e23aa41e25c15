import { createHash } from 'node:crypto'
import { RestError, type TableClient, type TableEntity } from '@azure/data-tables'
import { UnreadableRecordError } from '../orders/errors.ts'
import { contentFields, parseRecord, type OrderRecord } from '../orders/order.ts'
import type { OrderRecords, WriteResult } from '../orders/ports.ts'
import { fromColumns, toColumns } from './columns.ts'
import { withinTime } from './timeout.ts'

/**
 * Order records in an Azure Storage table, which is created on first use when it is missing.
 *
 * @param milliseconds one operation may take
 */
export function tableOrderRecords(table: TableClient, milliseconds?: number): OrderRecords {
  async function write(operation: (abortSignal: AbortSignal) => Promise<unknown>): Promise<WriteResult> {
    try {
      await withinTime(
        (abortSignal) =>
          operation(abortSignal).catch(async (error: unknown) => {
            if (!isMissing(error, 'TableNotFound')) throw error
            await table.createTable({ abortSignal })
            await operation(abortSignal)
          }),
        milliseconds,
      )
      return { written: true }
    } catch (cause) {
      return { written: false, cause }
    }
  }

  return {
    async read(id) {
      try {
        const entity = await withinTime(
          (abortSignal) => table.getEntity(partitionKey(id), id, { abortSignal }),
          milliseconds,
        )
        return { record: toRecord(id, entity), etag: entity.etag }
      } catch (error) {
        if (isMissing(error, 'ResourceNotFound') || isMissing(error, 'TableNotFound')) return undefined
        throw error
      }
    },
    create: (record) => write((abortSignal) => table.createEntity(toEntity(record), { abortSignal })),
    replace: (record, etag) =>
      // Without an ETag of its own updateEntity would overwrite whatever is there.
      write((abortSignal) => table.updateEntity(toEntity(record), 'Replace', { etag, abortSignal })),
  }
}

/** First two hex digits of SHA-256(id): 256 partitions, so that none is hot. */
export function partitionKey(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 2)
}

/** A record as the table holds it. */
export function toEntity({ id, ...fields }: OrderRecord): TableEntity {
  return { partitionKey: partitionKey(id), rowKey: id, ...toColumns(contentFields, fields) }
}

/**
 * The record that an entity holds. Its fields are always in the same order, so that every response about a processed order is
 * the same, byte for byte.
 *
 * @throws UnreadableRecordError
 */
export function toRecord(id: string, entity: Readonly<Record<string, unknown>>): OrderRecord {
  const { fields, damaged } = fromColumns(contentFields, entity)
  if (damaged.length > 0) throw new UnreadableRecordError(id, damaged)
  return parseRecord(id, fields)
}

/** https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes */
function isMissing(error: unknown, code: 'TableNotFound' | 'ResourceNotFound'): boolean {
  if (!(error instanceof RestError) || error.statusCode !== 404) return false
  const details = error.details as { odataError?: { code?: string } } | undefined
  return (details?.odataError?.code ?? error.code) === code
}
