import { TableClient } from '@azure/data-tables'
import { CosmosClient } from '@azure/cosmos'
import { connectionString, startAzurite } from 'testkit/azurite'
import { cosmosConnectionString, startCosmos } from 'testkit/cosmos'
import { startFaultProxy, type Fault } from 'testkit/faultProxy'
import type { OrderRecord } from '../../src/orders/order.ts'
import type { OrderRecords } from '../../src/orders/ports.ts'
import { azureStorage } from '../../src/storage/azure.ts'
import { cosmosClient, cosmosOrderRecords } from '../../src/storage/cosmos.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { COSMOS_DATABASE, ORDERS_CONTAINER, ORDERS_TABLE } from '../../src/storage/names.ts'
import { partitionKey } from '../../src/storage/tables.ts'

/** One implementation of the port of order records, and what a test can do behind its back. */
export interface RecordStore {
  readonly records: OrderRecords
  /** Changes fields of what is stored under an id, as no version of the app would. `null` removes one. */
  damage(id: string, change: Readonly<Record<string, unknown>>): Promise<void>
  /** Removes all records, and what they are in: storage is as it is before its first use. */
  removeAll(): Promise<void>
  stop(): Promise<void>
}

/** A store behind a network. */
export interface RemoteRecordStore extends RecordStore {
  /** What becomes of the next requests for records, one after the other; all after them pass. */
  next(...faults: readonly Fault[]): void
  /** What becomes of every request for records from now on. */
  always(fault: Fault): void
  goOffline(): Promise<void>
  goOnline(): Promise<void>
  /** What the store responds when it has too much to do. */
  readonly busy: Fault
}

/** Every implementation of the port. Whatever one of them does is done by all (test/integration/records.test.ts). */
export const RECORD_STORES: Readonly<Record<string, () => Promise<RecordStore | RemoteRecordStore>>> = {
  'in memory': memoryRecords,
  'in a table': tableRecords,
  'in Cosmos DB': cosmosRecords,
}

export function isRemote(store: RecordStore): store is RemoteRecordStore {
  return 'next' in store
}

function memoryRecords(): Promise<RecordStore> {
  const { records, table } = memoryStorage()
  return Promise.resolve({
    records,
    damage: (id, change) => {
      const stored = table.get(id)
      if (stored === undefined) throw new Error(`there is no ${id}`)
      table.set(id, { record: changed(stored.record, change) as OrderRecord, etag: 'damaged' })
      return Promise.resolve()
    },
    removeAll: () => {
      table.clear()
      return Promise.resolve()
    },
    stop: () => Promise.resolve(),
  })
}

async function tableRecords(): Promise<RemoteRecordStore> {
  const azurite = await startAzurite({})
  const wire = await faultyWire(azurite.ports.table, 'storage', /^\/devstoreaccount1\/orders/)
  const { records } = await azureStorage({
    AzureWebJobsStorage: connectionString({ ...azurite.ports, table: wire.port }),
  })
  const table = TableClient.fromConnectionString(azurite.connectionString, ORDERS_TABLE, {
    allowInsecureConnection: true,
  })
  return {
    ...wire,
    records,
    async damage(id, change) {
      const key = { partitionKey: partitionKey(id), rowKey: id }
      const { etag: _, timestamp: _timestamp, ...columns } = await table.getEntity(key.partitionKey, id)
      await table.updateEntity({ ...changed(columns, change), ...key }, 'Replace')
    },
    removeAll: () => table.deleteTable().then(() => undefined),
    async stop() {
      await wire.close()
      await azurite.stop()
    },
    busy: { kind: 'error', status: 503 },
  }
}

async function cosmosRecords(): Promise<RemoteRecordStore> {
  const cosmos = await startCosmos()
  const wire = await faultyWire(cosmos.port, 'cosmos', /^\/dbs\/orders\/colls\/orders\/docs/)
  // Endpoints as the account itself says: the library would leave the proxy for them.
  const client = await cosmosClient({ CosmosDb: cosmosConnectionString(wire.port) })
  const behind = new CosmosClient(cosmos.connectionString)
  const container = behind.database(COSMOS_DATABASE).container(ORDERS_CONTAINER)
  return {
    ...wire,
    records: cosmosOrderRecords(client),
    async damage(id, change) {
      const { resource = {} } = await container.item(id, id).read<Record<string, unknown>>()
      await container.item(id, id).replace({ ...changed(resource, change), id })
    },
    removeAll: () =>
      behind
        .database(COSMOS_DATABASE)
        .delete()
        .then(
          () => undefined,
          () => undefined,
        ),
    async stop() {
      client.dispose()
      behind.dispose()
      await wire.close()
      await cosmos.stop()
    },
    busy: { kind: 'error', status: 429 },
  }
}

/** A proxy whose faults meet the requests for records alone. */
export async function faultyWire(
  upstreamPort: number,
  errors: 'storage' | 'cosmos',
  forRecords: RegExp,
): Promise<
  Pick<RemoteRecordStore, 'next' | 'always' | 'goOffline' | 'goOnline'> & {
    readonly port: number
    close(): Promise<void>
  }
> {
  let faults: Fault[] = []
  let rest: Fault = { kind: 'pass' }
  const proxy = await startFaultProxy({
    upstreamPort,
    errors,
    choose: ({ path }) => (forRecords.test(path) ? (faults.shift() ?? rest) : { kind: 'pass' }),
  })
  return {
    port: proxy.port,
    goOffline: () => proxy.goOffline(),
    goOnline: () => proxy.goOnline(),
    close: () => proxy.close(),
    next: (...some) => {
      faults = [...some]
      rest = { kind: 'pass' }
    },
    always: (fault) => {
      faults = []
      rest = fault
    },
  }
}

function changed(
  fields: Readonly<Record<string, unknown>>,
  change: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...fields, ...change }).filter(([, value]) => value !== null))
}
