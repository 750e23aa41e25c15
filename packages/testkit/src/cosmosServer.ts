import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { ChangeLog, StoredItem } from './cosmosChanges.ts'
import { instrumentedAccount, type CosmosAccount, type Write } from './cosmosInternals.ts'

// Runs as a process (cosmos.ts): the server of @vercel/cosmosdb-server, with a change feed in front of it, and a journal behind it.
// There can be one in a process.

const [port = '0', folder = ''] = process.argv.slice(2)
const JOURNAL = 'cosmos.jsonl'

let journal: string | undefined
const account = instrumentedAccount((write) => {
  // Synchronous: what was acknowledged is in the file, also when this process is killed.
  if (journal !== undefined) appendFileSync(journal, `${JSON.stringify(write)}\n`)
})

const { createHttpServer } = createRequire(import.meta.url)('@vercel/cosmosdb-server') as {
  readonly createHttpServer: (options: { readonly keepAlive: boolean }) => Server
}
const server = createHttpServer({ keepAlive: true })
const answer = server.listeners('request')[0] as (request: IncomingMessage, response: ServerResponse) => void
server.removeAllListeners('request')
server.on('request', (request: IncomingMessage, response: ServerResponse) => {
  void account.then((opened) => {
    respond(opened, request, response)
  })
})
// Longer than a client keeps an idle connection: a write on one that is just being closed would fail.
server.keepAliveTimeout = 120_000
server.listen(Number(port), '127.0.0.1')
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
await once(server, 'listening')
if (folder !== '') openJournal(await account)
const address = server.address()
process.send?.({ port: typeof address === 'object' ? address?.port : undefined })
process.on('SIGTERM', () => process.exit(0))

/** Makes everything again that the journal has, and begins a new one with what there is. */
function openJournal(opened: CosmosAccount): void {
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, JOURNAL)
  if (existsSync(file)) {
    const lines = readFileSync(file, 'utf8').split('\n')
    // The last one may be cut off: it was never acknowledged.
    for (const line of lines.slice(0, -1)) opened.restore(JSON.parse(line) as Write)
    const kept = [...opened.contents()].map((write) => `${JSON.stringify(write)}\n`)
    writeFileSync(`${file}.new`, kept.join(''))
    renameSync(`${file}.new`, file)
  }
  journal = file
}

function respond(opened: CosmosAccount, request: IncomingMessage, response: ServerResponse): void {
  const refusal = refusalOf(request)
  if (refusal !== undefined) {
    request.resume()
    send(response, ...refusal)
    return
  }
  const { pathname } = new URL(request.url ?? '', 'http://localhost')
  if (pathname === '/' && request.method === 'GET') {
    send(response, 200, opened.description(request.headers.host ?? 'localhost'))
    return
  }
  const [, database, container, rest] =
    /^\/+dbs\/([^/]+)\/colls\/([^/]+)(\/.*?)?\/?$/.exec(decodeURIComponent(pathname)) ?? []
  if (database === undefined || container === undefined) {
    answer(request, response)
    return
  }
  const changes = opened.changesOf(database, container)
  if (changes === undefined) {
    // "Owner resource does not exist": the server itself fails when an item is to be written.
    const substatus = rest === undefined ? '0' : '1003'
    request.resume()
    send(
      response,
      404,
      { code: 'NotFound', message: 'The container does not exist.' },
      { 'x-ms-substatus': substatus },
    )
  } else if (request.method === 'GET' && rest === '/docs' && request.headers['a-im'] !== undefined) {
    const definition = opened.definitionOf(database, container) as unknown as Definition
    respondWithChanges(changes, definition, request, response)
  } else {
    answer(request, response)
  }
}

type Refusal = readonly [status: number, body: { readonly code: string; readonly message: string }]

/**
 * Why a request gets nothing of what is stored. Any page in a browser can send requests to this machine: one that is not from here
 * cannot set `authorization` without asking first, and one whose name resolves to this machine sends that name. The key is public,
 * so its signature would say no more.
 */
function refusalOf({ url = '', method, headers }: IncomingMessage): Refusal | undefined {
  if (!isWellFormed(url)) return [400, { code: 'BadRequest', message: 'The address is malformed.' }]
  const name = URL.parse(`http://${headers.host ?? ''}`)?.hostname
  if (name === undefined || !['127.0.0.1', 'localhost', '[::1]'].includes(name))
    return [403, { code: 'Forbidden', message: 'This emulator responds on this machine alone.' }]
  if ((headers.authorization ?? '') === '' && !(method === 'GET' && url === '/'))
    return [401, { code: 'Unauthorized', message: 'The request has no header authorization.' }]
  return undefined
}

function isWellFormed(url: string): boolean {
  try {
    decodeURIComponent(new URL(url, 'http://localhost').pathname)
    return true
  } catch {
    return false
  }
}

interface Definition {
  readonly _rid: string
  readonly partitionKey?: { readonly paths: readonly string[] }
}

/** https://learn.microsoft.com/rest/api/cosmos-db/list-documents#change-feed */
function respondWithChanges(
  changes: ChangeLog,
  definition: Definition,
  { headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const header = (name: string) => headers[name]?.toString()
  const refused = ['x-ms-start-epk', 'x-ms-end-epk'].some((name) => headers[name] !== undefined)
  if (refused || header('a-im')?.toLowerCase() !== 'incremental feed') {
    send(response, 400, {
      code: 'BadRequest',
      message: 'This emulator has only the latest versions, of all items or one partition.',
    })
    return
  }
  const continuation = header('if-none-match')
  const from =
    continuation === undefined
      ? 0
      : continuation === '*'
        ? changes.last
        : Number(continuation.replaceAll('"', ''))
  const since = Date.parse(header('if-modified-since') ?? '') / 1000
  const wanted = Number(header('x-ms-max-item-count') ?? 0)
  const partition = header('x-ms-documentdb-partitionkey')
  const [key] = partition === undefined ? [] : (JSON.parse(partition) as readonly unknown[])
  const [keyPath = '/id'] = definition.partitionKey?.paths ?? []
  const page = changes.after(
    from,
    wanted > 0 ? wanted : 100,
    (item) =>
      (Number.isNaN(since) || continuation !== undefined || item._ts > since) &&
      (partition === undefined || valueAt(item, keyPath) === key),
  )
  const found = page.changes.map(({ item, lsn }) => ({ ...item, _lsn: lsn }))
  const more = { etag: `"${page.lsn}"`, 'x-ms-item-count': String(found.length) }
  if (found.length === 0) send(response, 304, undefined, more)
  else send(response, 200, { _rid: definition._rid, Documents: found, _count: found.length }, more)
}

function valueAt(item: StoredItem, keyPath: string): unknown {
  return keyPath
    .slice(1)
    .split('/')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], item)
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-ms-activity-id': randomUUID(),
    'x-ms-request-charge': '1',
    ...headers,
  })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}
