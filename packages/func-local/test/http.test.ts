import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startHost, type TestHost } from './harness/host.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger
describe('HTTP functions', () => {
  let host: TestHost

  beforeAll(async () => {
    host = await startHost('basic')
  })
  afterAll(async () => {
    await host.stop()
  })

  test('a function answers under its name', async () => {
    const response = await host.fetch('/api/hello?name=Ada')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('Hello, Ada!')
  })

  test('the list of functions names each with its methods and URL', () => {
    expect(host.output()).toContain(`\n\thello: [GET,POST] http://localhost:${host.port}/api/hello\n\n`)
    expect(host.output()).toMatch(/\nFunctions:\n\n\tanswer: /)
  })

  test('route parameters are percent-decoded but for %2F, and an optional one may be missing', async () => {
    const response = await host.fetch('/api/echo/a%20b%2Fc%2fd%C3%BC')
    expect(await response.json()).toMatchObject({ params: { name: 'a b%2Fc%2fdü' } })
    const both = await host.fetch('/api/ECHO/x/y/')
    expect(await both.json()).toMatchObject({ params: { name: 'x', rest: 'y' } })
  })

  test('repeated query values arrive joined by commas, empty ones as empty', async () => {
    const response = await host.fetch('/api/echo/x?a=1&a=2&b=')
    expect(await response.json()).toMatchObject({ query: [['a', '1,2'], ['b', '']] }) // prettier-ignore
  })

  test('the body arrives byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const response = await host.fetch('/api/echo/x', { method: 'PUT', body: bytes })
    expect(await response.json()).toMatchObject({
      method: 'PUT',
      body: Buffer.from(bytes).toString('base64'),
    })
  })

  // https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.maxrequestheaderstotalsize
  test('32 KB of headers are let in', async () => {
    const response = await host.fetch('/api/hello', { headers: { 'x-large': 'x'.repeat(30_000) } })
    expect(response.status).toBe(200)
  })

  test('status, headers, body bytes and cookies of the answer reach the client', async () => {
    const response = await host.fetch('/api/answer')
    expect(response.status).toBe(418)
    expect(response.headers.get('x-one')).toBe('1')
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([0, 1, 2, 255]))
    // https://github.com/dotnet/aspnetcore/blob/main/src/Http/Headers/src/SetCookieHeaderValue.cs
    expect(response.headers.getSetCookie()).toEqual(['a=b%20c; max-age=10; path=/; samesite=lax; httponly'])
  })

  test('an unknown route and a method that is not listed are 404 with an empty body', async () => {
    for (const [path, method] of [
      ['/api/none', 'GET'],
      ['/api/hello', 'DELETE'],
      ['/api/hello', 'HEAD'],
    ] as const) {
      // prettier-ignore
      const response = await host.fetch(path, { method })
      expect(response.status).toBe(404)
      expect(await response.text()).toBe('')
    }
  })

  test('a handler that throws is 500 with an empty body, and the log has the error', async () => {
    const response = await host.fetch('/api/fail')
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('')
    await host.printed(/Executed 'Functions.fail' \(Failed, Id=[0-9a-f-]{36}, Duration=\d+ms\)/)
    await host.printed(
      /Exception: this handler always fails\n.*Stack: Error: this handler always fails\n.*index\.js:\d+/,
    )
  })

  test('a handler that returns nothing is 204', async () => {
    expect((await host.fetch('/api/nothing')).status).toBe(204)
  })

  test('a worker that dies fails its requests and is started again', async () => {
    const before = await (await host.fetch('/api/pid')).text()
    expect((await host.fetch('/api/exit')).status).toBe(500)
    const after = await (await host.fetch('/api/pid')).text()
    expect(after).not.toBe(before)
  })
})
