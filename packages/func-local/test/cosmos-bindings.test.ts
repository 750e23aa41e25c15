import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parameterized } from '../src/bindings/cosmos-query.ts'
import { itemJson } from '../src/bindings/cosmos-items.ts'
import { cosmosBinding } from '../src/bindings/cosmos.ts'
import { BindingError } from '../src/host/function.ts'
import type { TypedData } from '../src/protocol.ts'
import { startFakeCosmos, type CosmosResponse, type FakeCosmos } from './harness/fake-cosmos.ts'
import { registry } from './harness/registry.ts'
import { fakeScope, fakeServices, type FakeServices } from './harness/services.ts'

// Rules of https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-input and
// https://github.com/Azure/azure-webjobs-sdk-extensions/tree/dev/src/WebJobs.Extensions.CosmosDB/Bindings

type Binding = Readonly<Record<string, unknown>>
const PLACE = { type: 'cosmosDB', databaseName: 'd', containerName: 'c', connection: 'DB' }
const FAILS = ' Every invocation that uses the binding fails, as in Azure.'

let account: FakeCosmos
let services: FakeServices
beforeAll(async () => {
  account = await startFakeCosmos()
})
afterAll(async () => {
  await account.stop()
})
beforeEach(() => {
  account.requests.length = 0
  account.respond = () => ({ status: 200, body: { id: '1' } })
  services = servicesOf()
})

const servicesOf = (sections: Binding = {}): FakeServices =>
  fakeServices({ DB: account.connectionString, NAME: 'c', FILTER: 'c.a = {a}' }, sections)
const check = (binding: Binding, direction: 'in' | 'out' = 'in'): void =>
  cosmosBinding.check?.({ name: 'b', direction, ...PLACE, ...binding }, services)
const input = async (binding: Binding, data: Binding = {}): Promise<TypedData | undefined> =>
  await cosmosBinding.input?.(fakeScope({ ...PLACE, direction: 'in', ...binding }, services, data))
const output = async (value: TypedData, binding: Binding = {}, data: Binding = {}): Promise<void> =>
  await cosmosBinding.output?.(fakeScope({ ...PLACE, direction: 'out', ...binding }, services, data), value)
const json = (value: unknown): TypedData => ({ json: JSON.stringify(value) })
const found = (...pages: readonly (readonly unknown[])[]): void => {
  let next = 0
  account.respond = () => {
    const Documents = pages[next] ?? []
    next += 1
    const headers: Record<string, string> = next < pages.length ? { 'x-ms-continuation': `page ${next}` } : {}
    return { status: 200, body: { _rid: 'r1', Documents, _count: Documents.length }, headers }
  }
}
const written = (): unknown[] => account.requests.map(({ body }) => body)
const partitionOf = (at = 0): unknown => account.requests[at]?.headers['x-ms-documentdb-partitionkey']

test('cosmosDB is a binding of its own', () => {
  expect(registry.binding('COSMOSDB')).toBe(cosmosBinding)
})

describe('a cosmosDB binding at the start', () => {
  test.each<[string, Binding, 'in' | 'out', string]>([
    ['no database', { databaseName: '' }, 'in', "'databaseName' of its cosmosDB binding is missing."],
    [
      'no container',
      { containerName: undefined },
      'out',
      "'containerName' of its cosmosDB binding is missing.",
    ],
    ['an id and a query', { id: '1', sqlQuery: 'SELECT 1' }, 'in', "Only one of 'id' and 'sqlQuery'"],
    [
      'a name that is no text',
      { containerName: 1 },
      'in',
      "'containerName' of its cosmosDB binding must be text.",
    ],
    ['an id that is no text', { id: {} }, 'in', "'id' of its cosmosDB binding must be text."],
    [
      'a throughput that is no number',
      { containerThroughput: 'much' },
      'out',
      "'containerThroughput' of its cosmosDB binding must be a positive whole number.",
    ],
  ])('with %s is refused', (_what, binding, direction, reason) => {
    expect(() => {
      check(binding, direction)
    }).toThrow(BindingError)
    expect(() => {
      check(binding, direction)
    }).toThrow(reason)
  })

  test.each<[Binding, RegExp]>([
    [{ connection: 'NAME' }, /^warning The Cosmos DB connection string in the setting 'NAME' is not valid/],
    [
      { databaseName: 'a/b' },
      /^warning 'databaseName' of its cosmosDB binding is 'a\/b'\. '\/', '\\', '#' and '\?' cannot/,
    ],
    [{ containerName: '..' }, /^warning 'containerName' of its cosmosDB binding is '\.\.'\./],
    [{ containerName: '%NONE%' }, /^warning '%NONE%' does not resolve to a value/],
    [{ sqlQuery: 'SELECT {query.x}' }, /^warning .*'\{query\.x\}', which cannot be a parameter of SQL/],
    [{ id: '', partitionKey: 'p' }, /^warning 'id' of its cosmosDB input is empty\./],
  ])('with %j warns that every invocation fails', (binding, line) => {
    check(binding)
    expect(services.log.lines).toEqual([expect.stringMatching(line)])
    expect(services.log.lines[0]?.endsWith(FAILS)).toBe(true)
  })

  test('without a connection is captured, because the setting is not there, and nothing else is said of it', () => {
    check({ connection: 'OTHER' })
    expect(services.log.lines).toEqual([])
    const captured = (connection: string) =>
      cosmosBinding.captured?.({ name: 'b', type: 'cosmosDB', connection }, services.settings)
    expect(captured('OTHER')).toEqual({ because: "'OTHER' is not set" })
    expect(captured('NAME')).toBeUndefined()
    expect(captured('DB')).toBeUndefined()
  })

  test('warns of an id without a partition key, which finds next to nothing', () => {
    check({ id: '{id}' })
    expect(services.log.lines).toEqual([
      expect.stringMatching(
        /^warning A cosmosDB input has an 'id' \('\{id\}'\) and no 'partitionKey': as in Azure/,
      ),
    ])
  })

  test.each<[Binding, 'in' | 'out']>([
    [{ id: '{id}', partitionKey: '{pk}' }, 'in'],
    [{ id: 5, partitionKey: 5 }, 'in'],
    [{ sqlQuery: 'SELECT * FROM c WHERE %FILTER%' }, 'in'],
    [{}, 'in'],
    [{ databaseName: '{db}', containerName: '%NAME%' }, 'in'],
    [
      { partitionKey: '/pk', createIfNotExists: true, containerThroughput: 400, id: '1', sqlQuery: 'x' },
      'out',
    ],
  ])('with %j says nothing (%s)', (binding, direction) => {
    check(binding, direction)
    expect(services.log.lines).toEqual([])
  })

  test('refuses what host.json cannot say about dates', () => {
    services = servicesOf({ 'extensions.cosmosDB.serializerSettings': { dateParseHandling: 'sometimes' } })
    expect(() => {
      check({})
    }).toThrow('must be one of "None", "Default"')
  })
})

describe('a cosmosDB input with an id', () => {
  test('is the item, as text that the app parses, by the trigger’s data', async () => {
    account.respond = () => ({ status: 200, body: { id: 'ü 1', pk: '7', n: 1.5 } })
    const data = { id: 'ü 1', key: 7 }
    expect(await input({ containerName: '%NAME%', id: '{ID}', partitionKey: '{key}' }, data)).toEqual({
      string: '{"id":"ü 1","pk":"7","n":1.5}',
    })
    expect(account.requests).toMatchObject([{ method: 'GET', path: '/dbs/d/colls/c/docs/ü 1' }])
    expect(partitionOf()).toBe('["7"]')
  })

  test.each<[string, unknown, string]>([
    ['text', 'None', '["None"]'],
    ['a number is text', 5, '["5"]'],
    ['empty text is a key', '', '[""]'],
    ['absent is the absence of a key', undefined, '[{}]'],
  ])('in the partition that partitionKey names: %s', async (_what, partitionKey, header) => {
    await input({ id: 1, partitionKey })
    expect(account.requests).toMatchObject([{ path: '/dbs/d/colls/c/docs/1' }])
    expect(partitionOf()).toBe(header)
  })

  test('that does not exist is undefined', async () => {
    account.respond = () => ({ status: 404, body: { code: 'NotFound' }, headers: { 'x-ms-substatus': '0' } })
    expect(await input({ id: '1', partitionKey: 'p' })).toBeUndefined()
    expect(services.log.lines).toEqual([])
  })

  test.each([
    ['the item', { partitionKey: 'p' }],
    ['the container', { containerName: 'none' }],
  ])(
    'whose container does not exist is undefined, and a warning says so: 404 for %s',
    async (_what, binding) => {
      account.respond = () => ({
        status: 404,
        body: { code: 'NotFound' },
        headers: { 'x-ms-substatus': '1003' },
      })
      expect(await input({ id: '1', ...binding })).toBeUndefined()
      expect(services.log.lines).toEqual([
        expect.stringMatching(
          /Input 'b' of 'Functions\.fn' is undefined, as in Azure: there is no container '(?:c|none)' in a database 'd'\./,
        ),
      ])
    },
  )

  test('that is empty fails', async () => {
    await expect(input({ id: '{id}', partitionKey: 'p' }, { id: '' })).rejects.toThrow(
      "'id' of its cosmosDB input is empty.",
    )
    await expect(input({ id: '{id}' })).rejects.toThrow("the trigger has no 'id'")
    expect(account.requests).toEqual([])
  })

  // In a URL they would name the container, all of its items, or something else of the account.
  test.each(['.', '..', 'a/../..', 'a?b', 'a#b', 'a\\b', ' ', '\ud800'])(
    'that a URL cannot hold is asked for with a query: %j',
    async (id) => {
      found([{ id, a: 1 }])
      expect(await input({ id: '{id}', partitionKey: 'p' }, { id })).toEqual({
        string: JSON.stringify({ id, a: 1 }),
      })
      expect(account.requests).toMatchObject([
        {
          method: 'POST',
          path: '/dbs/d/colls/c/docs',
          body: { query: 'SELECT * FROM c WHERE c.id = @id', parameters: [{ name: '@id', value: id }] },
        },
      ])
      expect(partitionOf()).toBe('["p"]')
      found([])
      expect(await input({ id: '{id}' }, { id })).toBeUndefined()
      expect(partitionOf(1)).toBe('[{}]')
    },
  )
})

describe('a cosmosDB input without an id', () => {
  test('is what the query finds, of all pages', async () => {
    found([{ id: '1' }, { id: '2' }], [], [{ id: '3' }])
    expect(await input({ partitionKey: 'p' })).toEqual({ json: '[{"id":"1"},{"id":"2"},{"id":"3"}]' })
    expect(written()).toEqual(Array(3).fill({ query: 'SELECT * FROM c' }))
    expect(account.requests.map(({ headers }) => headers['x-ms-continuation'])).toEqual([
      undefined,
      'page 1',
      'page 2',
    ])
    expect(partitionOf()).toBe('["p"]')
  })

  test('is asked for with parameters, and without a partition key everywhere', async () => {
    found([5])
    const sqlQuery = 'SELECT VALUE c.n FROM c WHERE %FILTER% AND c.b = {B} OR c.c = {a}'
    expect(await input({ sqlQuery, partitionKey: '{none}' }, { a: "x' OR 1=1 --", b: 7, none: '' })).toEqual({
      json: '[5]',
    })
    expect(written()).toEqual([
      {
        query: 'SELECT VALUE c.n FROM c WHERE c.a = @a AND c.b = @B OR c.c = @a',
        parameters: [
          { name: '@a', value: "x' OR 1=1 --" },
          { name: '@B', value: '7' },
        ],
      },
    ])
    expect(partitionOf()).toBeUndefined()
  })

  test('fails when there is no container, and says what is wrong with a query', async () => {
    account.respond = () => ({
      status: 404,
      body: { code: 'NotFound', message: 'Owner resource does not exist' },
    })
    await expect(input({})).rejects.toThrow(
      "Container 'c' (connection 'DB') failed: 404 NotFound Owner resource does not exist. Create the container, or correct its name.",
    )
    const message =
      'Message: {"errors":[{"severity":"Error","location":{"start":9,"end":12},"code":"SC1001","message":"Syntax error, incorrect syntax near \'FRO\'."}]}\r\nActivityId: 1'
    account.respond = () => ({ status: 400, body: { code: 'BadRequest', message } })
    await expect(input({ sqlQuery: 'SELECT * FRO {a}' }, { a: 'secret' })).rejects.toThrow(
      "The query 'SELECT * FRO @a' failed: 400 BadRequest Syntax error, incorrect syntax near 'FRO'.",
    )
  })
})

describe('the parameters of a query', () => {
  test('whatever a value is, the query is the same', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const { query, parameters } = parameterized(
          'SELECT * FROM c WHERE c.x = {x}',
          services.settings,
          () => value,
        )
        expect(query).toBe('SELECT * FROM c WHERE c.x = @x')
        expect(parameters).toEqual([{ name: '@x', value }])
      }),
    )
  })

  test.each(['{query.x}', '{rand-guid}', '{DateTime}', '{x:N}', '{sys.methodName}', '{ }', '{"a": c.x}'])(
    '%s cannot be one',
    (expression) => {
      expect(() => parameterized(`SELECT ${expression}`, services.settings, () => '')).toThrow(
        `'${expression}', which cannot be a parameter of SQL`,
      )
    },
  )

  test('doubled braces are braces', () => {
    expect(parameterized('SELECT {{"a": c.x}} FROM c', services.settings, () => '')).toEqual({
      query: 'SELECT {"a": c.x} FROM c',
      parameters: [],
    })
  })
})

describe('the dates of a cosmosDB input', () => {
  // https://github.com/Azure/azure-functions-host/issues/9610 and 7114
  test.each([
    ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.120Z', '2026-01-02T03:04:05.12Z'],
    ['2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05+00:00'],
    ['2026-01-02', '2026-01-02'],
    ['no date', 'no date'],
  ])('%s is %s, unless host.json says otherwise', async (stored, read) => {
    const item = { id: '1', list: [{ at: stored }], n: 1, none: null }
    expect(itemJson(item, true)).toBe(JSON.stringify(item).replace(stored, read))
    account.respond = () => ({ status: 200, body: item })
    expect((await input({ id: '1', partitionKey: 'p' }))?.string).toContain(`"${read}"`)
    services = servicesOf({ 'extensions.cosmosDB.serializerSettings': { dateParseHandling: 'none' } })
    expect((await input({ id: '1', partitionKey: 'p' }))?.string).toContain(`"${stored}"`)
  })
})

describe('a cosmosDB output', () => {
  test('creates or replaces each item, in order', async () => {
    await output(json({ id: 'ü', pk: 'p', at: '2026-01-02T03:04:05.000Z' }))
    await output(json([{ id: '1', pk: 1 }, { id: '2' }]))
    expect(written()).toEqual([
      { id: 'ü', pk: 'p', at: '2026-01-02T03:04:05.000Z' },
      { id: '1', pk: 1 },
      { id: '2' },
    ])
    expect(account.requests[0]).toMatchObject({ method: 'POST', path: '/dbs/d/colls/c/docs' })
    expect(account.requests[0]?.headers['x-ms-documentdb-is-upsert']).toBe('true')
    expect([0, 1, 2].map(partitionOf)).toEqual(['["p"]', '[1]', '[{}]'])
  })

  test('reads text in brackets or braces as JSON, as .NET does', async () => {
    await output({ string: ' {"id":"1","at":"2026-01-02T03:04:05.000Z"} ' })
    await output({ string: "[{id:'2'}]" })
    expect(written()).toEqual([{ id: '1', at: '2026-01-02T03:04:05Z' }, { id: '2' }])
  })

  test('writes nothing of null, and of an empty array', async () => {
    for (const value of [json(null), json([]), {}]) await output(value)
    expect(account.requests).toEqual([])
  })

  test.each<[string, TypedData, string]>([
    ['text', { string: 'hello' }, 'an object, an array of objects, or either as JSON text, not text.'],
    ['bytes', { bytes: Buffer.from('{}') }, 'not bytes.'],
    ['a number', { int: 5 }, 'not a number.'],
    ['a fraction', { double: 5.5 }, 'not a number.'],
    ['true', json(true), 'not true or false.'],
    ['null in an array', json([null]), 'not null.'],
    ['an array in an array', json([[]]), 'not an array in an array.'],
    ['text that is no JSON', { string: '{bad}' }, 'The text is not valid JSON'],
    ['undefined in JSON text', { string: '{"id":"1","a":undefined}' }, 'a value in it is undefined.'],
    ['no id', json({ Id: '1' }), "The item has no 'id' (in lower case)."],
    ['an empty id', json({ id: '' }), "The 'id' of the item is empty."],
    ['an id that is no text', json({ id: 1 }), "The 'id' of the item must be text."],
    [
      'a slash in the id',
      json({ id: 'a/b' }),
      `The 'id' of the item is "a/b". '/', '\\' and '#' cannot be part of it.`,
    ],
  ])('cannot write %s', async (_what, value, reason) => {
    await expect(output(value)).rejects.toThrow(reason)
    await expect(output(value)).rejects.toThrow(BindingError)
    expect(account.requests).toEqual([])
  })

  test('of several items stops at the first that fails, and says what is written', async () => {
    const refused: CosmosResponse = { status: 409, body: { code: 'Conflict', message: 'Unique index.' } }
    account.respond = ({ body }) =>
      (body as { id: string }).id === '2' ? refused : { status: 201, body: {} }
    const items = [{ id: '1' }, { id: '2' }, { id: '3' }]
    await expect(output(json(items))).rejects.toThrow(
      "Item 2 of 3 is not written, nor are those after it; those before it are. Container 'c' (connection 'DB') failed: 409 Conflict Unique index.",
    )
    expect(written()).toEqual(items.slice(0, 2))
    account.requests.length = 0
    await expect(output(json([{ id: '1' }, 7]))).rejects.toThrow(/^Item 2 of 2 .* not a number\.$/)
    expect(written()).toEqual([{ id: '1' }])
  })

  test('to a container that does not exist fails, and says how it is created', async () => {
    account.respond = () => ({
      status: 404,
      body: { code: 'NotFound', message: 'Owner resource does not exist' },
    })
    await expect(output(json({ id: '1' }))).rejects.toThrow(
      "The container 'c' (in database 'd') does not exist. To automatically create the container, set 'createIfNotExists' to true.",
    )
    await expect(output(json({ id: '1' }), { createIfNotExists: true })).rejects.toThrow(
      "To create it, the output needs its 'partitionKey', a path: '/id' for example.",
    )
  })

  test.each([
    [201, 400],
    // Somebody else was faster.
    [409, undefined],
  ])('creates its container: %s', async (status, containerThroughput) => {
    const name = `new-${status}`
    let isCreated = false
    account.respond = ({ method, path }) => {
      if (path === '/dbs' || path.endsWith('/colls')) {
        isCreated ||= path.endsWith('/colls')
        return { status, body: { id: 'x', code: 'Conflict' } }
      }
      return isCreated && method === 'POST' ? { status: 201, body: { id: '1' } } : { status: 404, body: {} }
    }
    const binding = {
      containerName: name,
      createIfNotExists: true,
      partitionKey: '/{path}',
      containerThroughput,
    }
    // The client asks for the partition key of a container before it writes.
    const definition = { status: 200, body: { id: name, _rid: 'r3', partitionKey: { paths: ['/a'] } } }
    const { respond } = account
    account.respond = (request) =>
      isCreated && request.method === 'GET' && request.path === `/dbs/d/colls/${name}`
        ? definition
        : respond(request)
    await output(json({ id: '1', a: 'x' }), binding, { path: 'a' })
    const created = account.requests.filter(({ method }) => method === 'POST')
    expect(created.map(({ path, body }) => [path, body])).toEqual([
      ['/dbs', { id: 'd' }],
      ['/dbs/d/colls', { id: name, partitionKey: expect.objectContaining({ paths: ['/a'] }) }],
      [`/dbs/d/colls/${name}/docs`, { id: '1', a: 'x' }],
    ])
    expect(created[1]?.headers['x-ms-offer-throughput']).toBe(
      containerThroughput && String(containerThroughput),
    )
  })
})

describe('a failure', () => {
  test.each<[number, Binding, RegExp]>([
    [
      401,
      {},
      /failed: 401 Code What it is\. Check the key of connection 'DB', or the roles of its identity\.$/,
    ],
    [403, {}, /failed: 403 Code What it is\. Check the key of connection 'DB'/],
    [413, {}, /failed: 413 Code What it is\. An item holds at most 2 MB of JSON\./],
    [
      429,
      { 'x-ms-retry-after-ms': '1' },
      /failed: 429 Code What it is\. Cosmos DB is busy or failing; try later\.$/,
    ],
    [449, {}, /failed: 503 Code What it is\. Cosmos DB is busy or failing; try later\.$/],
    [500, {}, /failed: 500 Code What it is\. Cosmos DB is busy or failing; try later\.$/],
  ])('%s names the container, the connection, and what to do', async (status, headers, message) => {
    const body = { code: 'Code', message: 'Message: {\\"Errors\\":[\\"What it is.\\"]}' }
    account.respond = () => ({ status, body, headers: headers as Record<string, string> })
    for (const work of [
      () => output(json({ id: '1' })),
      () => input({ id: '1', partitionKey: 'p' }),
      () => input({ sqlQuery: 'SELECT * FROM c', partitionKey: 'p' }),
    ]) {
      const error = await work().then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(BindingError)
      expect((error as Error).message).toMatch(message)
      expect((error as Error).message).toMatch(/^Container 'c' \(connection 'DB'\)/)
    }
  })

  test('429 is repeated when the account says, nine times', async () => {
    let refusals = 9
    account.respond = () =>
      refusals-- > 0 ? { status: 429, headers: { 'x-ms-retry-after-ms': '1' } } : { status: 201, body: {} }
    await output(json({ id: '1' }))
    expect(account.requests).toHaveLength(10)
    refusals = 10
    await expect(output(json({ id: '1' }))).rejects.toThrow('failed: 429')
  })

  test('an account that is away is said to be', async () => {
    const away = await startFakeCosmos()
    services = fakeServices({ DB: away.connectionString })
    await away.stop()
    await expect(input({ id: '1', partitionKey: 'p' })).rejects.toThrow(
      "Container 'c' (connection 'DB') failed: connection refused. Is the account or emulator of connection 'DB' running? Start it, or correct the setting.",
    )
  })

  test('without a connection an input is undefined and an output is captured: nothing is asked or written', async () => {
    services = fakeServices({})
    expect(await input({})).toBeUndefined()
    expect(await input({ id: '1' })).toBeUndefined()
    await output(json({ id: '1' }))
    expect(services.log.lines).toEqual([
      expect.stringMatching(
        /^information Output 'b' \(cosmosDB\) of 'Functions\.fn' is captured, not written: .*"id":"1"/,
      ),
    ])
    expect(account.requests).toEqual([])
  })

  test('a connection that is not valid fails, and is not as if there were none', async () => {
    services = fakeServices({ DB: 'AccountEndpoint=https://a/' })
    for (const work of [input({}), output(json({ id: '1' }))])
      await expect(work).rejects.toThrow('needs AccountEndpoint and AccountKey')
  })
})

test('one client has the items of a connection; preferred locations are a client of their own', async () => {
  const own = await startFakeCosmos()
  try {
    services = fakeServices({ DB: own.connectionString })
    own.respond = () => ({ status: 200, body: { id: '1' } })
    for (let time = 0; time < 3; time++) await input({ id: '1' })
    expect(own.lookUps()).toBe(1)
    for (const preferredLocations of ['West Europe, ,North Europe', 'West Europe,North Europe'])
      await input({ id: '1', preferredLocations })
    expect(own.lookUps()).toBe(2)
  } finally {
    await own.stop()
  }
})
