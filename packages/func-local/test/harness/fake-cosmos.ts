import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a request gets. */
export interface CosmosResponse {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A request about items, or to create something. */
export interface CosmosRequest {
  readonly method: string
  /** Decoded. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: unknown
}

/** An account that responds as a test says, for what an emulator does not do. */
export interface FakeCosmos {
  readonly connectionString: string
  /** The requests since they were cleared, without those for what the account and its container are. */
  readonly requests: CosmosRequest[]
  /** How often the partition key of `c` was asked for, which each client does once. */
  readonly lookUps: () => number
  /** Responds to them; 200 and an empty object by default. */
  respond: (request: CosmosRequest) => CosmosResponse
  readonly stop: () => Promise<void>
}

const ACCOUNT = { writableLocations: [], readableLocations: [] }
const DEFINITION = { id: 'c', _rid: 'r1', partitionKey: { paths: ['/pk'], kind: 'Hash' } }
const RANGES = [
  [{ id: '0', minInclusive: '', maxExclusive: 'FF', _rid: 'r2' }],
  [
    { id: '0', minInclusive: '', maxExclusive: '7F', _rid: 'r2' },
    { id: '1', minInclusive: '7F', maxExclusive: 'FF', _rid: 'r3' },
  ],
]

/** Starts an account with the database `d` and its container `c` of one or two partitions, whose partition key is `/pk`. */
export async function startFakeCosmos(partitions: 1 | 2 = 1): Promise<FakeCosmos> {
  let lookUps = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const about: CosmosRequest = {
        method: request.method ?? '',
        path: decodeURIComponent(request.url ?? ''),
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
      }
      const { status, body, headers } = known(about) ?? answer(about)
      response.writeHead(status, { 'content-type': 'application/json', 'x-ms-activity-id': 'a', ...headers })
      response.end(JSON.stringify(body ?? {}))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const fake: FakeCosmos = {
    connectionString: `AccountEndpoint=http://127.0.0.1:${port}/;AccountKey=a2V5;`,
    requests: [],
    lookUps: () => lookUps,
    respond: () => ({ status: 200 }),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return fake

  function known({ method, path, headers }: CosmosRequest): CosmosResponse | undefined {
    // A client asks with every page how to execute its query; these need nothing done.
    if (headers['x-ms-cosmos-is-query-plan-request'] !== undefined) return { status: 200 }
    if (method !== 'GET') return undefined
    if (path === '/') return { status: 200, body: ACCOUNT }
    if (path === '/dbs/d/colls/c') {
      lookUps += 1
      return { status: 200, body: DEFINITION }
    }
    return path.endsWith('/pkranges')
      ? { status: 200, body: { _rid: 'r1', PartitionKeyRanges: RANGES[partitions - 1] } }
      : undefined
  }

  function answer(request: CosmosRequest): CosmosResponse {
    fake.requests.push(request)
    return fake.respond(request)
  }
}
