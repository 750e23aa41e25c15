import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { settingsOf, type Settings } from '../src/config/settings.ts'
import { containerIdentity, cosmosLeases } from '../src/storage/cosmos.ts'
import { isPermanent, reasonOf } from '../src/storage/errors.ts'

// What becomes of responses that an emulator does not give. https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb

interface Scripted {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

let server: Server
let settings: Settings
/** What a request for an item, or for the container itself, gets. */
let response: Scripted

const DEFINITION = { id: 'c', _rid: 'r1', partitionKey: { paths: ['/id'], kind: 'Hash' } }
const PLACE = { connection: 'DB', database: 'd', container: 'c' }
const LEASE = { id: 'l', owner: 'o', expires: 1 }

beforeEach(async () => {
  server = createServer((request, answer) => {
    const isDefinition = request.method === 'GET' && request.url?.endsWith('/colls/c') === true
    const account = { writableLocations: [], readableLocations: [] }
    const { status, body, headers } =
      request.url === '/'
        ? { status: 200, body: account, headers: {} }
        : isDefinition && response.status !== 403
          ? { status: 200, body: DEFINITION, headers: {} }
          : response
    request.resume()
    answer.writeHead(status, { 'content-type': 'application/json', 'x-ms-activity-id': 'a', ...headers })
    answer.end(
      JSON.stringify(body ?? { code: 'Code', message: 'Message: {\\"Errors\\":[\\"What it is.\\"]}' }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  settings = settingsOf(new Map([['DB', `AccountEndpoint=http://127.0.0.1:${port}/;AccountKey=a2V5;`]]))
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const failureOf = async (scripted: Scripted): Promise<unknown> => {
  response = scripted
  return await cosmosLeases(settings, PLACE)
    .create(LEASE)
    .then(
      () => undefined,
      (error: unknown) => error,
    )
}

describe('a request to Cosmos DB', () => {
  test('of a lease that is not there gives none; where its container is not there, it fails', async () => {
    const { read } = cosmosLeases(settings, PLACE)
    response = { status: 404 }
    expect(await read('l')).toBeUndefined()
    response = { status: 404, headers: { 'x-ms-substatus': '1003' } }
    await expect(read('l')).rejects.toMatchObject({ statusCode: 404 })
  })

  test.each([409, 412])('that somebody else was faster with, %s, writes nothing', async (status) => {
    response = { status }
    expect(await cosmosLeases(settings, PLACE).create(LEASE)).toBeUndefined()
    expect(await cosmosLeases(settings, PLACE).replace(LEASE, '"1"')).toBeUndefined()
  })

  test.each([410, 449, 500])('that fails with %s may succeed later', async (status) => {
    expect(isPermanent(await failureOf({ status }))).toBe(false)
  })

  test('that is refused says so in the service’s own words, without its identifiers', async () => {
    const error = await failureOf({ status: 400 })
    expect(isPermanent(error)).toBe(true)
    expect(reasonOf(error)).toBe('400 Code What it is.')
  })

  test('for what tells the container from others has its account, its database and its resource id', async () => {
    response = { status: 200 }
    expect(await containerIdentity(settings, PLACE)).toBe('127.0.0.1_d_r1')
  })
})
