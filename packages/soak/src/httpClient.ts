import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { Call } from './ledger.ts'

/** How long a client waits before it gives a call up: far longer than an answer may take. */
const PATIENCE_MS = 40_000

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A client of the app. */
export interface HttpClient {
  /** Calls the app once. Never throws: a failed connection is an outcome like others. */
  call(request: HttpRequest): Promise<Call>
  close(): void
}

/** A client with connections of its own. */
export function httpClient(port: number): HttpClient {
  const agent = new Agent({ keepAlive: true })

  async function answer({ method, path, headers = {}, body = '' }: HttpRequest): Promise<Call['answer']> {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...headers, ...(method === 'POST' && { 'content-length': Buffer.byteLength(body) }) },
      agent,
      signal: AbortSignal.timeout(PATIENCE_MS),
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
        const answered = await answer(request)
        return { begun, ended: performance.now(), answer: answered }
      } catch (error) {
        return { begun, ended: performance.now(), answer: undefined, error: String(error) }
      }
    },
    close() {
      agent.destroy()
    },
  }
}
