import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { rawRequest, type WireResponse } from './harness/exchange.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
describe("the host's own endpoints", () => {
  let host: TestHost
  const env = { AzureWebJobsStorage: 'UseDevelopmentStorage=true', 'AzureWebJobs.pid.Disabled': 'true' }

  beforeAll(async () => {
    host = await startHost('basic', { env, args: ['--functions', 'hello', 'pid', 'echo'] })
  })
  afterAll(async () => {
    await host.stop()
  })

  test('GET /admin/host/status', async () => {
    const status = (await (await host.fetch('/admin/host/status')).json()) as Record<string, unknown>
    expect(status).toMatchObject({ state: 'Running' })
    expect(typeof status['processUptime']).toBe('number')
  })

  test('GET /admin/functions lists the functions', async () => {
    const list = (await (await host.fetch('/admin/functions')).json()) as Record<string, unknown>[]
    expect(list.map(({ name }) => name)).toEqual(['echo', 'hello', 'pid'])
    expect(list[1]).toMatchObject({
      language: 'node',
      isDisabled: false,
      invoke_url_template: `${host.url}/api/hello`,
    })
    expect(list[2]).toMatchObject({ isDisabled: true })
  })

  test('POST /admin/functions/<name> does not run an HTTP function, and says why', async () => {
    const from = host.output().length
    const response = await host.fetch('/admin/functions/hello', post('{"input":"Ada"}'))
    expect(response.status).toBe(202)
    await host.printed(
      /'Functions\.hello' cannot run with this input: an HTTP function needs a request/,
      from,
    )
  })

  test.each([
    ['no JSON', '{bad', 400],
    ['nothing', undefined, 400],
    ['no object', '["input"]', 400],
    ['an object as input', '{"input":{"a":1}}', 400],
    ['an input of another function', '{"input":"x"}', 202],
  ])('%s is answered %3$i', async (_what, body, status) => {
    expect((await host.fetch('/admin/functions/hello', post(body))).status).toBe(status)
  })

  test('an unknown function is 404', async () => {
    expect((await host.fetch('/admin/functions/none', post('{"input":""}'))).status).toBe(404)
    expect((await host.fetch('/runtime/x')).status).toBe(404)
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'a call with the content type "%s" is 415: a page of another site could send it unasked',
    async (type) => {
      const { status } = await host.fetch('/admin/functions/hello', {
        method: 'POST',
        body: new TextEncoder().encode('{"input":""}'),
        headers: type === '' ? {} : { 'content-type': type },
      })
      expect(status).toBe(415)
    },
  )

  test.each([
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 202],
    [{ 'sec-fetch-site': 'none' }, 202],
  ])('a call with %j is %i', async (headers, status) => {
    expect((await callFrom(host.port, headers)).status).toBe(status)
  })

  test("a page of the host's own origin may call", async () => {
    expect((await callFrom(host.port, { origin: host.url })).status).toBe(202)
  })

  // https://learn.microsoft.com/azure/azure-functions/disable-function
  test('a disabled function is said to be and is 404; --functions leaves the others out', async () => {
    expect(host.output()).toContain('\nFunction pid is disabled.\n')
    expect((await host.fetch('/api/pid')).status).toBe(404)
    expect((await host.fetch('/api/nothing')).status).toBe(404)
  })
})

// https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
;(onCoreTools ? describe.skip : describe)('keys with --enableAuth', () => {
  const key = 'a-key-for-this-test-only'
  let host: TestHost

  beforeAll(async () => {
    host = await startHost('auth', { env: { FUNC_LOCAL_KEY: key }, args: ['--enableAuth'] })
  })
  afterAll(async () => {
    await host.stop()
  })

  test.each([
    ['/api/open', {}, 200],
    ['/api/guarded', {}, 401],
    [`/api/guarded?code=${key}`, {}, 200],
    ['/api/guarded?code=wrong', {}, 401],
    ['/api/guarded', { 'x-functions-key': key }, 200],
    [`/api/guarded?code=${key}`, { 'x-functions-key': 'wrong' }, 401],
    ['/api/master', { 'x-functions-key': key }, 200],
    ['/api/master', {}, 401],
    ['/admin/functions', {}, 401],
    ['/admin/functions', { 'x-functions-key': key }, 200],
  ])('%s with %j is %d', async (path, headers, status) => {
    const response = await host.fetch(path, { headers })
    expect(response.status).toBe(status)
    if (status === 401) expect(await response.text()).toBe('')
  })

  test('a key from the settings is never printed', async () => {
    await host.fetch(`/api/open?code=${key}`)
    await host.printed('open was called with ?code=***')
    expect(host.output()).not.toContain(key)
  })

  test('without FUNC_LOCAL_KEY a key is made and printed', async () => {
    const other = await startHost('auth', { env: { FUNC_LOCAL_KEY: '' }, args: ['--enableAuth'] })
    const [, made = ''] = /\?code=\): (\S+)/.exec(other.output()) ?? []
    expect((await other.fetch('/api/guarded', { headers: { 'x-functions-key': made } })).status).toBe(200)
    await other.stop()
  })
})

// https://fetch.spec.whatwg.org/#http-cors-protocol
describe('CORS', () => {
  let host: TestHost

  beforeAll(async () => {
    host = await startHost('auth', {
      args: ['--cors', 'http://one.test,http://two.test', '--cors-credentials'],
    })
  })
  afterAll(async () => {
    await host.stop()
  })

  test('an allowed origin gets the headers, another one none', async () => {
    const allowed = await host.fetch('/api/open', { headers: { origin: 'http://two.test' } })
    expect(allowed.headers.get('access-control-allow-origin')).toBe('http://two.test')
    expect(allowed.headers.get('access-control-allow-credentials')).toBe('true')
    const other = await host.fetch('/api/open', { headers: { origin: 'http://evil.test' } })
    expect([other.status, other.headers.get('access-control-allow-origin')]).toEqual([200, null])
  })

  test('a preflight is answered without the function', async () => {
    const headers = {
      origin: 'http://one.test',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'x-a,x-b',
    }
    const response = await host.fetch('/api/open', { method: 'OPTIONS', headers })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-methods')).toBe('PUT')
    expect(response.headers.get('access-control-allow-headers')).toBe('x-a,x-b')
  })
})

function callFrom(port: number, headers: Record<string, string>): Promise<WireResponse> {
  const all = { 'content-type': 'application/json', ...headers }
  return rawRequest(port, 'POST', '/admin/functions/hello', all, '{"input":""}')
}

function post(body: string | undefined): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  }
}
