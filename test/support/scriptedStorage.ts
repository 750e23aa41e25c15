import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { connectionString } from 'testkit/azurite'

/** A request that a client library sent. */
export interface StorageRequest {
  readonly method: string
  /** Path and query, decoded. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** What storage responds; nothing at all for `hang`. */
export type StorageResponse =
  | 'hang'
  | {
      readonly status: number
      /** https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2 */
      readonly errorCode?: string
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }

/** A storage that responds what a test says, for what Azurite never does. */
export interface ScriptedStorage {
  readonly port: number
  readonly connectionString: string
  /** What it was asked, in order. */
  readonly requests: readonly StorageRequest[]
  /** What it responds to the next requests, one after the other; the last one stays. */
  script(...responses: StorageResponse[]): void
  /** What it responds to each of the next requests. */
  respond(choose: (request: StorageRequest) => StorageResponse): void
  close(): Promise<void>
}

/** Starts it on 127.0.0.1, for tables and queues. */
export async function startScriptedStorage(): Promise<ScriptedStorage> {
  const requests: StorageRequest[] = []
  let choose: (request: StorageRequest) => StorageResponse = () => 'hang'
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '', headers } = request
      const received = { method, path: decodeURIComponent(url), headers, body }
      requests.push(received)
      const next = choose(received)
      if (next === 'hang') return
      const isTable = headers.accept?.includes('json') ?? false
      const { status, errorCode } = next
      response.writeHead(status, {
        'content-type': isTable ? 'application/json' : 'application/xml',
        ...(errorCode !== undefined && { 'x-ms-error-code': errorCode }),
        ...next.headers,
      })
      response.end(next.body ?? (errorCode === undefined ? '' : errorBody(errorCode, isTable)))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    connectionString: connectionString({ blob: port, queue: port, table: port }),
    requests,
    script: (...responses) => {
      requests.length = 0
      choose = () => (responses.length > 1 ? responses.shift() : responses[0]) ?? 'hang'
    },
    respond: (next) => {
      requests.length = 0
      choose = next
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function errorBody(code: string, isTable: boolean): string {
  return isTable
    ? JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value: code } } })
    : `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`
}
