import type { TableClient, TransactionAction } from '@azure/data-tables'
import { resolveSettings } from '../binding-expression.ts'
import { isObject, type JsonObject } from '../config/json-file.ts'
import { isoWithOffset } from '../date-text.ts'
import { BindingError, propertyOf, requiredText, textOf, type NamedBinding } from '../host/function.ts'
import type { TypedData } from '../protocol.ts'
import type { BindingScope, BindingType } from '../registry.ts'
import { connectionName, resolveConnection } from '../storage/connection.ts'
import { statusOf, withTarget } from '../storage/errors.ts'
import { tableKeyFault, tableNameFault } from '../storage/names.ts'
import { tableClient } from '../storage/tables.ts'
import { warnOfInvalidName } from './name-warning.ts'
import { resolveFilter } from './table-filter.ts'
import { jsonIn } from '../json-text.ts'

/**
 * Table input and output:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table-input and
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table-output
 */
export const tableBinding: BindingType = {
  type: 'table',
  check: (binding, services) => {
    const { settings } = services
    const given = requiredText(binding, 'tableName')
    warnOfInvalidName(services, () => {
      const name = resolveSettings(given, settings)
      if (!name.includes('{')) checkTableName(name, binding)
    })
    resolveConnection(settings, textOf(binding, 'connection'))
    if (binding.direction === 'out') return
    const take = takeOf(binding)
    if (textOf(binding, 'rowKey') === undefined) return
    if (textOf(binding, 'partitionKey') === undefined) {
      throw new BindingError("'rowKey' of its table input needs a 'partitionKey' with it.")
    }
    if (take !== undefined || textOf(binding, 'filter') !== undefined) {
      throw new BindingError("'rowKey' of its table input cannot be used with 'take' or 'filter'.")
    }
  },
  input: async (scope) => {
    const { binding, resolve } = scope
    const partitionKey = resolved(binding, 'partitionKey', resolve)
    const rowKey = resolved(binding, 'rowKey', resolve)
    for (const [name, key] of Object.entries({ partitionKey, rowKey }))
      if (key !== undefined) checkKey(`${name} of its table input`, key)
    return await onTable(scope, (table) =>
      rowKey === undefined ? list(table, partitionKey, scope) : readOne(table, partitionKey ?? '', rowKey),
    )
  },
  output: async (scope, value) => {
    const { binding, resolve } = scope
    const rows = entitiesOf(value).map((entity) =>
      rowOf(entity, resolved(binding, 'partitionKey', resolve), resolved(binding, 'rowKey', resolve)),
    )
    if (rows.length === 0) return
    await onTable(scope, async (table) => {
      for (const batch of batchesOf(rows)) await write(table, batch)
    })
  },
}

async function onTable<T>(
  { binding, services, resolve }: BindingScope,
  work: (table: TableClient) => Promise<T>,
): Promise<T> {
  const name = resolve(requiredText(binding, 'tableName'))
  checkTableName(name, binding)
  const connection = textOf(binding, 'connection')
  return await withTarget({ kind: 'table', name, connection: connectionName(connection) }, async () =>
    work(await tableClient(services.settings, connection, name)),
  )
}

function checkTableName(name: string, binding: NamedBinding): void {
  const fault = tableNameFault(name)
  if (fault !== undefined)
    throw new BindingError(`'tableName' of its ${binding.type} binding is '${name}'. ${fault}`)
}

function checkKey(what: string, key: string): void {
  const fault = tableKeyFault(key)
  if (fault !== undefined) throw new BindingError(`${what} is ${JSON.stringify(key)}. ${fault}`)
}

function resolved(
  binding: NamedBinding,
  property: string,
  resolve: (template: string) => string,
): string | undefined {
  const template = textOf(binding, property)
  return template === undefined ? undefined : resolve(template)
}

function takeOf(binding: NamedBinding): number | undefined {
  const value = propertyOf(binding, 'take')
  if (value === undefined || value === null || value === '') return undefined
  const take = Number(value)
  if (!Number.isInteger(take) || take < 0) {
    throw new BindingError(`'take' of its table input must be a whole number, not ${JSON.stringify(value)}.`)
  }
  return take === 0 ? undefined : take
}

async function readOne(
  table: TableClient,
  partitionKey: string,
  rowKey: string,
): Promise<TypedData | undefined> {
  try {
    return { json: entityJson(await table.getEntity(partitionKey, rowKey)) }
  } catch (error) {
    // An entity, or a table, that does not exist is no error: the handler gets `undefined`.
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

async function list(
  table: TableClient,
  partitionKey: string | undefined,
  { binding, resolve }: BindingScope,
): Promise<TypedData> {
  const take = takeOf(binding)
  const filter = textOf(binding, 'filter')
  const conditions = [
    ...(partitionKey === undefined ? [] : [`PartitionKey eq '${partitionKey.replaceAll("'", "''")}'`]),
    ...(filter === undefined ? [] : [resolveFilter(filter, resolve)]),
  ]
  const queryOptions = conditions.length === 0 ? {} : { filter: conditions.join(' and ') }
  const found: string[] = []
  try {
    const pages = table
      .listEntities({ queryOptions })
      .byPage(take === undefined ? {} : { maxPageSize: Math.min(take, LARGEST_PAGE) })
    for await (const page of pages) {
      for (const entity of page) {
        found.push(entityJson(entity))
        if (found.length === take) return { json: `[${found.join(',')}]` }
      }
    }
  } catch (error) {
    // The table may be created later.
    if (statusOf(error) !== 404) throw error
  }
  return { json: `[${found.join(',')}]` }
}

const LARGEST_PAGE = 1000
const LARGEST_BATCH = 100
// What the SDK adds to an entity's own properties.
const SYSTEM_PROPERTIES = ['etag', 'odata.etag', 'odata.metadata', 'timestamp']

/** `PartitionKey`, `RowKey` and the entity's own properties, no more. */
function entityJson(entity: Readonly<Record<string, unknown>>): string {
  const own = Object.entries(entity)
    .filter(([name]) => !SYSTEM_PROPERTIES.includes(name) && name !== 'partitionKey' && name !== 'rowKey')
    .map(([name, value]) => `${JSON.stringify(name)}:${valueJson(value)}`)
  const keys = [
    `"PartitionKey":${JSON.stringify(entity['partitionKey'])}`,
    `"RowKey":${JSON.stringify(entity['rowKey'])}`,
  ]
  return `{${[...keys, ...own].join(',')}}`
}

function valueJson(value: unknown): string {
  // JSON has no 64-bit integers of its own; the real host writes them as numbers too.
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Date) return JSON.stringify(isoWithOffset(value))
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (isObject(value) && 'type' in value && 'value' in value) return JSON.stringify(value['value'])
  return JSON.stringify(value)
}

/** An entity to write, with how. */
interface Row {
  readonly partitionKey: string
  readonly rowKey: string
  readonly action: TransactionAction
}

function entitiesOf(value: TypedData): readonly JsonObject[] {
  const parsed = jsonIn(value.json ?? value.string ?? value.bytes ?? '')
  const all: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed]
  const entities = all.filter((entity) => entity !== null)
  if (!entities.every(isObject)) {
    throw new BindingError(
      'A table output takes an object, or an array of objects, with PartitionKey and RowKey.',
    )
  }
  return entities
}

function rowOf(
  entity: JsonObject,
  defaultPartition: string | undefined,
  defaultRow: string | undefined,
): Row {
  let partitionKey: unknown = defaultPartition
  let rowKey: unknown = defaultRow
  let etag: unknown
  const properties = new Map<string, unknown>()
  for (const [name, value] of Object.entries(entity)) {
    switch (name.toLowerCase()) {
      case 'partitionkey':
        partitionKey = value
        break
      case 'rowkey':
        rowKey = value
        break
      case 'etag':
      case 'odata.etag':
        etag = value
        break
      case 'timestamp':
        break
      default:
        if (value !== null) properties.set(name, propertyValue(value))
    }
  }
  const keys = { partitionKey: keyOf('PartitionKey', partitionKey), rowKey: keyOf('RowKey', rowKey) }
  const row = { ...Object.fromEntries(properties), ...keys }
  // Without an ETag an entity is new; `*` replaces what there is; any other must match:
  // https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/tables/Microsoft.Azure.WebJobs.Extensions.Tables/src/TableEntityWriter.cs
  if (etag === undefined || etag === null || etag === '') return { ...keys, action: ['create', row] }
  if (etag === '*') return { ...keys, action: ['upsert', row, 'Replace'] }
  if (typeof etag !== 'string')
    throw new BindingError(`ETag of the entity must be text, not ${JSON.stringify(etag)}.`)
  return { ...keys, action: ['update', row, 'Replace', { etag }] }
}

function keyOf(name: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw new BindingError(
      value === undefined || value === null
        ? `The entity has no ${name}. Give it one, or set it on the table output.`
        : `${name} of the entity must be text, not ${JSON.stringify(value)}.`,
    )
  }
  checkKey(`${name} of the entity`, value)
  return value
}

const LARGEST_INT64 = 2 ** 63

/** As the real host stores JSON: whole numbers as Int64, others as Double, objects and arrays as their JSON text. */
function propertyValue(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isInteger(value) && Math.abs(value) < LARGEST_INT64
      ? { type: 'Int64', value: BigInt(value).toString() }
      : { type: 'Double', value: String(value) }
  }
  return typeof value === 'object' ? JSON.stringify(value, null, 2) : value
}

/** A batch holds rows of one partition, each row once, and is written as a whole. */
function batchesOf(rows: readonly Row[]): readonly (readonly Row[])[] {
  const batches: Row[][] = []
  const open = new Map<string, { rows: Row[]; keys: Set<string> }>()
  for (const row of rows) {
    let batch = open.get(row.partitionKey)
    if (batch === undefined || batch.keys.has(row.rowKey) || batch.rows.length === LARGEST_BATCH) {
      batch = { rows: [], keys: new Set() }
      open.set(row.partitionKey, batch)
      batches.push(batch.rows)
    }
    batch.rows.push(row)
    batch.keys.add(row.rowKey)
  }
  return batches
}

async function write(table: TableClient, rows: readonly Row[]): Promise<void> {
  const submit = async (): Promise<unknown> => await table.submitTransaction(rows.map(({ action }) => action))
  try {
    await submit()
  } catch (error) {
    if (statusOf(error) !== 404) throw error
    await table.createTable()
    await submit()
  }
}
