import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CosmosClient, type Container } from '@azure/cosmos'
import { QueueClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { startCosmos, type CosmosEmulator } from 'testkit/cosmos'
import { FUNC_LOCAL, startHost, type TestHost } from 'testkit/hostProcess'

// func-local's inputs and outputs of Cosmos DB on the emulator: functions that are called over HTTP and by a queue.

const ROOT = path.join(import.meta.dirname, '../..')
const APP = `import { app, input, output } from '@azure/functions'

const place = { connection: 'Db', databaseName: 'shop', containerName: '%THINGS%' }
const one = input.cosmosDB({ ...place, id: '{id}', partitionKey: '{owner}' })
const byName = input.cosmosDB({ ...place, sqlQuery: 'SELECT c.id FROM c WHERE c.name = {name} ORDER BY c.id' })
const all = input.cosmosDB(place)
const noContainer = input.cosmosDB({ ...place, containerName: 'none', sqlQuery: 'SELECT * FROM c' })
const noSetting = input.cosmosDB({ ...place, connection: 'NotSet' })
const things = output.cosmosDB(place)
const fresh = output.cosmosDB({ ...place, databaseName: 'fresh', containerName: 'log', createIfNotExists: true, partitionKey: '/kind' })
const missing = output.cosmosDB({ ...place, containerName: 'none' })

const shows = (name, route, given) =>
  app.http(name, {
    route,
    authLevel: 'anonymous',
    extraInputs: [given],
    handler: (request, context) => {
      const value = context.extraInputs.get(given)
      return { jsonBody: { type: value === null ? 'null' : typeof value, value } }
    },
  })
shows('one', 'one/{owner}/{id}', one)
shows('oneByQuery', 'one', input.cosmosDB({ ...place, id: '{query.id}', partitionKey: '{query.owner}' }))
shows('byName', 'named/{name}', byName)
shows('all', 'all', all)
shows('noContainer', 'noContainer', noContainer)
shows('noSetting', 'noSetting', noSetting)

const puts = (name, target) =>
  app.http(name, {
    route: name,
    methods: ['POST'],
    authLevel: 'anonymous',
    extraOutputs: [target],
    handler: async (request, context) => {
      context.extraOutputs.set(target, request.query.has('text') ? await request.text() : await request.json())
      return { status: 201 }
    },
  })
puts('put', things)
puts('putFresh', fresh)
puts('putMissing', missing)
app.http('hello', { authLevel: 'anonymous', handler: () => ({ body: 'hello' }) })

// Its return value replaces what it was given.
app.storageQueue('count', {
  connection: 'AzureWebJobsStorage',
  queueName: 'visits',
  extraInputs: [one],
  extraOutputs: [fresh],
  return: things,
  handler: ({ id, owner }, context) => {
    const visits = (context.extraInputs.get(one)?.visits ?? 0) + 1
    context.extraOutputs.set(fresh, visits === 1 ? undefined : { id: id + visits, kind: 'visit', at: new Date(0), big: 5n > 4n })
    console.log('[' + id + ' ' + visits + ']')
    return { id, owner, visits }
  },
})
`

let folder: string
let emulator: CosmosEmulator
let azurite: Azurite
let client: CosmosClient
let things: Container
let host: TestHost

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cosmos-bindings-'))
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
  await writeFile(path.join(folder, 'package.json'), '{"type":"module","main":"index.js"}')
  await writeFile(path.join(folder, 'host.json'), '{"version":"2.0"}')
  await writeFile(path.join(folder, 'index.js'), APP)
  ;[emulator, azurite] = await Promise.all([startCosmos(), startAzurite({})])
  client = new CosmosClient(emulator.connectionString)
  await client.databases.create({ id: 'shop' })
  await client.database('shop').containers.create({ id: 'things', partitionKey: { paths: ['/owner'] } })
  things = client.database('shop').container('things')
  host = await startHost({
    folder,
    host: FUNC_LOCAL,
    environment: {
      Db: emulator.connectionString,
      THINGS: 'things',
      AzureWebJobsStorage: azurite.connectionString,
    },
  })
}, 240_000)

afterAll(async () => {
  await host.stop()
  client.dispose()
  await Promise.all([emulator.stop(), azurite.stop()])
  await rm(folder, { recursive: true, force: true })
})

const get = async (address: string): Promise<{ type: string; value?: unknown }> => {
  const response = await fetch(`${host.url}/api/${address}`)
  expect(response.status).toBe(200)
  return (await response.json()) as { type: string; value?: unknown }
}
const post = async (name: string, body: string): Promise<number> =>
  (await fetch(`${host.url}/api/${name}`, { method: 'POST', body })).status
const idsOf = ({ value }: { readonly value?: unknown }) => (value as { id: string }[]).map(({ id }) => id)

describe('an input', () => {
  // Other characters than these and letters would be another path in a URL.
  const ids = ['plain', 'a b', 'a%20b', 'ü☃', 'quote\'s"', 'a&b=c', 'plus+', '...', 'a:b;c,d@$!*()[]{}|^`~<>']

  test.each(ids)('with an id of the route is that item: %s', async (id) => {
    await things.items.upsert({ id, owner: 'Ada & co' })
    const { value } = await get(`one/${encodeURIComponent('Ada & co')}/${encodeURIComponent(id)}`)
    expect(value).toMatchObject({ id, owner: 'Ada & co', _etag: expect.any(String) })
  })

  test.each([
    ['an unknown id', { id: 'nobody', owner: 'Ada & co' }],
    ['an unknown partition', { id: 'plain', owner: 'Bob' }],
    ['a path to the container', { id: '..', owner: 'Ada & co' }],
    ['a path to all items', { id: '.', owner: 'Ada & co' }],
    ['a path to another container', { id: '../../other/docs/secret', owner: 'Ada & co' }],
    ['a query', { id: 'plain?x=1', owner: 'Ada & co' }],
    ['SQL', { id: "plain' OR 1=1 --", owner: 'Ada & co' }],
  ])('with %s is undefined', async (_what, query) => {
    await client
      .database('shop')
      .containers.createIfNotExists({ id: 'other', partitionKey: { paths: ['/owner'] } })
    await client.database('shop').container('other').items.upsert({ id: 'secret', owner: 'Ada & co' })
    expect(await get(`one?${new URLSearchParams(query).toString()}`)).toEqual({ type: 'undefined' })
  })

  test('with a query is what that finds; its parameter is nothing but a value', async () => {
    const names = ["O'Neil", '" OR "1"="1', "x' OR 1=1 --", '@name', '{name}', '5']
    for (const [index, name] of names.entries()) {
      await things.items.upsert({ id: `named ${index}`, owner: 'Cy', name })
      await things.items.upsert({ id: `named ${index} again`, owner: 'Dan', name })
    }
    await things.items.upsert({ id: 'number 5', owner: 'Cy', name: 5 })
    for (const [index, name] of names.entries())
      expect(idsOf(await get(`named/${encodeURIComponent(name)}`))).toEqual([
        `named ${index}`,
        `named ${index} again`,
      ])
    expect(await get(`named/${encodeURIComponent("' OR 1=1 --")}`)).toEqual({ type: 'object', value: [] })
  })

  test('without either is every item', async () => {
    const { resources } = await things.items.readAll<{ id: string }>().fetchAll()
    expect(idsOf(await get('all')).toSorted()).toEqual(resources.map(({ id }) => id).toSorted())
    expect(resources.length).toBeGreaterThan(1)
  })

  test('from a container that does not exist fails the invocation, which says so', async () => {
    expect((await fetch(`${host.url}/api/noContainer`)).status).toBe(500)
    await host.waitForOutput(
      /Exception: Container 'none' \(connection 'Db'\) failed: 404 .* Create the container/,
    )
    expect(host.output()).not.toMatch(/in error/)
  })

  test('by a setting that does not exist is undefined, and the start says why', async () => {
    expect((await fetch(`${host.url}/api/noSetting`)).status).toBe(200)
    expect(host.output()).toMatch(
      /Inputs of type cosmosDB \('noSetting', because 'NotSet' is not set\) are undefined here/,
    )
  })
})

describe('an output', () => {
  const read = async (id: string, owner: string) => (await things.item(id, owner).read<object>()).resource

  test('creates an item, and replaces it', async () => {
    expect(await post('put', '{"id":"x 1","owner":"Eve","a":1}')).toBe(201)
    expect(await read('x 1', 'Eve')).toMatchObject({ a: 1 })
    expect(await post('put', '{"id":"x 1","owner":"Eve","b":2}')).toBe(201)
    expect(await read('x 1', 'Eve')).toMatchObject({ b: 2 })
    expect(await read('x 1', 'Eve')).not.toHaveProperty('a')
  })

  test('writes every element of an array, also of one in a text, and nothing of null', async () => {
    expect(await post('put', '[{"id":"y1","owner":"Eve"},{"id":"y2","owner":"Fay"}]')).toBe(201)
    expect(await post('put?text', '[{"id":"y3","owner":"Fay","at":"2026-01-02T03:04:05.000Z"}]')).toBe(201)
    const before = (await things.items.readAll().fetchAll()).resources.length
    for (const nothing of ['null', '[]']) expect(await post('put', nothing)).toBe(201)
    expect((await things.items.readAll().fetchAll()).resources).toHaveLength(before)
    expect(await read('y1', 'Eve')).toBeDefined()
    expect(await read('y2', 'Fay')).toBeDefined()
    expect(await read('y3', 'Fay')).toMatchObject({ at: '2026-01-02T03:04:05Z' })
  })

  test('that cannot write an item fails the invocation; those before it are written, those after it are not', async () => {
    expect(await post('put', '[{"id":"z1","owner":"Eve"},{"owner":"Eve"},{"id":"z3","owner":"Eve"}]')).toBe(
      500,
    )
    await host.waitForOutput(/Exception: Item 2 of 3 is not written, .* The item has no 'id'/)
    expect(await read('z1', 'Eve')).toBeDefined()
    expect(await read('z3', 'Eve')).toBeUndefined()
  })

  test('creates its database and container only if it is to', async () => {
    const several = ['1', '2', '3'].map((id) => post('putFresh', `{"id":"${id}","kind":"k"}`))
    expect(await Promise.all(several)).toEqual([201, 201, 201])
    const log = client.database('fresh').container('log')
    expect((await log.read()).resource?.partitionKey?.paths).toEqual(['/kind'])
    expect((await log.items.readAll().fetchAll()).resources).toHaveLength(3)
    expect(await post('putMissing', '{"id":"1"}')).toBe(500)
    await host.waitForOutput(
      /Exception: The container 'none' \(in database 'shop'\) does not exist\. To automatically create the container, set 'createIfNotExists' to true\./,
    )
  })
})

test('a message of a queue names what a function gets; what it returns and gives to its outputs is written', async () => {
  const queue = new QueueClient(azurite.connectionString, 'visits')
  await queue.createIfNotExists()
  for (const visits of [1, 2]) {
    await queue.sendMessage(Buffer.from('{"id":"guest","owner":"Gus"}').toString('base64'))
    await host.waitForOutput(new RegExp(`\\[guest ${visits}\\]`))
    while ((await things.item('guest', 'Gus').read<{ visits: number }>()).resource?.visits !== visits)
      await delay(50)
  }
  const log = client.database('fresh').container('log')
  while ((await log.item('guest2', 'visit').read()).resource === undefined) await delay(50)
  expect((await log.item('guest2', 'visit').read<object>()).resource).toMatchObject({
    at: '1970-01-01T00:00:00.000Z',
    big: true,
  })
  expect((await log.item('guest1', 'visit').read()).resource).toBeUndefined()
})
