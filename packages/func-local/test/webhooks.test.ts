import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { rawRequest } from './harness/exchange.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

const SETTINGS = { 'AzureWebJobs.off.Disabled': 'true', HUB: 'Hub1' }
const EVENT = { id: '1', subject: 's', eventType: 't', eventTime: '2026-01-01T00:00:00Z', data: { a: 1 } }

// https://learn.microsoft.com/azure/azure-functions/event-grid-how-tos and
// https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid/src/TriggerBinding/HttpRequestProcessor.cs
;(onCoreTools ? describe.skip : describe)('the webhook of Event Grid', () => {
  let host: TestHost

  beforeAll(async () => {
    host = await startHost('event-grid', { env: SETTINGS })
  })
  afterAll(async () => {
    await host.stop()
  })

  const post = (
    query: string,
    type: string | undefined,
    body: string,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    host.fetch(`/runtime/webhooks/EventGrid${query}`, {
      method: 'POST',
      body,
      headers: { ...(type === undefined ? {} : { 'aeg-event-type': type }), ...headers },
    })

  test('a subscription is validated by sending back the code, in the schema of Event Grid and in CloudEvents', async () => {
    const data = { validationCode: 'code-1', validationUrl: 'https://x' }
    const own = await post('?functionName=one', 'SubscriptionValidation', JSON.stringify([{ data }]))
    expect(own.status).toBe(200)
    expect(await own.json()).toEqual({ validationResponse: 'code-1' })
    const cloud = await post(
      '?functionName=one',
      'subscriptionvalidation',
      JSON.stringify({ data: JSON.stringify(data) }),
    )
    expect(await cloud.json()).toEqual({ validationResponse: 'code-1' })
  })

  // https://github.com/cloudevents/spec/blob/v1.0/http-webhook.md#4-abuse-protection
  test.each([
    ['eventgrid.azure.net', 'eventgrid.azure.net'],
    ['eventgrid.azure.cn', 'eventgrid.azure.cn'],
    ['evil.example', 'eventgrid.azure.net'],
    [undefined, 'eventgrid.azure.net'],
  ])('OPTIONS from %s allows %s', async (origin, allowed) => {
    const headers: Record<string, string> = origin === undefined ? {} : { 'webhook-request-origin': origin }
    const { status, headers: got } = await rawRequest(
      host.port,
      'OPTIONS',
      '/runtime/webhooks/EventGrid?functionName=one',
      headers,
    )
    expect(status).toBe(200)
    expect(new Map(got).get('webhook-allowed-origin')).toBe(allowed)
  })

  test('each event of a delivery is an invocation, or all of them are one', async () => {
    const from = host.output().length
    const events = JSON.stringify([EVENT, { ...EVENT, id: '2', data: 'text' }])
    expect((await post('?functionName=one', 'Notification', events)).status).toBe(202)
    await host.printed(`one got {"event":${JSON.stringify(EVENT)},"data":{"a":1}}`, from)
    await host.printed('one got {"event":{"id":"2"', from)
    expect((await post('?functionName=many', 'Notification', events)).status).toBe(202)
    await host.printed('many got ["1","2"] with [{"a":1},"text"]', from)
    expect(host.output().slice(from)).toMatch(
      /Executing 'Functions\.one' \(Reason='EventGrid trigger fired at \d{4}-\d\d-\d\dT[\d:.]+Z', Id=/,
    )
  })

  test('a CloudEvent is one event, as it is', async () => {
    const from = host.output().length
    const event = { specversion: '1.0', id: 'c', source: '/s', type: 't', data: { b: 2 } }
    const type = { 'content-type': 'application/cloudevents+json' }
    expect((await post('?functionName=one', 'Notification', JSON.stringify(event), type)).status).toBe(202)
    await host.printed(`one got {"event":${JSON.stringify(event)},"data":{"b":2}}`, from)
  })

  test.each([
    ['no function', '', 'Notification', '[]', 404, "cannot find function: ''"],
    ['an unknown function', '?functionName=none', 'Notification', '[]', 404, "cannot find function: 'none'"],
    [
      'the name in another case',
      '?functionName=ONE',
      'Notification',
      '[]',
      404,
      "cannot find function: 'ONE'",
    ],
    [
      'a function with another trigger',
      '?functionName=web',
      'Notification',
      '[]',
      404,
      "cannot find function: 'web'",
    ],
    ['a disabled function', '?functionName=off', 'Notification', '[]', 404, "cannot find function: 'off'"],
    ['no event type', '?functionName=one', undefined, '[]', 400, ''],
    ['an unknown event type', '?functionName=one', 'Other', '[]', 400, ''],
    ['an unsubscription', '?functionName=one', 'Unsubscribe', '', 202, ''],
    ['a body that is no JSON', '?functionName=one', 'Notification', '{bad', 500, ''],
    [
      'an event that is no object',
      '?functionName=one',
      'Notification',
      '[1]',
      500,
      'Exception while executing function: Functions.one',
    ],
    [
      'a failing function',
      '?functionName=fails',
      'Notification',
      '[{}]',
      500,
      'Exception while executing function: Functions.fails',
    ],
    ['a validation without a code', '?functionName=one', 'SubscriptionValidation', '[{}]', 500, ''],
  ])('%s', async (_what, query, type, body, status, text) => {
    const response = await post(query, type, body)
    expect({ status: response.status, text: await response.text() }).toEqual({ status, text })
  })

  test('other extensions and methods are 404; events from pages of other sites are refused', async () => {
    expect((await host.fetch('/runtime/webhooks/other', { method: 'POST' })).status).toBe(404)
    expect((await host.fetch('/runtime/webhooks/EventGrid?functionName=one', { method: 'PUT' })).status).toBe(
      404,
    )
    const foreign = await post('?functionName=one', 'Notification', '[]', { origin: 'http://evil.example' })
    expect(foreign.status).toBe(403)
  })

  test('blob events for an unknown function are dropped, and the log says so', async () => {
    const { status } = await host.fetch('/runtime/webhooks/blobs?functionName=Host.Functions.none', {
      method: 'POST',
      body: '[{}]',
      headers: { 'aeg-event-type': 'Notification' },
    })
    expect(status).toBe(202)
    await host.printed('Events for "Host.Functions.none" are dropped')
  })

  // https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api
  test('the start of an orchestration is captured; anything else of Durable Functions is 501', async () => {
    const started = await host.fetch('/api/starter')
    expect(await started.json()).toMatchObject({
      hub: 'Hub1',
      rpc: `http://localhost:${host.port}/runtime/webhooks/durabletask/`,
      status: 202,
      body: { id: 'mine' },
    })
    await host.printed(
      `The start of the orchestration 'orchestrator', with the input 7 bytes: {"a":1}, is captured`,
    )
    expect((await host.fetch('/runtime/webhooks/durabletask/instances/x')).status).toBe(501)
    const none = await host.fetch('/runtime/webhooks/durabletask/orchestrators/none', { method: 'POST' })
    expect(none.status).toBe(404)
  })
})

;(onCoreTools ? describe.skip : describe)('webhooks of a host that asks for keys', () => {
  test('take the key of the host', async () => {
    const host = await startHost('event-grid', {
      args: ['--enableAuth'],
      env: { ...SETTINGS, FUNC_LOCAL_KEY: 'secret' },
    })
    const send = async (query: string): Promise<number> =>
      (
        await host.fetch(`/runtime/webhooks/EventGrid?functionName=one${query}`, {
          method: 'POST',
          body: '[]',
          headers: { 'aeg-event-type': 'Notification' },
        })
      ).status
    expect(await send('')).toBe(401)
    expect(await send('&code=secret')).toBe(202)
    await host.stop()
  })
})
