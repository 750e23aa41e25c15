import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { libraryDescription } from './libraryDescription.ts'

/** A request to the API, as it arrived. */
export interface ReceivedRequest {
  readonly method: string
  /** Path and query, undecoded. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  /** The bytes, as Latin-1. */
  readonly body: string
}

/** The API of `libraryDescription` with the page in front of it, on a port of its own. */
export interface LibraryApi {
  readonly url: string
  readonly requests: readonly ReceivedRequest[]
  /** From now on this is the description, at this path; a text is served as it is. */
  describe(description: unknown, path?: string): void
  stop(): Promise<void>
}

/** A body whose numbers, keys and escapes JavaScript would change if it parsed and wrote them. */
export const EXACT_JSON =
  '{"id":12345678901234567890,"price":1.0,"2":[],"1":{},"a":1,"a":["\\u00e9 {[,\\"",null]}'

/** Serves the page at `/docs`, `/docs/` and `/site/`, the description where a test says, and the API at `/v1`. */
export async function startLibraryApi(): Promise<LibraryApi> {
  const page = await readFile(new URL('../page.html', import.meta.url), 'utf8')
  const pageHeaders = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policyOf(page),
  }
  const requests: ReceivedRequest[] = []
  let description: unknown = libraryDescription
  let descriptionPath = '/openapi.json'

  const server = createServer((request, response) => {
    const { method = '', url = '' } = request
    const path = url.replace(/\?.*/, '')
    if (['/docs', '/docs/', '/site/'].includes(path)) {
      response.writeHead(200, pageHeaders).end(page)
    } else if (path === descriptionPath) {
      const text = typeof description === 'string' ? description : JSON.stringify(description)
      response.writeHead(200, { 'content-type': 'application/json' }).end(text)
    } else if (path.startsWith('/v1') || path.startsWith('/next/v1')) {
      void readBody(request).then((body) => {
        requests.push({ method, url, headers: request.headers, body })
        respond(`${method} ${path.replace(/^.*\/v1/, '')}`, body, request, response)
      })
    } else {
      response.writeHead(404).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    describe(next, path = '/openapi.json') {
      description = next
      descriptionPath = path
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** The strictest policy that the page works under: its own style and script, and requests to its own origin. */
function policyOf(page: string): string {
  const hash = (tag: string) => {
    const content = new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 's').exec(page)?.[1] ?? ''
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
  }
  return [
    "default-src 'none'",
    `style-src ${hash('style')}`,
    `script-src ${hash('script')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}

function respond(route: string, body: string, request: IncomingMessage, response: ServerResponse): void {
  const send = (status: number, type: string, content: string | Buffer, headers = {}) =>
    response.writeHead(status, { 'content-type': type, ...headers }).end(content)
  switch (route.replace(/ \/(books|places)(?:[/;][^/]*)+$/, ' /$1/…')) {
    case 'GET /books':
      if (request.headers['x-library-key'] === undefined) send(401, 'application/json', '{"detail":"no key"}')
      else send(200, 'application/json', EXACT_JSON)
      break
    case 'POST /books':
      send(201, 'application/json', Buffer.from(body, 'latin1'), { 'x-request-id': 'from-the-server' })
      break
    case 'GET /books/…':
    case 'HEAD /books/…':
      send(200, 'application/json', '{"title":"<img src=x onerror=alert(1)>"}', { 'x-copies': '3' })
      break
    case 'GET /places/…':
      send(200, 'text/csv; charset=iso-8859-1', Buffer.from('ä,b', 'latin1'))
      break
    case 'GET /covers':
      send(200, 'image/png', Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]))
      break
    case 'GET /events':
      // It never ends by itself.
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
      break
    case 'GET /statistics':
      response.writeHead(302, { location: '/v1/books/1' }).end()
      break
    default:
      response.writeHead(204).end()
  }
}
