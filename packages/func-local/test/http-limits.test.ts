import { afterEach, describe, expect, test } from '@jest/globals'
import { writeApp, type TestApp } from './harness/app.ts'
import { rawRequest, type WireResponse } from './harness/exchange.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

const APP = `
const { app } = require('@azure/functions')
const waiting = []
let most = 0
app.http('wait', { authLevel: 'anonymous', handler: () => new Promise((resolve) => { waiting.push(() => resolve({ body: 'done' })); most = Math.max(most, waiting.length) }) })
app.timer('free', { schedule: '* * * * * *', handler: (_t, context) => { context.log('waiting: ' + waiting.length + ', most: ' + most); for (const go of waiting.splice(0)) go() } })
`

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook#hostjson-settings
;(onCoreTools ? describe.skip : describe)('limits for HTTP requests in host.json', () => {
  let app: TestApp
  let host: TestHost
  afterEach(async () => {
    await host.stop()
    await app.remove()
  })

  const start = async (http: Record<string, number>): Promise<void> => {
    app = await writeApp({
      'src/index.js': APP,
      'host.json': JSON.stringify({ version: '2.0', extensions: { http } }),
    })
    host = await startHost(app.directory)
  }
  const statuses = async (count: number): Promise<number[]> =>
    (await Promise.all(Array.from({ length: count }, () => host.fetch('/api/wait')))).map(
      ({ status }) => status,
    )

  test('maxConcurrentRequests: so many run at once, the others wait', async () => {
    await start({ maxConcurrentRequests: 2 })
    expect(await statuses(5)).toEqual([200, 200, 200, 200, 200])
    await host.printed('most: 2')
    expect(host.output()).not.toMatch(/most: [3-9]/)
  })

  test('maxOutstandingRequests: beyond it, running ones included, a request is 429', async () => {
    await start({ maxConcurrentRequests: 1, maxOutstandingRequests: 3 })
    expect((await statuses(5)).sort()).toEqual([200, 200, 200, 429, 429])
    // There is room again.
    expect(await statuses(1)).toEqual([200])
  })

  test('0 lets nothing run, as in Azure, and that is said at the start', async () => {
    await start({ maxConcurrentRequests: 0 })
    expect(host.output()).toContain(
      '"extensions.http.maxConcurrentRequests" and "maxOutstandingRequests" must be positive',
    )
    expect(await statuses(1)).toEqual([500])
  })
})

// https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
;(onCoreTools ? describe.skip : describe)('CORS for every origin', () => {
  let host: TestHost
  afterEach(() => host.stop())

  test('credentials are not allowed together with *, in a response and in a preflight', async () => {
    host = await startHost('basic', { args: ['--cors', '*', '--cors-credentials'] })
    const origin = { origin: 'http://any.example' }
    const ask = { ...origin, 'access-control-request-method': 'PUT' }
    const responses = [
      await rawRequest(host.port, 'GET', '/api/hello', origin),
      await rawRequest(host.port, 'OPTIONS', '/api/hello', ask),
    ]
    expect(responses.map(corsHeaders)).toEqual([
      ['*', undefined],
      ['*', undefined],
    ])
  })
})

function corsHeaders({ headers }: WireResponse): (string | undefined)[] {
  const byName = new Map(headers)
  return [byName.get('access-control-allow-origin'), byName.get('access-control-allow-credentials')]
}
