import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { Call } from './ledger.ts'

/** Timeout of a call: much longer than a response may take. */
const CLIENT_TIMEOUT_MS = 40_000

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A client of the app. */
export interface HttpClient {
  /** Calls the app once. Never throws: a failed connection is a result like any other. */
  call(request: HttpRequest): Promise<Call>
  close(): void
}

/** A client with its own connections. */
export function httpClient(port: number): HttpClient {
  const agent = new Agent({ keepAlive: true })

  async function responseTo(request: HttpRequest): Promise<Call['response']> {
    const { method, path, headers = {}, body = '' } = request
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...headers, ...(method === 'POST' && { 'content-length': Buffer.byteLength(body) }) },
      agent,
      signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
    })
    outgoing.end(body)
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    return {
      status: incoming.statusCode ?? 0,
      body: Buffer.concat(chunks).toString(),
      retryAfter: incoming.headers['retry-after'],
    }
  }
  return {
    async call(request) {
      const begun = performance.now()
      try {
        const response = await responseTo(request)
        return { begun, ended: performance.now(), response }
      } catch (error) {
        return { begun, ended: performance.now(), response: undefined, error: String(error) }
      }
    },
    close() {
      agent.destroy()
    },
  }
}
