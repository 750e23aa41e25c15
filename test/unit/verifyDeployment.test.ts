import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { VerificationError, verifyDeployment } from '../../scripts/verify-deployment.ts'

/** An app whose behaviour a test changes. */
interface FakeApp {
  commit: string
  /** Requests that are refused before any other. */
  unavailable: number
  /** Whether the queue's orders are processed. */
  processing: boolean
}

let app: FakeApp
let server: Server
const orders = new Map<string, string>()
const keys = new Set<string | undefined>()

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request)
  const json = (status: number, value: unknown) => {
    response.writeHead(status, { 'orders-commit': app.commit }).end(JSON.stringify(value))
  }
  if (app.unavailable > 0) {
    app.unavailable--
    json(503, { title: 'unavailable' })
  } else if (request.url === '/api/hello') json(200, 'Hello')
  else {
    keys.add(request.headers['x-functions-key'] as string | undefined)
    if (request.method === 'POST') {
      const { id } = JSON.parse(body) as { id: string }
      const later = request.headers['prefer'] === 'respond-async'
      orders.set(id, later && !app.processing ? 'accepted' : 'processed')
      json(later ? 202 : 200, { id, status: later ? 'accepted' : 'processed' })
    } else {
      const status = orders.get(request.url?.split('/').at(-1) ?? '')
      json(status === undefined ? 404 : 200, { status })
    }
  }
}

beforeEach(async () => {
  app = { commit: 'abc', unavailable: 0, processing: true }
  orders.clear()
  keys.clear()
  server = createServer((request, response) => void respond(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

async function verify(commit?: string): Promise<readonly string[]> {
  const printed: string[] = []
  await verifyDeployment({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: 'secret',
    ...(commit !== undefined && { commit }),
    id: 'deploy-1-1',
    tries: 5,
    delayMs: 1,
    print: (line) => printed.push(line),
  })
  return printed
}

test('one order goes over HTTP and one through the queue, and the commit that responds is the one expected', async () => {
  expect(await verify('abc')).toStrictEqual([
    'hello responds, commit abc',
    'deploy-1-1-http is processed',
    'deploy-1-1-queue is processed',
  ])
  expect([...orders.keys()]).toStrictEqual(['deploy-1-1-http', 'deploy-1-1-queue'])
  expect([...keys]).toStrictEqual(['secret'])
})

test('roles that are not there yet are waited for', async () => {
  app.unavailable = 3
  expect(await verify()).toContainEqual(expect.stringContaining('503'))
  expect(orders.size).toBe(2)
})

test('another commit is a failure', async () => {
  await expect(verify('def')).rejects.toThrow(VerificationError)
  await expect(verify('def')).rejects.toThrow(/hello is commit def\. After 5 tries: 200, abc/)
})

test('a queue that nobody works on is a failure', async () => {
  app.processing = false
  await expect(verify('abc')).rejects.toThrow(/deploy-1-1-queue is processed\. After 5 tries: 200 .*accepted/)
})

test('an app that is not there is a failure', async () => {
  app.unavailable = 1000
  await expect(verify()).rejects.toThrow(/deploy-1-1-http is taken\. After 5 tries: 503/)
})
