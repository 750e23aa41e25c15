import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startHost, type TestHost } from './harness/host.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#customize-the-http-endpoint
// https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
describe('routes', () => {
  let host: TestHost

  beforeAll(async () => {
    host = await startHost('routes')
  })
  afterAll(async () => {
    await host.stop()
  })

  test.each([
    ['/int/5', 'a1', { id: '5' }],
    ['/int/-5', 'a1', { id: '-5' }],
    ['/int/abc', 'a2', { id: 'abc' }],
    ['/optional', 'b1', {}],
    ['/optional/7', 'b1', { id: '7' }],
    ['/rest', 'c1', {}],
    ['/rest/a/b%20c/d', 'c1', { path: 'a/b c/d' }],
    ['/default', 'd1', { color: 'red' }],
    ['/default/blue', 'd1', { color: 'blue' }],
    ['/files/report.v2.pdf', 'e1', { name: 'report.v2', ext: 'pdf' }],
    ['/range/10', 'f1', { n: '10' }],
    ['/regex/123-45', 'g1', { code: '123-45' }],
    // Functions are tried in the order of their names, and a literal has no precedence.
    ['/first/literal', 'h1', { x: 'literal' }],
    ['/abc/tail', 'i1', { word: 'abc' }],
    ['/FIRST/%20', 'h1', { x: ' ' }],
  ])('%s goes to %s', async (path, name, params) => {
    const response = await host.fetch(path)
    expect(await response.json()).toEqual({ name, params })
  })

  test.each([
    '/int/1.5',
    '/int/99999999999',
    '/optional/x',
    '/range/11',
    '/regex/12-45',
    '/abcd/tail',
    '/api/int/5',
    '/int',
  ])('%s is 404', async (path) => {
    expect((await host.fetch(path)).status).toBe(404)
  })

  test('a reserved route leaves only its own function out, in one line', () => {
    expect(host.output()).toMatch(
      /The 'reserved' function is in error: Its route 'admin\/x' begins with 'admin'/,
    )
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook#hostjson-settings
  test('customHeaders of host.json are on every answer', async () => {
    expect((await host.fetch('/int/5')).headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('HEAD and OPTIONS reach a function that lists them', async () => {
    const head = await host.fetch('/options', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '4', ''])
    expect(await (await host.fetch('/options', { method: 'OPTIONS' })).text()).toBe('body')
  })

  test('the page at / says that the app runs', async () => {
    const response = await host.fetch('/')
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    expect(await response.text()).toContain('up and running')
  })
})
