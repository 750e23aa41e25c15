import type { TableEntityResult } from '@azure/data-tables'
import * as v from 'valibot'
import { UnreadableRecordError } from '../../src/orders/errors.ts'
import type { OrderRecord } from '../../src/orders/order.ts'
import { partitionKey, toEntity, toRecord } from '../../src/storage/tables.ts'

/** Whatever a table may hold in a property: a plain value, or one with its type where JSON has none for it. */
const propertySchema = v.union([
  v.string(),
  v.number(),
  v.boolean(),
  v.strictObject({ type: v.string(), value: v.union([v.string(), v.boolean(), v.number()]) }),
])

const entitySchema = v.objectWithRest({ partitionKey: v.string(), rowKey: v.string() }, propertySchema)

/** An entity of the table, whole, as a line of a file has it: what storage adds by itself (ETag, time stamp) is left out. */
export type StoredEntity = v.InferOutput<typeof entitySchema>

/** A line of a file can't be restored. The message says why, in words. */
export class LineError extends Error {
  override readonly name = 'LineError'
}

/** What is kept of an entity that was read with its types. */
export function storedEntity(entity: TableEntityResult<Record<string, unknown>>): StoredEntity {
  const { etag: _etag, timestamp: _timestamp, ...kept } = entity
  return v.parse(
    entitySchema,
    Object.fromEntries(Object.entries(kept).filter(([name]) => !name.startsWith('odata.'))),
  )
}

/**
 * The entity in a line.
 *
 * @throws LineError when it is none, or not of an order
 */
export function parseLine(line: string): StoredEntity {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    throw new LineError(`it is not JSON (${(error as Error).message})`)
  }
  const result = v.safeParse(entitySchema, json)
  if (!result.success) {
    const [issue] = result.issues
    throw new LineError(`it is no entity: ${v.getDotPath(issue) ?? 'the line'}: ${issue.message}`)
  }
  const entity = result.output
  recordOf(entity)
  if (entity.partitionKey !== partitionKey(entity.rowKey)) {
    throw new LineError(`order ${entity.rowKey} is not in partition ${entity.partitionKey}`)
  }
  return entity
}

/**
 * The order record in an entity, by the app's own schema.
 *
 * @throws LineError
 */
export function recordOf(entity: StoredEntity): OrderRecord {
  try {
    return toRecord(
      entity.rowKey,
      Object.fromEntries(Object.entries(entity).map(([name, property]) => [name, plainValue(property)])),
    )
  } catch (error) {
    if (!(error instanceof UnreadableRecordError)) throw error
    throw new LineError(`it holds no order record: ${error.message}`)
  }
}

/** A record as an entity of the table. */
export function entityOf(record: OrderRecord): StoredEntity {
  return v.parse(entitySchema, toEntity(record))
}

/** Whether two entities are the same, property by property, in any order. */
export function sameEntity(a: StoredEntity, b: StoredEntity): boolean {
  const sorted = (entity: StoredEntity) =>
    JSON.stringify(Object.entries(entity).sort(([one], [other]) => (one < other ? -1 : 1)))
  return sorted(a) === sorted(b)
}

function plainValue(property: StoredEntity[string]): unknown {
  if (typeof property !== 'object') return property
  return ['Int32', 'Double'].includes(property.type) ? Number(property.value) : property.value
}
