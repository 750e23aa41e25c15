import { odata, RestError, type TableClient } from '@azure/data-tables'
import { storageCall } from '../poison/storageCall.ts'
import { sameEntity, storedEntity, type StoredEntity } from './entity.ts'
import type { Page, RecordStore } from './store.ts'

/** The table of the order records, entity by entity, with properties that the app does not know. */
export function tableStore(table: TableClient): RecordStore {
  return {
    url: table.url,
    resumes: true,
    prepare: () => storageCall('make the table orders', (abortSignal) => table.createTable({ abortSignal })),
    async *pages(after, pageSize) {
      for (const filter of filtersAfter(after)) yield* pagesOf(table, filter, pageSize)
    },
    create: (entity) =>
      storageCall('write a record', (abortSignal) =>
        table.createEntity(entity, { abortSignal }).then(() => true, unlessStatus(409)),
      ),
    async read({ partitionKey, rowKey }) {
      const found = await storageCall('read a record', (abortSignal) =>
        table.getEntity(partitionKey, rowKey, { disableTypeConversion: true, abortSignal }),
      )
      return { entity: storedEntity(found), etag: found.etag }
    },
    replace: (entity, etag) =>
      storageCall('write a record', (abortSignal) =>
        table.updateEntity(entity, 'Replace', { etag, abortSignal }).then(() => true, unlessStatus(412)),
      ),
    same: sameEntity,
  }
}

/** What lies behind an entity, in the order of the table; each filter reads its own range and nothing else. */
function filtersAfter(last: StoredEntity | undefined): readonly (string | undefined)[] {
  if (last === undefined) return [undefined]
  return [
    odata`PartitionKey eq ${last.partitionKey} and RowKey gt ${last.rowKey}`,
    odata`PartitionKey gt ${last.partitionKey}`,
  ]
}

async function* pagesOf(
  table: TableClient,
  filter: string | undefined,
  maxPageSize: number,
): AsyncGenerator<Page> {
  const iterator = table
    .listEntities({
      // A property keeps its type: what is restored is what was there.
      disableTypeConversion: true,
      ...(filter !== undefined && { queryOptions: { filter } }),
    })
    .byPage({ maxPageSize })
  for (;;) {
    const page = await storageCall('read the table orders', () => iterator.next())
    if (page.done === true) return
    yield { entities: page.value.map(storedEntity), unreadable: [] }
  }
}

/** False for an error of storage with this status. */
function unlessStatus(status: number): (error: unknown) => false {
  return (error) => {
    if (error instanceof RestError && error.statusCode === status) return false
    throw error
  }
}
