import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { QueueClient } from '@azure/storage-queue'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table
describe('table bindings', () => {
  let azurite: Azurite
  let host: TestHost
  let table: TableClient

  beforeAll(async () => {
    azurite = await startAzurite()
    table = TableClient.fromConnectionString(azurite.connectionString, 'conformance', {
      allowInsecureConnection: true,
    })
    host = await startHost('table', { env: { AzureWebJobsStorage: azurite.connectionString } })
  })
  afterAll(async () => {
    await host.stop()
    await azurite.stop()
  })

  test('an output writes one entity, in a table that is created when it is missing', async () => {
    expect(await write({ PartitionKey: 'p', RowKey: '1', Name: 'Ada' })).toBe(201)
    expect(await found('/api/one/p/1')).toEqual({ PartitionKey: 'p', RowKey: '1', Name: 'Ada' })
  })

  test('an array writes an entity for each element', async () => {
    const rows = [
      { PartitionKey: 'many', RowKey: '1', Name: "O'Hara" },
      { PartitionKey: 'many', RowKey: '2', Name: 'Grace' },
      { PartitionKey: 'many', RowKey: '3', Name: 'Grace' },
      { PartitionKey: 'other', RowKey: '1', Name: 'Grace' },
    ]
    expect(await write(rows)).toBe(201)
    expect(await found('/api/all/many')).toEqual(rows.slice(0, 3))
    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table-input#configuration
    expect(await found('/api/some/many')).toEqual(rows.slice(0, 2))
    expect(await found('/api/filtered/many/Grace')).toEqual(rows.slice(1, 3))
    expect(await found("/api/filtered/many/O'Hara")).toEqual(rows.slice(0, 1))
  })

  test('more entities than fit into a transaction are written', async () => {
    const rows = Array.from({ length: 205 }, (_, i) => ({ PartitionKey: 'bulk', RowKey: String(1000 + i) }))
    expect(await write(rows)).toBe(201)
    expect(await found('/api/all/bulk')).toEqual(rows)
  })

  // https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/tables/Microsoft.Azure.WebJobs.Extensions.Tables/src/TablesExtensionConfigProvider.cs
  test('values keep their types; objects are stored as JSON text', async () => {
    const row = {
      PartitionKey: 'types',
      RowKey: '1',
      Text: '2026-01-02T03:04:05Z',
      Flag: true,
      Count: 42,
      Share: 1.5,
      Missing: null,
      Nested: { a: [1] },
    }
    expect(await write(row)).toBe(201)
    expect(await found('/api/one/types/1')).toEqual({
      PartitionKey: 'types',
      RowKey: '1',
      Text: '2026-01-02T03:04:05Z',
      Flag: true,
      Count: 42,
      Share: 1.5,
      Nested: JSON.stringify({ a: [1] }, null, 2),
    })
    expect(await table.getEntity('types', '1')).toMatchObject({ Count: 42n })
    expect(await found('/api/above/41')).toHaveLength(1)
    expect(await found('/api/above/42')).toEqual([])
  })

  test('a stored date, GUID and bytes are text for the handler', async () => {
    await table.createEntity({
      partitionKey: 'stored',
      rowKey: '1',
      When: new Date('2026-01-02T03:04:05.670Z'),
      Guid: { type: 'Guid', value: '10000000-2000-4000-8000-500000000000' },
      Bytes: new Uint8Array([0, 255]),
    })
    expect(await found('/api/one/stored/1')).toEqual({
      PartitionKey: 'stored',
      RowKey: '1',
      When: '2026-01-02T03:04:05.67+00:00',
      Guid: '10000000-2000-4000-8000-500000000000',
      Bytes: 'AP8=',
    })
  })

  test('nothing that matches is an empty array, a missing entity is undefined', async () => {
    expect(await found('/api/all/none')).toEqual([])
    expect(await found('/api/elsewhere')).toEqual([])
    expect(await found('/api/one/p/none')).toBe('nothing')
  })

  test("keys of the binding are used where the entity has none; the entity's own win", async () => {
    expect(await post('/api/keyed/one', { Name: 'Ada' })).toBe(201)
    expect(await found('/api/one/keyed/one')).toMatchObject({ Name: 'Ada' })
    expect(await post('/api/keyed/two', { rowKey: 'three', Name: 'Grace' })).toBe(201)
    expect(await found('/api/one/keyed/three')).toMatchObject({ Name: 'Grace' })
  })

  // https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/tables/Microsoft.Azure.WebJobs.Extensions.Tables/src/TableEntityWriter.cs
  test('an entity is new: one with the same keys fails the invocation, unless its ETag is *', async () => {
    const row = { PartitionKey: 'twice', RowKey: '1', Name: 'first' }
    expect(await write(row)).toBe(201)
    expect(await write(row)).toBe(500)
    expect(await write({ ...row, ETag: '*', Name: 'second' })).toBe(201)
    expect(await found('/api/one/twice/1')).toMatchObject({ Name: 'second' })
  })

  test('an entity without keys, or with forbidden ones, fails with the reason', async () => {
    expect(await write({ PartitionKey: 'p' })).toBe(500)
    expect(await write({ PartitionKey: 'p', RowKey: 'a/b' })).toBe(500)
    if (onCoreTools) return
    await host.printed('Exception: The entity has no RowKey.')
    await host.printed('/, \\, #, ? and control characters cannot be part of a key')
  })

  test('outside quotes a filter takes numbers only', async () => {
    expect((await host.fetch('/api/above/1%20or%20true')).status).toBe(500)
    await host.printed("An invalid parameter value was specified for filter parameter '")
  })

  test("a queue function's return value can be an entity", async () => {
    const queue = new QueueClient(azurite.connectionString, 'table-rows')
    await queue.createIfNotExists()
    await queue.sendMessage(Buffer.from('{"id":"q1","text":"hello"}').toString('base64'))
    await host.printed(/Executed 'Functions\.toTable' \(Succeeded/)
    expect(await found('/api/one/queue/q1')).toEqual({ PartitionKey: 'queue', RowKey: 'q1', Text: 'hello' })
  })

  async function post(path: string, body: unknown): Promise<number> {
    return (await host.fetch(path, { method: 'POST', body: JSON.stringify(body) })).status
  }
  async function write(rows: unknown): Promise<number> {
    return await post('/api/write', rows)
  }
  async function found(path: string): Promise<unknown> {
    const response = await host.fetch(path)
    expect(response.status).toBe(200)
    return ((await response.json()) as { found: unknown }).found
  }
})
