import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { blobBinding } from '../src/bindings/blob.ts'
import { queueBinding } from '../src/bindings/queue.ts'
import { resolveFilter } from '../src/bindings/table-filter.ts'
import { tableBinding } from '../src/bindings/table.ts'
import { BindingError } from '../src/host/function.ts'
import type { TypedData } from '../src/protocol.ts'
import type { BindingType } from '../src/registry.ts'
import { readBlobOptions } from '../src/storage/blob-options.ts'
import { readQueueOptions } from '../src/storage/queue-options.ts'
import { availableParallelism } from 'node:os'
import {
  refusal,
  startFakeStorage,
  type FakeStorage,
  type StorageRequest,
  type StorageResponse,
} from './harness/fake-storage.ts'
import { fakeScope, fakeServices, type FakeServices } from './harness/services.ts'

let storage: FakeStorage
let services: FakeServices
beforeAll(async () => {
  storage = await startFakeStorage()
})
afterAll(async () => {
  await storage.stop()
})
beforeEach(() => {
  storage.intercept = () => undefined
  services = fakeServices({ AzureWebJobsStorage: storage.connectionString, BOX: 'box', Broken: 'x' })
})

type Binding = Readonly<Record<string, unknown>>
const check = (type: BindingType, binding: Binding): void =>
  type.check?.({ name: 'b', type: type.type, direction: 'out', ...binding }, services)
const input = async (
  type: BindingType,
  binding: Binding,
  data: Binding = {},
): Promise<TypedData | undefined> =>
  await type.input?.(fakeScope({ type: type.type, direction: 'in', ...binding }, services, data))
const output = async (
  type: BindingType,
  binding: Binding,
  value: TypedData,
  data: Binding = {},
): Promise<void> =>
  await type.output?.(fakeScope({ type: type.type, direction: 'out', ...binding }, services, data), value)
const json = (value: unknown): TypedData => ({ json: JSON.stringify(value) })
const FAILS = ' Every invocation that uses the binding fails, as in Azure.'

describe('a blob binding', () => {
  const content = (name: string): string | undefined =>
    storage.containers.get('box')?.get(name)?.content.toString()

  test('reads a blob as text, or as bytes', async () => {
    storage.put('box', 'a.txt', 'hü')
    expect(await input(blobBinding, { path: '%BOX%/{name}.txt' }, { name: 'a' })).toEqual({ string: 'hü' })
    expect(await input(blobBinding, { path: 'box/a.txt', dataType: 'binary' })).toEqual({
      bytes: Buffer.from('hü'),
    })
  })

  test('a blob or a container that is not there is nothing', async () => {
    expect(await input(blobBinding, { path: 'box/missing' })).toBeUndefined()
    expect(await input(blobBinding, { path: 'nobox/missing' })).toBeUndefined()
  })

  test('writes a blob, and creates its container', async () => {
    await output(blobBinding, { path: 'box/{name}' }, { string: 'one' }, { name: 'w' })
    expect(content('w')).toBe('one')
    await output(blobBinding, { path: 'box/w' }, { string: 'two' })
    expect(content('w')).toBe('two')
    await output(blobBinding, { path: 'fresh/w' }, json({ a: 1 }))
    expect(storage.containers.get('fresh')?.get('w')?.content.toString()).toBe('{"a":1}')
    await output(blobBinding, { path: 'box/nothing' }, json(null))
    expect(content('nothing')).toBeUndefined()
  })

  test('an error names the blob, the connection, and what to do', async () => {
    storage.intercept = () => refusal(403, 'AuthorizationFailure', 'Not you.')
    for (const work of [
      input(blobBinding, { path: 'box/a' }),
      output(blobBinding, { path: 'box/a', connection: 'Storage' }, { string: 'x' }),
    ])
      await expect(work).rejects.toThrow(
        /^Blob 'box\/a' \(connection 'AzureWebJobsStorage'\) failed: 403 AuthorizationFailure(?: Not you)?\. Check the key of connection/,
      )
    await expect(input(blobBinding, { path: 'box/..' })).rejects.toThrow("Invalid blob path 'box/..'.")
    await expect(input(blobBinding, { path: 'box/a', connection: 'Other' })).rejects.toThrow(
      "string 'Other' does not exist",
    )
  })

  test.each([
    [{ path: 'box/a.txt' }, []],
    [{ path: 'box/{name}' }, []],
    [{ path: '{box}/{name}' }, []],
    [{ path: '%BOX%/a' }, []],
    [{ path: 'Box/a' }, [/^warning Invalid blob path 'Box\/a'\. A container name must be all lower case\./]],
    [
      { path: 'Box/{name}' },
      [/^warning Invalid blob path 'Box\/\{name\}'\. A container name must be all lower case\./],
    ],
    [{ path: 'box' }, [/^warning Invalid blob path 'box'\. Blob identifiers/]],
    [{ path: '%NOBOX%/a' }, [/^warning '%NOBOX%' does not resolve to a value/]],
  ])('%j is checked at the start, and warned of', (binding, lines) => {
    check(blobBinding, binding)
    expect(services.log.lines).toEqual(lines.map((line) => expect.stringMatching(line)))
    for (const line of services.log.lines) expect(line.endsWith(FAILS)).toBe(true)
  })

  test.each([
    [{}, "'path' of its blob binding is missing."],
    [{ path: 'box/a', connection: 'Other' }, "string 'Other' does not exist"],
  ])('%j is refused', (binding, reason) => {
    expect(() => {
      check(blobBinding, binding)
    }).toThrow(BindingError)
    expect(() => {
      check(blobBinding, binding)
    }).toThrow(reason)
  })
})

describe('a queue output', () => {
  const texts = (queue: string): string[] => storage.queues.get(queue)?.map(({ text }) => text) ?? []

  test('sends messages in order, in the encoding of host.json, to a queue that it creates', async () => {
    await output(queueBinding, { queueName: 'To-{name}' }, json(['a', 'b']), { name: 'Me' })
    expect(texts('to-me')).toEqual(['YQ==', 'Yg=='])
    services = fakeServices(
      { Mine: storage.connectionString },
      { 'extensions.queues': { messageEncoding: 'none' } },
    )
    await output(queueBinding, { queueName: 'plain', connection: 'Mine' }, { string: 'a<b' })
    expect(texts('plain')).toEqual(['a<b'])
    await output(queueBinding, { queueName: 'nothing', connection: 'Mine' }, json(null))
    expect(storage.queues.has('nothing')).toBe(false)
  })

  test('an error names the queue, the connection, and what to do', async () => {
    storage.intercept = () => refusal(413, 'RequestBodyTooLarge', 'Too large.')
    await expect(output(queueBinding, { queueName: 'orders' }, { string: 'x' })).rejects.toThrow(
      "Queue 'orders' (connection 'AzureWebJobsStorage') failed: 413 RequestBodyTooLarge Too large. A message holds at most 64 KiB",
    )
    await expect(output(queueBinding, { queueName: 'no_queue' }, { string: 'x' })).rejects.toThrow(
      "'queueName' of its queue binding is 'no_queue'. A queue name can contain only",
    )
  })

  test.each([
    [{ queueName: 'Orders' }, []],
    [{ queueName: '{no_name}' }, []],
    [{ queueName: '%BOX%-x' }, []],
    [
      { queueName: 'a--b' },
      [
        /^warning 'queueName' of its queue binding is 'a--b'\. A queue name cannot contain consecutive dashes/,
      ],
    ],
    [{ queueName: 'orders', connection: 'Other' }, [/^warning .*string 'Other' does not exist/]],
  ])('%j is checked at the start, and warned of', (binding, lines) => {
    check(queueBinding, binding)
    expect(services.log.lines).toEqual(lines.map((line) => expect.stringMatching(line)))
  })

  test('without a name is refused', () => {
    expect(() => {
      check(queueBinding, {})
    }).toThrow("'queueName' of its queue binding is missing.")
  })
})

test('a check that fails for a reason of this program is thrown', () => {
  services = { ...services, settings: { ...services.settings, get: () => { throw new TypeError('a bug') } } } // prettier-ignore
  expect(() => {
    check(queueBinding, { queueName: '%X%' })
  }).toThrow(TypeError)
})

interface Operation {
  readonly method: string
  readonly path: string
  readonly etag: string | undefined
  readonly entity: Readonly<Record<string, unknown>>
}

/** The operations of a batch, https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
function operationsOf({ body }: StorageRequest): Operation[] {
  return body
    .toString()
    .split(/--changeset_[\w-]+/)
    .flatMap((part) => {
      const match = /(POST|PUT|PATCH|DELETE) \S*?\/account\/(\S+) HTTP\/1\.1([^]*?)\r?\n\r?\n([^]*)/.exec(
        part,
      )
      if (match === null) return []
      const [, method = '', path = '', headers = '', entity = ''] = match
      const etag = /if-match: (\S+)/i.exec(headers)?.[1]
      return [
        {
          method,
          path: decodeURIComponent(path),
          etag,
          entity: JSON.parse(entity.trim()) as Operation['entity'],
        },
      ]
    })
}

const ACCEPTED: StorageResponse = {
  status: 202,
  headers: { 'content-type': 'multipart/mixed; boundary=batchresponse_1' },
  body: '--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n--changesetresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--changesetresponse_1--\r\n--batchresponse_1--\r\n',
}

describe('a table output', () => {
  let batches: Operation[][]
  let created: string[]
  beforeEach(() => {
    batches = []
    created = []
    storage.intercept = (request) => {
      if (request.path === '/Tables') {
        created.push(request.body.toString())
        return { status: 204 }
      }
      batches.push(operationsOf(request))
      return ACCEPTED
    }
  })
  const write = (value: TypedData, binding: Binding = {}, data: Binding = {}): Promise<void> =>
    output(tableBinding, { tableName: 'rows', ...binding }, value, data)
  const keys = { PartitionKey: 'p', RowKey: 'r' }

  test('creates an entity, with the types that the real host stores', async () => {
    await write(
      json({
        ...keys,
        text: 't',
        whole: 5,
        fraction: 1.5,
        huge: 1e300,
        yes: true,
        none: null,
        list: [1],
        nested: { a: 1 },
      }),
    )
    expect(batches).toEqual([
      [
        {
          method: 'POST',
          path: 'rows',
          etag: undefined,
          entity: {
            ...keys,
            text: 't',
            whole: '5',
            'whole@odata.type': 'Edm.Int64',
            fraction: '1.5',
            'fraction@odata.type': 'Edm.Double',
            huge: '1e+300',
            'huge@odata.type': 'Edm.Double',
            yes: true,
            list: '[\n  1\n]',
            nested: '{\n  "a": 1\n}',
          },
        },
      ],
    ])
  })

  test.each([2 ** 63, -(2 ** 63)])('a whole number beyond 64 bits (%d) is a double', async (n) => {
    await write(json({ ...keys, n }))
    expect(batches[0]?.[0]?.entity).toMatchObject({ 'n@odata.type': 'Edm.Double' })
  })

  test('keys may come from the binding; those of the entity come first, in any case', async () => {
    await write(
      json([{ a: 1 }, { partitionkey: 'q', ROWKEY: 's' }]),
      { partitionKey: '{p}', rowKey: 'row-{p}' },
      { p: '7' },
    )
    expect(batches.flat().map(({ entity }) => [entity['PartitionKey'], entity['RowKey']])).toEqual([['7', 'row-7'], ['q', 's']]) // prettier-ignore
  })

  test.each<[unknown, Partial<Operation>]>([
    [undefined, { method: 'POST', path: 'rows' }],
    ['', { method: 'POST', path: 'rows' }],
    [null, { method: 'POST', path: 'rows' }],
    ['*', { method: 'PUT', path: "rows(PartitionKey='p',RowKey='r')", etag: undefined }],
    ['W/"1"', { method: 'PUT', path: "rows(PartitionKey='p',RowKey='r')", etag: 'W/"1"' }],
  ])('with the ETag %j', async (etag, operation) => {
    for (const name of ['etag', 'ETag', 'odata.etag']) {
      await write(json({ ...keys, [name]: etag, Timestamp: 'x' }))
      expect(batches.pop()).toMatchObject([operation])
    }
  })

  test('an ETag or a timestamp is no property', async () => {
    await write(json({ ...keys, etag: '*', TimeStamp: 'x', a: 'b' }))
    expect(batches[0]?.[0]?.entity).toEqual({ ...keys, a: 'b' })
  })

  test('rows go in batches of one partition, at most a hundred, and no row twice', async () => {
    const row = (PartitionKey: string, RowKey: string): object => ({ PartitionKey, RowKey })
    await write(json([row('a', '1'), row('b', '1'), row('a', '2'), row('a', '1')]))
    const written = (): string[][] =>
      batches.map((batch) =>
        batch.map(({ entity }) => `${String(entity['PartitionKey'])}${String(entity['RowKey'])}`),
      )
    expect(written()).toEqual([['a1', 'a2'], ['b1'], ['a1']])
    batches = []
    await write(json(Array.from({ length: 101 }, (_, i) => row('a', String(i)))))
    expect(batches.map(({ length }) => length)).toEqual([100, 1])
  })

  test('nothing, or null, writes nothing', async () => {
    for (const value of [[], [null], null]) await write(json(value))
    expect(batches).toEqual([])
    await write(json([null, keys]))
    expect(batches).toHaveLength(1)
  })

  test('JSON may come as text or bytes', async () => {
    const text = JSON.stringify(keys)
    await write({ string: text })
    await write({ bytes: Buffer.from(text) })
    expect(batches).toHaveLength(2)
  })

  test('a table that is missing is created', async () => {
    const intercept = storage.intercept
    storage.intercept = (request) =>
      request.path !== '/Tables' && created.length === 0 ? refusal(404, 'TableNotFound') : intercept(request)
    await write(json(keys))
    expect(created).toEqual(['{"TableName":"rows"}'])
    expect(batches).toHaveLength(1)
  })

  test('another error names the table', async () => {
    storage.intercept = () => refusal(403, 'AuthorizationFailure')
    await expect(write(json(keys))).rejects.toThrow(
      "Table 'rows' (connection 'AzureWebJobsStorage') failed: 403",
    )
    expect(created).toEqual([])
  })

  const notEntities = 'A table output takes an object, or an array of objects, with PartitionKey and RowKey.'
  test.each<[unknown, string]>([
    ['text', notEntities],
    [5, notEntities],
    [[keys, 5], notEntities],
    [[[]], notEntities],
    [{ RowKey: 'r' }, 'The entity has no PartitionKey. Give it one, or set it on the table output.'],
    [{ PartitionKey: 'p' }, 'The entity has no RowKey. Give it one, or set it on the table output.'],
    [{ PartitionKey: null, RowKey: 'r' }, 'The entity has no PartitionKey.'],
    [{ PartitionKey: 5, RowKey: 'r' }, 'PartitionKey of the entity must be text, not 5.'],
    [{ PartitionKey: 'p', RowKey: { a: 1 } }, 'RowKey of the entity must be text, not {"a":1}.'],
    [
      { PartitionKey: 'a/b', RowKey: 'r' },
      'PartitionKey of the entity is "a/b". /, \\, #, ? and control characters cannot be part of a key.',
    ],
    [{ ...keys, etag: 5 }, 'ETag of the entity must be text, not 5.'],
  ])('%j is refused', async (value, reason) => {
    await expect(write(json(value))).rejects.toThrow(BindingError)
    await expect(write(json(value))).rejects.toThrow(reason)
    expect(batches).toEqual([])
  })

  test('text that is no JSON is refused', async () => {
    await expect(write({ string: 'no json' })).rejects.toThrow(notEntities)
    await expect(write({})).rejects.toThrow(notEntities)
  })

  test('a name that is no table is refused', async () => {
    await expect(write(json(keys), { tableName: '{t}' }, { t: 'no-table' })).rejects.toThrow(
      "'tableName' of its table binding is 'no-table'. A table name can contain only letters and digits, and must begin with a letter.",
    )
  })
})

describe('a table input', () => {
  let asked: StorageRequest[]
  const respond = (answer: (request: StorageRequest) => object): void => {
    storage.intercept = (request) => {
      asked.push(request)
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(answer(request)),
      }
    }
  }
  beforeEach(() => {
    asked = []
  })
  const read = async (binding: Binding, data: Binding = {}): Promise<unknown> => {
    const found = await input(tableBinding, { tableName: 'rows', ...binding }, data)
    return found?.json === undefined ? found : (JSON.parse(found.json) as unknown)
  }
  const row = (RowKey: string): object => ({ PartitionKey: 'p', RowKey })

  test('with both keys is one entity, as the real host gives it', async () => {
    respond(() => ({
      'odata.metadata': 'x', 'odata.etag': 'W/"1"', ...row('r'), Timestamp: '2026-01-02T03:04:05Z', text: 't', 'big@odata.type': 'Edm.Int64', big: '9007199254740993',
      'when@odata.type': 'Edm.DateTime', when: '2026-01-02T03:04:05.100Z', 'bytes@odata.type': 'Edm.Binary', bytes: 'AP8=', 'id@odata.type': 'Edm.Guid', id: 'a-b', n: 1, yes: true, f: 1.5,
    })) // prettier-ignore
    const found = await input(
      tableBinding,
      { tableName: 'rows', partitionKey: '{p}', rowKey: 'r' },
      { p: "p'1" },
    )
    expect(found?.json).toBe(
      '{"PartitionKey":"p","RowKey":"r","text":"t","big":9007199254740993,"when":"2026-01-02T03:04:05.1+00:00","bytes":"AP8=","id":"a-b","n":1,"yes":true,"f":1.5}',
    )
    expect(asked[0]?.path).toBe("/rows(PartitionKey='p''1',RowKey='r')")
  })

  test('an entity or a table that is not there is nothing', async () => {
    storage.intercept = () => refusal(404, 'ResourceNotFound')
    expect(await read({ partitionKey: 'p', rowKey: 'r' })).toBeUndefined()
    expect(await read({})).toEqual([])
  })

  test('every other error names the table', async () => {
    storage.intercept = () => refusal(403, 'AuthorizationFailure')
    const named = "Table 'rows' (connection 'AzureWebJobsStorage') failed: 403"
    await expect(read({ partitionKey: 'p', rowKey: 'r' })).rejects.toThrow(named)
    await expect(read({})).rejects.toThrow(named)
  })

  test.each<[Binding, string | null]>([
    [{}, null],
    [{ partitionKey: '{p}' }, "PartitionKey eq 'o''p'"],
    [{ filter: 'n gt {n}' }, 'n gt 5'],
    [{ partitionKey: 'p', filter: "t eq '{p}'" }, "PartitionKey eq 'p' and t eq 'o''p'"],
  ])('%j is a list, with the filter %s', async (binding, filter) => {
    respond(() => ({ value: [row('1'), row('2')] }))
    expect(await read(binding, { p: "o'p", n: 5 })).toEqual([row('1'), row('2')])
    expect(asked[0]?.query.get('$filter')).toBe(filter)
    expect(asked[0]?.query.get('$top')).toBeNull()
  })

  test.each([
    [2, '2', 2],
    ['2', '2', 2],
    [5000, '1000', 3],
    [0, null, 3],
    ['', null, 3],
    [null, null, 3],
  ])('with take %j asks for pages of %s', async (take, top, count) => {
    respond(() => ({ value: [row('1'), row('2'), row('3')] }))
    expect(await read({ take })).toHaveLength(count)
    expect(asked[0]?.query.get('$top')).toBe(top)
    expect(asked).toHaveLength(1)
  })

  test('a list goes on over its pages', async () => {
    storage.intercept = (request) => {
      asked.push(request)
      const isFirst = request.query.get('NextPartitionKey') === null
      return {
        status: 200,
        headers: {
          'content-type': 'application/json',
          ...(isFirst
            ? { 'x-ms-continuation-nextpartitionkey': 'p', 'x-ms-continuation-nextrowkey': '2' }
            : {}),
        },
        body: JSON.stringify({ value: [row(isFirst ? '1' : '2')] }),
      }
    }
    expect(await read({})).toEqual([row('1'), row('2')])
    asked = []
    expect(await read({ take: 1 })).toEqual([row('1')])
    expect(asked).toHaveLength(1)
  })

  test('keys that cannot be are refused', async () => {
    await expect(read({ partitionKey: 'a#', rowKey: 'r' })).rejects.toThrow(
      'partitionKey of its table input is "a#".',
    )
    await expect(read({ partitionKey: 'p', rowKey: '{r}' }, { r: 'a?' })).rejects.toThrow(
      'rowKey of its table input is "a?".',
    )
  })
})

describe('a table binding at the start', () => {
  test.each<[Binding, (RegExp | string)[]]>([
    [{ tableName: 'rows' }, []],
    [{ tableName: '{any-thing}' }, []],
    [{ tableName: 'no-table' }, [/^warning 'tableName' of its table binding is 'no-table'\. /]],
    [{ tableName: 'rows', direction: 'in', partitionKey: 'p', rowKey: 'r' }, []],
    [{ tableName: 'rows', direction: 'in', partitionKey: 'p', take: 5, filter: 'x' }, []],
    [{ tableName: 'rows', direction: 'out', rowKey: 'r', take: -1 }, []],
  ])('%j is taken', (binding, lines) => {
    check(tableBinding, binding)
    expect(services.log.lines).toEqual(lines.map((line) => expect.stringMatching(line)))
  })

  test.each<[Binding, string]>([
    [{}, "'tableName' of its table binding is missing."],
    [{ tableName: 'rows', connection: 'Other' }, "string 'Other' does not exist"],
    [
      { tableName: 'rows', direction: 'in', rowKey: 'r' },
      "'rowKey' of its table input needs a 'partitionKey' with it.",
    ],
    [
      { tableName: 'rows', direction: 'in', partitionKey: 'p', rowKey: 'r', take: 1 },
      "'rowKey' of its table input cannot be used with 'take' or 'filter'.",
    ],
    [
      { tableName: 'rows', direction: 'in', partitionKey: 'p', rowKey: 'r', filter: 'x' },
      "'rowKey' of its table input cannot be used with 'take' or 'filter'.",
    ],
    [
      { tableName: 'rows', direction: 'in', take: -1 },
      "'take' of its table input must be a whole number, not -1.",
    ],
    [
      { tableName: 'rows', direction: 'in', take: 1.5 },
      "'take' of its table input must be a whole number, not 1.5.",
    ],
    [
      { tableName: 'rows', direction: 'in', take: 'x' },
      '\'take\' of its table input must be a whole number, not "x".',
    ],
  ])('%j is refused', (binding, reason) => {
    expect(() => {
      check(tableBinding, binding)
    }).toThrow(BindingError)
    expect(() => {
      check(tableBinding, binding)
    }).toThrow(reason)
  })
})

// https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/tables/Microsoft.Azure.WebJobs.Extensions.Tables/src/TableFilterFormatter.cs
describe('a filter', () => {
  const values: Readonly<Record<string, string>> = {
    '{s}': "o'x", '{n}': '5', '{neg}': '-1.5e3', '{half}': '.5', '{yes}': 'true', '{no}': 'FALSE', '{bad}': '1 or 1 eq 1', '{whole}': 'a eq 1',
  } // prettier-ignore
  const resolve = (template: string): string =>
    template.replaceAll(/\{[^{}]*\}/g, (name) => values[name] ?? name)

  test.each([
    ["a eq '{s}'", "a eq 'o''x'"],
    ["a eq '{s}' and b eq '{bad}'", "a eq 'o''x' and b eq '1 or 1 eq 1'"],
    ['a gt {n} and b lt {neg}', 'a gt 5 and b lt -1.5e3'],
    ['a eq {half} or b eq {yes} or c eq {no}', 'a eq .5 or b eq true or c eq FALSE'],
    ["a eq '{n}", "a eq '5"],
    ["a eq {n}'", "a eq 5'"],
    ['{whole}', 'a eq 1'],
    ['a eq 1', 'a eq 1'],
    ['', ''],
  ])('%s becomes %s', (filter, expected) => {
    expect(resolveFilter(filter, resolve)).toBe(expected)
  })

  test.each([
    'a eq {bad}',
    'a eq {s}',
    "a eq '{bad}",
    "a eq {bad}'",
    '{whole} and b eq 1',
    ' {whole}',
    '{whole}{n}',
  ])('%s cannot be changed by a value', (filter) => {
    expect(() => resolveFilter(filter, resolve)).toThrow(BindingError)
    expect(() => resolveFilter(filter, resolve)).toThrow(
      /^An invalid parameter value was specified for filter parameter '\{(?:bad|s|whole)\}': outside quotes only numbers, true and false can be used\.$/,
    )
  })
})

describe('options of host.json', () => {
  const queues = (section: Binding) =>
    readQueueOptions(fakeServices({}, { 'extensions.queues': section }).hostConfig)
  const blobs = (section: Binding) =>
    readBlobOptions(fakeServices({}, { 'extensions.blobs': section }).hostConfig)

  test('for queues', () => {
    expect(queues({})).toEqual({
      batchSize: 16,
      newBatchThreshold: 8 * availableParallelism(),
      visibilityTimeout: 0,
      maxDequeueCount: 5,
      maxPollingInterval: 2000,
      messageEncoding: 'base64',
    })
    expect(queues({ batchSize: 5 })).toMatchObject({
      batchSize: 5,
      newBatchThreshold: 2 * availableParallelism(),
    })
    expect(queues({ batchSize: 5, newBatchThreshold: 1 }).newBatchThreshold).toBe(1)
    const WEEK = 7 * 24 * 60 * 60 * 1000
    expect(queues({ visibilityTimeout: '8.00:00:00', maxPollingInterval: '2.00:00:00' })).toMatchObject({ visibilityTimeout: WEEK, maxPollingInterval: WEEK / 7 }) // prettier-ignore
    expect(queues({ visibilityTimeout: '-00:00:01' }).visibilityTimeout).toBe(0)
    expect(queues({ visibilityTimeout: '00:00:30', messageEncoding: 'none' })).toMatchObject({ visibilityTimeout: 30_000, messageEncoding: 'none' }) // prettier-ignore
  })

  test('for blobs', () => {
    expect(blobs({})).toEqual({ maxDegreeOfParallelism: 8 * availableParallelism(), poisonBlobThreshold: 5 })
    expect(blobs({ maxDegreeOfParallelism: 1, poisonBlobThreshold: 2 })).toEqual({ maxDegreeOfParallelism: 1, poisonBlobThreshold: 2 }) // prettier-ignore
    for (const wrong of [{ maxDegreeOfParallelism: 0 }, { poisonBlobThreshold: 0 }])
      expect(() => blobs(wrong)).toThrow()
  })

  test('are read once for each host.json', () => {
    const { hostConfig } = fakeServices()
    expect(readQueueOptions(hostConfig)).toBe(readQueueOptions(hostConfig))
    expect(readBlobOptions(hostConfig)).toBe(readBlobOptions(hostConfig))
  })
})
