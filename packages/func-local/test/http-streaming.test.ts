import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { request as openRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { startHost, type TestHost } from './harness/host.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-reference-node#http-streams
describe('HTTP streaming', () => {
  let host: TestHost
  let azurite: Azurite

  beforeAll(async () => {
    azurite = await startAzurite()
    host = await startHost('stream', {
      env: {
        AzureWebJobsStorage: azurite.connectionString,
        Unreachable:
          'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;QueueEndpoint=http://127.0.0.1:9/a;',
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '200000000',
      },
    })
  })
  afterAll(async () => {
    await host.stop()
    await azurite.stop()
  })

  test("the function sees the client's URL, headers, route and query", async () => {
    const response = await host.fetch('/api/echo/a%20b?x=1&x=2', {
      headers: { 'x-mine': 'm', 'x-forwarded-host': 'h' },
    })
    expect(response.status).toBe(201)
    expect(response.headers.get('x-answer')).toBe('yes')
    expect(response.headers.get('x-ms-invocation-id')).toBeNull()
    const seen = (await response.json()) as { headers: Record<string, string> }
    expect(seen).toMatchObject({
      method: 'GET',
      url: `${host.url}/api/echo/a%20b?x=1&x=2`,
      params: { name: 'a b' },
      // https://github.com/Azure/azure-functions-nodejs-library/issues/168: with streaming, values stay separate.
      query: [['x', '1'], ['x', '2']], // prettier-ignore
    })
    expect(seen.headers).toMatchObject({
      'x-mine': 'm',
      'x-forwarded-host': 'h',
      host: `127.0.0.1:${host.port}`,
    })
    expect(Object.keys(seen.headers)).not.toContain('x-ms-invocation-id')
  })

  test('several Set-Cookie headers stay separate', async () => {
    const response = await host.fetch('/api/echo')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2; Path=/'])
  })

  test('a chunked body reaches the function', async () => {
    const body = Readable.from(['one ', 'two']) as unknown as ReadableStream
    const response = await host.fetch('/api/echo', { method: 'POST', body, duplex: 'half' })
    expect(await response.json()).toMatchObject({ body: 'one two' })
  })

  test.each(['POST', 'DELETE', 'OPTIONS'])('so does one of %s', async (method) => {
    const request = openRequest(`${host.url}/api/bytes`, {
      method,
      headers: { 'transfer-encoding': 'chunked' },
    })
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject)
    })
    request.write('one ')
    request.end('two')
    expect(await text(await answer)).toBe(`${method}: one two`)
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#json-payloads
  test('a binding may name a property of the JSON body, and the function still gets the body', async () => {
    const body = '{"id":"a1","n":1}'
    const response = await host.fetch('/api/ofBody', { method: 'POST', body })
    expect(await response.text()).toBe(body)
    expect(await (await host.fetch('/api/written/a1')).json()).toEqual({ id: 'a1', n: 1 })
  })

  test('a large body goes in', async () => {
    const response = await host.fetch('/api/receive', { method: 'POST', body: new Uint8Array(100 << 20) })
    expect(await response.text()).toMatch(new RegExp(`^Bytes received: ${100 << 20}; `))
  })

  test('a large body comes out, and the worker keeps to the pace of a slow reader', async () => {
    const response = await host.fetch('/api/send?mb=256')
    let received = 0
    for await (const chunk of response.body ?? []) {
      received += (chunk as Uint8Array).length
      // A pause for every megabyte or so lets the worker run ahead, if it can.
      if (received % (1 << 20) < 4096) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(received).toBe(256 << 20)
    const [, most = ''] =
      /sent \d+ with at most (\d+) MB/.exec(await host.printed(/sent \d+ with at most/)) ?? []
    expect(Number(most)).toBeLessThan(250)
  })

  test('events reach the client as they are sent', async () => {
    const stop = new AbortController()
    const response = await host.fetch('/api/events', { signal: stop.signal })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: one\n\n')
    stop.abort()
  })

  test('among many requests at once, none is overtaken by all others', async () => {
    const lanes = 100
    const calls = 1000
    let sent = 0
    let latest = 0
    const lane = async (): Promise<void> => {
      while (sent < calls) {
        const order = sent++
        const begun = (await (await host.fetch('/api/busy')).json()) as number
        latest = Math.max(latest, begun - order)
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    expect(latest).toBeLessThan(4 * lanes)
  })

  test('a handler that throws is 500, one that returns nothing is 204', async () => {
    expect((await host.fetch('/api/fail')).status).toBe(500)
    expect((await host.fetch('/api/nothing')).status).toBe(204)
  })

  test('an answer is not sent when an output could not be written', async () => {
    const response = await host.fetch('/api/outputFails')
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('')
  })

  test('a body beyond the limit is 413', async () => {
    const response = await host.fetch('/api/receive', { method: 'POST', body: new Uint8Array(200_000_001) })
    expect(response.status).toBe(413)
  })
})
