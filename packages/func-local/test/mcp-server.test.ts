import { afterEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { registry } from './harness/registry.ts'
import type { InvocationOutcome, Listener, TriggerEvent } from '../src/registry.ts'
import type { TypedData } from '../src/protocol.ts'
import { describeSameNames } from '../src/mcp/catalog.ts'
import type { LoadedFunction } from '../src/host/generation.ts'
import { rawRequest } from './harness/exchange.ts'
import { serve, type ServedFunction, type ServerSetup, type TestServer } from './harness/http-server.ts'
import { fakeFunction, fakeServices, fakeTriggerContext } from './harness/services.ts'

const PATH = '/runtime/webhooks/mcp'
const ACCEPT = 'application/json, text/event-stream'
const INSTANCE = 'A'.repeat(32)
const INITIALIZE = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'test client', version: '1' },
}

let server: TestServer
afterEach(() => server.close())

interface Served {
  readonly type?: string
  readonly returns?: TypedData
  readonly fails?: true
  readonly disabled?: true
  readonly [property: string]: unknown
}

/** Functions with MCP triggers, and the events that they got. */
async function start(
  functions: Readonly<Record<string, Served>>,
  setup: Omit<ServerSetup, 'functions'> & { readonly hostJson?: Readonly<Record<string, unknown>> } = {},
): Promise<TriggerEvent[]> {
  const events: TriggerEvent[] = []
  const services = fakeServices({}, setup.hostJson)
  const served = Object.entries(functions).map(
    ([name, { type = 'mcpToolTrigger', ...one }]): ServedFunction => {
      const fn = fakeFunction({ type, ...one }, { name })
      const listener: Listener = registry.trigger(type).bind(fakeTriggerContext(fn, services))
      const run = (event: TriggerEvent): InvocationOutcome => {
        events.push(event)
        return one.fails === true
          ? { ok: false, error: { message: 'secret reason' } }
          : { ok: true, response: { invocationId: '1', returnValue: one.returns ?? null } }
      }
      return { name, listener, run, disabled: one.disabled ?? false }
    },
  )
  server = await serve({ ...setup, functions: served })
  return events
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function post(
  body: string,
  headers: Readonly<Record<string, string>> = {},
  path = PATH,
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    body,
    headers: { accept: ACCEPT, 'content-type': 'application/json', ...headers },
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** The message of the response, which is a stream of one event. */
async function call(
  method: string,
  params?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const answer = await post(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }), headers)
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'text/event-stream',
  })
  const [, data = ''] = /^event: message\ndata: (.*)\n\n$/.exec(answer.text) ?? []
  return JSON.parse(data)
}
const result = (value: unknown): unknown => ({ jsonrpc: '2.0', id: 7, result: value })
const failure = (code: number, message: string): unknown => ({
  jsonrpc: '2.0',
  id: 7,
  error: { code, message },
})
const error = (text: string): unknown => (JSON.parse(text) as { error: unknown }).error

// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http and
// https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Http/StreamableHttpRequestHandler.cs
describe('streamable HTTP', () => {
  test('initialize says what the server is, and gives a session', async () => {
    await start({ a: { toolName: 'a' } })
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: INITIALIZE })
    const first = await post(body)
    expect(JSON.parse(first.text.split('data: ')[1] ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        protocolVersion: '2025-06-18',
        capabilities: { logging: {}, prompts: {}, resources: {}, tools: {} },
        serverInfo: { name: 'Azure Functions MCP server', version: '1.0.0' },
      },
    })
    const session = first.headers.get('mcp-session-id') ?? ''
    expect(session).toMatch(new RegExp(String.raw`^[0-9a-f]{32}\|${INSTANCE}$`))
    expect((await post(body)).headers.get('mcp-session-id')).not.toBe(session)
    expect((await post('{"jsonrpc":"2.0","id":1,"method":"ping"}')).headers.has('mcp-session-id')).toBe(false)
  })

  test('the server is named by host.json', async () => {
    const mcp = { serverName: 'Mine', serverVersion: '3', instructions: 'Ask.' }
    await start({ a: { toolName: 'a' } }, { hostJson: { 'extensions.mcp': mcp } })
    expect(await call('initialize', INITIALIZE)).toMatchObject({
      result: { serverInfo: { name: 'Mine', version: '3' }, instructions: 'Ask.' },
    })
  })

  test('a notification is accepted; ping, levels and subscriptions are answered; other methods are not there', async () => {
    await start({ a: { toolName: 'a' } })
    const notified = await post('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    expect({ status: notified.status, text: notified.text }).toEqual({ status: 202, text: '' })
    expect(await call('ping')).toEqual(result({}))
    expect(await call('logging/setLevel', { level: 'debug' })).toEqual(result({}))
    expect(await call('resources/subscribe', { uri: 'file://a' })).toEqual(result({}))
    expect(await call('resources/unsubscribe', { uri: 'file://a' })).toEqual(result({}))
    expect(await call('completion/complete', {})).toEqual(
      failure(-32_601, "Method 'completion/complete' is not available."),
    )
  })

  test.each(['GET', 'DELETE', 'OPTIONS'])('%s is not allowed', async (method) => {
    await start({ a: { toolName: 'a' } })
    expect((await rawRequest(server.port, method, PATH, { accept: ACCEPT })).status).toBe(405)
  })

  test.each([
    ['application/json', 406],
    ['text/event-stream', 406],
    ['text/html', 406],
    ['application/json;q=0.5, text/event-stream', 200],
    ['text/*, application/*', 200],
    ['*/*', 200],
  ])('a client that accepts %s gets %i', async (accept, status) => {
    await start({ a: { toolName: 'a' } })
    const answer = await post('{"jsonrpc":"2.0","id":1,"method":"ping"}', { accept })
    expect(answer.status).toBe(status)
    if (status === 406)
      expect(error(answer.text)).toEqual({
        code: -32_000,
        message: 'Not Acceptable: Client must accept both application/json and text/event-stream',
      })
  })

  test.each(['x', 'a|b|c', '|a'])('the session %s is none', async (session) => {
    await start({ a: { toolName: 'a' } })
    const answer = await post('{"jsonrpc":"2.0","id":1,"method":"ping"}', { 'mcp-session-id': session })
    expect(answer.status).toBe(400)
    expect(error(answer.text)).toEqual({ code: -32_000, message: 'Invalid client state.' })
  })

  test.each([
    ['{bad', {}, 400, 'Parse error: Invalid JSON'],
    ['{"id":1}', {}, 400, 'Parse error: Invalid JSON-RPC message'],
    ['{}', { 'content-type': 'text/plain' }, 415, /Content-Type must be application\/json/],
    [
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      { 'mcp-protocol-version': '1' },
      400,
      /Unsupported protocol version/,
    ],
  ])('the body %s with %j is refused', async (body, headers, status, message) => {
    await start({ a: { toolName: 'a' } })
    const answer = await post(body, headers)
    expect(answer.status).toBe(status)
    const matcher: unknown = expect.stringMatching(message)
    expect(error(answer.text)).toMatchObject({ message: matcher })
  })

  test('without a function that has an MCP trigger, or for another method of HTTP, there is no server', async () => {
    await start({ off: { toolName: 'a', disabled: true } })
    expect((await post('{}')).status).toBe(404)
    await server.close()
    await start({ a: { toolName: 'a' } })
    expect((await rawRequest(server.port, 'PUT', PATH, { accept: ACCEPT })).status).toBe(404)
  })

  test('pages of other sites are refused', async () => {
    await start({ a: { toolName: 'a' } })
    expect((await post('{}', { origin: 'http://evil.example' })).status).toBe(403)
    expect((await post('{}', { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  })

  test('a host that asks for keys asks for its own, unless host.json lets anybody in', async () => {
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    await start({ a: { toolName: 'a' } }, { key: 'secret' })
    expect((await post(ping)).status).toBe(401)
    expect((await post(ping, { 'x-functions-key': 'secret' })).status).toBe(200)
    expect((await post(ping, {}, `${PATH}?code=secret`)).status).toBe(200)
    await server.close()
    const open = { 'extensions.mcp.system': { webhookAuthorizationLevel: 'anonymous' } }
    await start({ a: { toolName: 'a' } }, { key: 'secret', hostJson: open })
    expect((await post(ping)).status).toBe(200)
  })

  test('the function is told the session, the transport and the trace', async () => {
    const events = await start({ a: { toolName: 'a' } })
    const session = `client|${INSTANCE}`
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
    await call(
      'tools/call',
      { name: 'a', arguments: {} },
      { 'mcp-session-id': session, traceparent, 'x-own': 'y' },
    )
    expect(JSON.parse(events[0]?.data.string ?? '')).toMatchObject({
      sessionid: session,
      transport: {
        name: 'http-streamable',
        sessionId: session,
        properties: { headers: { Accept: ACCEPT, 'x-own': 'y', traceparent } },
      },
    })
    expect(events[0]?.trace?.traceParent).toMatch(`00-${'1'.repeat(32)}-`)
  })
})

describe('tools, resources and prompts', () => {
  const required = JSON.stringify([
    { propertyName: 'a', propertyType: 'string', isRequired: true },
    { propertyName: 'b', propertyType: 'string', isRequired: true },
    { propertyName: 'c', propertyType: 'string' },
  ])

  test('are listed when they are enabled, and of two with one name the first', async () => {
    await start({
      a: { toolName: 'tool' },
      b: { toolName: 'TOOL' },
      c: { toolName: 'off', disabled: true },
      d: { type: 'mcpResourceTrigger', uri: 'file://a', resourceName: 'one' },
      e: { type: 'mcpResourceTrigger', uri: 'file://{x}', resourceName: 'two' },
      f: { type: 'mcpResourceTrigger', uri: 'file://{y}', resourceName: 'three' },
      g: { type: 'mcpPromptTrigger', promptName: 'tool' },
    })
    expect(await call('tools/list')).toMatchObject({ result: { tools: [{ name: 'tool' }] } })
    expect(await call('resources/list')).toEqual(result({ resources: [{ uri: 'file://a', name: 'one' }] }))
    expect(await call('resources/templates/list')).toEqual(
      result({ resourceTemplates: [{ uriTemplate: 'file://{x}', name: 'two' }] }),
    )
    expect(await call('prompts/list')).toEqual(result({ prompts: [{ name: 'tool' }] }))
  })

  test('a call needs a tool that is there, and its required arguments', async () => {
    const events = await start({
      a: { toolName: 'Tool', toolProperties: required, returns: { string: 'x' } },
    })
    expect(await call('tools/call', { name: 'none' })).toEqual(failure(-32_602, "Unknown tool: 'none'"))
    const missing = 'One or more required tool properties are missing values. Please provide:'
    expect(await call('tools/call', { name: 'Tool' })).toEqual(failure(-32_602, `${missing} a, b`))
    expect(await call('tools/call', { name: 'Tool', arguments: { a: '', b: null } })).toEqual(
      failure(-32_602, `${missing} b`),
    )
    expect(events).toHaveLength(0)
    expect(await call('tools/call', { name: 'tOOL', arguments: { a: '', b: false } })).toEqual(
      result({ content: [{ type: 'text', text: 'x' }] }),
    )
    expect(JSON.parse(events[0]?.data.string ?? '')).toMatchObject({ name: 'Tool' })
  })

  test('a tool that fails, or returns what cannot be used, has an error as its result', async () => {
    await start({
      a: { toolName: 'fails', fails: true },
      b: { toolName: 'odd', useResultSchema: true, returns: { string: 'x' } },
    })
    const failed = (name: string): unknown =>
      result({ isError: true, content: [{ type: 'text', text: `An error occurred invoking '${name}'.` }] })
    expect(await call('tools/call', { name: 'fails' })).toEqual(failed('fails'))
    expect(await call('tools/call', { name: 'odd' })).toEqual(failed('odd'))
    expect(server.log.lines).toEqual([
      "error Function 'Functions.b' failed: the value it returned is not the JSON of a tool result.",
    ])
  })

  test('structured content keeps to the schema of the result', async () => {
    const schema = { resultSchema: '{"type":"object","required":["id"]}', useResultSchema: true }
    const whole = { isError: true, content: [{ type: 'text', text: 'no such id' }] }
    const failed = { type: 'call_tool_result', content: JSON.stringify(whole) }
    const returns = (structuredContent?: string): TypedData => ({
      string: JSON.stringify({ type: 'text', content: '{"type":"text","text":"x"}', structuredContent }),
    })
    await start({
      a: { toolName: 'good', ...schema, returns: returns('{"id":7}') },
      b: { toolName: 'bad', ...schema, returns: returns('{"no":7}') },
      c: { toolName: 'none', ...schema, returns: returns() },
      d: { toolName: 'failed', ...schema, returns: { string: JSON.stringify(failed) } },
    })
    expect(await call('tools/call', { name: 'good' })).toEqual(
      result({ content: [{ type: 'text', text: 'x' }], structuredContent: { id: 7 } }),
    )
    expect(await call('tools/call', { name: 'bad' })).toEqual(
      failure(
        -32_602,
        "Structured content does not conform to the output schema. data must have required property 'id'",
      ),
    )
    const message: unknown = expect.stringMatching(/^Output schema is declared but/)
    expect(await call('tools/call', { name: 'none' })).toMatchObject({ error: { code: -32_602, message } })
    expect(await call('tools/call', { name: 'failed' })).toEqual(result(whole))
  })

  test('a resource is read by its URI; one of its own goes before a template', async () => {
    const events = await start({
      a: {
        type: 'mcpResourceTrigger',
        uri: 'file://{x}',
        resourceName: 't',
        returns: { string: 'of a template' },
      },
      b: {
        type: 'mcpResourceTrigger',
        uri: 'file://Logo',
        resourceName: 'l',
        returns: { bytes: Buffer.from('b') },
      },
      c: { type: 'mcpResourceTrigger', uri: 'bad://a', resourceName: 'b', fails: true },
      d: { type: 'mcpResourceTrigger', uri: 'odd://a', resourceName: 'o', returns: { json: '{}' } },
    })
    const read = (uri: string): Promise<unknown> => call('resources/read', { uri })
    expect(await read('file://logo')).toEqual(result({ contents: [{ uri: 'file://Logo', blob: 'Yg==' }] }))
    expect(await read('file://other')).toEqual(
      result({ contents: [{ uri: 'file://other', text: 'of a template' }] }),
    )
    expect(events[1]?.bindingData()['x']).toBe('other')
    expect(await read('none://x')).toEqual(failure(-32_602, "Unknown resource: 'none://x'"))
    expect(await read('bad://a')).toEqual(failure(-32_603, 'An error occurred.'))
    expect(await read('odd://a')).toEqual(failure(-32_603, 'An error occurred.'))
    expect(server.log.lines).toEqual([
      "error Function 'Functions.d' failed: the value it returned must be text or bytes; give JSON as text, with JSON.stringify(…).",
    ])
  })

  test('a prompt is got by its name, with its required arguments', async () => {
    const promptArguments = '[{"name":"code","required":true}]'
    await start({
      a: { type: 'mcpPromptTrigger', promptName: 'p', promptArguments, returns: { string: 'x' } },
      b: { type: 'mcpPromptTrigger', promptName: 'fails', fails: true },
    })
    expect(await call('prompts/get', { name: 'P', arguments: { code: 'c' } })).toEqual(
      result({ messages: [{ role: 'user', content: { type: 'text', text: 'x' } }] }),
    )
    expect(await call('prompts/get', { name: 'p' })).toEqual(
      failure(-32_602, 'One or more required prompt arguments are missing values. Please provide: code'),
    )
    expect(await call('prompts/get', { name: 'none' })).toEqual(failure(-32_602, "Unknown prompt: 'none'"))
    expect(await call('prompts/get', { name: 'fails' })).toEqual(failure(-32_603, 'An error occurred.'))
  })
})

// https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Http/SseRequestHandler.cs
describe('the SSE transport', () => {
  interface Stream {
    readonly response: IncomingMessage
    /** The next event: its name and its data. */
    readonly next: () => Promise<readonly [name: string, data: string]>
  }

  async function open(path = `${PATH}/sse`, headers: Readonly<Record<string, string>> = {}): Promise<Stream> {
    const request = httpRequest({ host: '127.0.0.1', port: server.port, path, headers })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]()
    let text = ''
    return {
      response,
      next: async () => {
        while (!text.includes('\n\n')) {
          const chunk = await chunks.next()
          if (chunk.done === true) throw new Error('The stream has ended.')
          text += String(chunk.value)
        }
        const [event = ''] = text.split('\n\n')
        text = text.slice(event.length + 2)
        const [, name = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? []
        return [name, data]
      },
    }
  }
  const send = (address: string, method: string, params: unknown = {}): Promise<Answer> =>
    post(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }), {}, `${PATH}/${address}`)

  test('a stream names where messages go, and has the answers to them', async () => {
    const events = await start({ a: { toolName: 'a', returns: { string: 'x' } } })
    const { response, next } = await open(`${PATH}/SSE/`)
    expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream' })
    const [name, address] = await next()
    expect(name).toBe('endpoint')
    expect(address).toMatch(new RegExp(String.raw`^message\?azmcpcs=[0-9a-f]{32}%7C${INSTANCE}$`))
    const accepted = await send(address, 'initialize', INITIALIZE)
    expect({ status: accepted.status, text: accepted.text }).toEqual({ status: 202, text: 'Accepted' })
    expect(JSON.parse((await next())[1])).toMatchObject({ id: 7, result: { protocolVersion: '2025-06-18' } })
    await send(address, 'tools/call', { name: 'a', arguments: {} })
    expect(JSON.parse((await next())[1])).toEqual(result({ content: [{ type: 'text', text: 'x' }] }))
    expect(JSON.parse(events[0]?.data.string ?? '')).toMatchObject({
      sessionid: /azmcpcs=(\w+)/.exec(address)?.[1],
      clientinfo: INITIALIZE.clientInfo,
      transport: { name: 'http-sse' },
    })
    response.destroy()
  })

  test('the address has the key, and scheme and host where host.json says so', async () => {
    const hostJson = { 'extensions.mcp.messageOptions': { useAbsoluteUriForEndpoint: true } }
    await start({ a: { toolName: 'a' } }, { key: 'secret', hostJson })
    const byQuery = await open(`${PATH}/sse?code=secret`)
    expect((await byQuery.next())[1]).toMatch(
      new RegExp(String.raw`^http://127\.0\.0\.1:${server.port}${PATH}/message\?azmcpcs=[^&]+&code=secret$`),
    )
    const byHeader = await open(`${PATH}/sse`, { 'x-functions-key': 'secret' })
    expect((await byHeader.next())[1]).toMatch(/&code=secret$/)
    byQuery.response.destroy()
    byHeader.response.destroy()
  })

  test.each([
    ['message', 'Missing service context.'],
    ['message?azmcpcs=x', 'Invalid client state.'],
    ['message?azmcpcs=a|b', "No active session for client 'a' and instance 'b'."],
  ])('%s is refused', async (address, reason) => {
    await start({ a: { toolName: 'a' } })
    const answer = await send(address, 'ping')
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toBe(
      `${reason} Please connect to the /sse endpoint to initiate your session.`,
    )
  })

  test('a message must be one of JSON-RPC; the stream is got', async () => {
    await start({ a: { toolName: 'a' } })
    const { response, next } = await open()
    const [, address] = await next()
    const answer = await post('{"id":1}', {}, `${PATH}/${address}`)
    expect({ status: answer.status, text: answer.text }).toEqual({
      status: 400,
      text: '"No message in request body."',
    })
    expect((await post('{}', {}, `${PATH}/sse`)).status).toBe(405)
    response.destroy()
  })

  test('a session ends with its stream', async () => {
    await start({ a: { toolName: 'a' } })
    const { response, next } = await open()
    const [, address] = await next()
    response.destroy()
    let answer = await send(address, 'ping')
    while (answer.status === 202) answer = await send(address, 'ping')
    expect(answer.text).toMatch(/No active session/)
  })

  test('a stream does not hold up the stop of the host', async () => {
    await start({ a: { toolName: 'a' } })
    const { next } = await open()
    await next()
    await server.close()
    await expect(next()).rejects.toThrow('The stream has ended.')
    expect(server.log.lines).toEqual([])
  })
})

test('functions that clients could not tell apart are named', () => {
  const loaded = Object.entries<Record<string, unknown>>({
    a: { type: 'mcpToolTrigger', toolName: 'x' },
    b: { type: 'mcpToolTrigger', toolName: 'X' },
    c: { type: 'mcpPromptTrigger', promptName: 'x' },
    d: { type: 'mcpResourceTrigger', uri: 'file://{x}', resourceName: 'r' },
    e: { type: 'mcpResourceTrigger', uri: 'FILE://{y}', resourceName: 'r' },
    f: { type: 'httpTrigger' },
  }).map(([name, properties]): LoadedFunction => {
    const definition = fakeFunction({ ...properties, type: String(properties['type']) }, { name })
    const context = fakeTriggerContext(definition)
    const listener = registry.trigger(definition.trigger.type).bind(context)
    return { definition, disabled: false, listener, invoke: context.invoke, invokeOnce: context.invoke }
  })
  expect(describeSameNames(loaded)).toEqual([
    "MCP clients cannot use the function 'b': tool 'X' is already registered by 'a'. Rename one.",
    "MCP clients cannot use the function 'e': resource 'FILE://{y}' is already registered by 'd'. Rename one.",
  ])
  expect(
    describeSameNames(loaded.map((fn) => ({ ...fn, disabled: fn.definition.name === 'a' }))),
  ).toHaveLength(1)
})
