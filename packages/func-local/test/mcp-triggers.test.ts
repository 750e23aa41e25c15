import { describe, expect, test } from '@jest/globals'
import { BindingError } from '../src/host/function.ts'
import { registry } from './harness/registry.ts'
import { readResourceUri } from '../src/mcp/uri-template.ts'
import { shownHeaders } from '../src/mcp/headers.ts'
import type { McpCaller, McpPrimitive } from '../src/mcp/primitive.ts'
import type { Listener, TriggerEvent } from '../src/registry.ts'
import { fakeFunction, fakeServices, fakeTriggerContext } from './harness/services.ts'

const SESSION = 'client|instance'
const CALLER: McpCaller = {
  sessionId: SESSION,
  clientInfo: { name: 'c', version: '1' },
  transport: { name: 'http-sse', sessionId: SESSION, properties: { headers: { Accept: '*/*' } } },
  trace: { traceParent: 'p', traceState: 's', attributes: {} },
}
const NOBODY: McpCaller = {
  sessionId: undefined,
  clientInfo: undefined,
  transport: undefined,
  trace: undefined,
}

function bind(type: string, properties: Readonly<Record<string, unknown>>): Listener {
  const fn = fakeFunction({ type, ...properties })
  return registry.trigger(type).bind(fakeTriggerContext(fn, fakeServices()))
}

function primitive<K extends McpPrimitive['kind']>(
  kind: K,
  properties: Readonly<Record<string, unknown>>,
): Extract<McpPrimitive, { readonly kind: K }> {
  const type = { tool: 'mcpToolTrigger', resource: 'mcpResourceTrigger', prompt: 'mcpPromptTrigger' }[kind]
  const { mcp } = bind(type, properties)
  if (mcp?.kind !== kind) throw new Error(`It is no ${kind}.`)
  return mcp as Extract<McpPrimitive, { readonly kind: K }>
}

const context = ({ data }: TriggerEvent): unknown => JSON.parse(data.string ?? '')

// https://github.com/Azure/azure-functions-mcp-extension/blob/main/docs/HOST_EXTENSION_SPEC.md
describe('an MCP tool', () => {
  test('has a schema of its properties, with what is required always', () => {
    const properties = [
      { propertyName: 'name', propertyType: 'string', description: 'Who', isRequired: true, isArray: false },
      { PropertyName: 'tags', PropertyType: 'string', IsArray: true },
      { propertyName: 'job', propertyType: 'string', description: null, enumValues: ['a', 'b'] },
      { propertyName: 'name', propertyType: 'string', description: 'Who', isRequired: true },
      { propertyName: ' ', propertyType: 'string', isRequired: true },
      { propertyName: 'untyped' },
    ]
    const toolProperties = JSON.stringify(properties)
    expect(primitive('tool', { toolName: 't', description: 'd', toolProperties }).listed).toEqual({
      name: 't',
      description: 'd',
      inputSchema: {
        type: 'object',
        properties: {
          name: { type: 'string', description: 'Who' },
          tags: { type: 'array', items: { type: 'string' }, description: '' },
          job: { type: 'string', enum: ['a', 'b'], description: '' },
          untyped: { type: 'string', description: '' },
        },
        required: ['name'],
      },
    })
    expect(primitive('tool', { toolName: 't' }).listed).toEqual({
      name: 't',
      inputSchema: { type: 'object', properties: {}, required: [] },
    })
  })

  test('passes on its metadata and the schema of its result', () => {
    const resultSchema = '{"type":"object","required":["id"]}'
    const tool = primitive('tool', {
      ...{ toolName: 't', metadata: '{"ui":{"resourceUri":"ui://x"}}', resultSchema, useResultSchema: true },
    })
    expect(tool.listed).toMatchObject({
      _meta: { ui: { resourceUri: 'ui://x' } },
      outputSchema: { type: 'object', required: ['id'] },
    })
    expect(tool.hasResultSchema).toBe(true)
    expect(primitive('tool', { toolName: 't', useResultSchema: 'True' }).hasResultSchema).toBe(true)
    expect(primitive('tool', { toolName: 't', useResultSchema: 'no' }).hasResultSchema).toBe(false)
  })

  test('gives the function the context of the call; expressions and metadata have the arguments as text', () => {
    const given = { name: 'Ada', age: 3, done: true, open: false, none: null, list: [1, 'x'] }
    const event = primitive('tool', { toolName: 't' }).event(given, CALLER)
    const expected = {
      name: 't',
      arguments: given,
      sessionid: SESSION,
      clientinfo: CALLER.clientInfo,
      transport: CALLER.transport,
    }
    expect(context(event)).toEqual(expected)
    const texts = { name: 'Ada', age: '3', done: 'True', open: 'False', none: '', list: '[1,"x"]' }
    expect(event.bindingData()).toEqual({
      mcptoolcontext: expected,
      mcpsessionid: SESSION,
      mcptoolargs: texts,
    })
    expect(event.metadata['mcptoolargs']).toEqual({ json: JSON.stringify(texts) })
    expect(event.metadata['mcpsessionid']).toEqual({ string: SESSION })
    expect(event.trace).toBe(CALLER.trace)
    expect(event.reason).toBe('This function was programmatically called via the host APIs.')
  })

  test('what a call does not have is left out', () => {
    const event = primitive('tool', { toolName: 't' }).event(undefined, NOBODY)
    expect(context(event)).toEqual({ name: 't' })
    expect(event.bindingData()).toEqual({ mcptoolcontext: { name: 't' } })
    expect(event).not.toHaveProperty('trace')
  })

  test.each([
    [{}, "'toolName' of its mcpToolTrigger binding is missing."],
    [
      { toolName: 't', toolProperties: 'bad' },
      "'toolProperties' of its mcpToolTrigger binding is not valid JSON.",
    ],
    [{ toolName: 't', toolProperties: '{}' }, /must be a JSON array of objects, as text/],
    [{ toolName: 't', toolProperties: '[1]' }, /must be a JSON array of objects, as text/],
    [
      { toolName: 't', metadata: '[]' },
      "'metadata' of its mcpToolTrigger binding must be a JSON object, as text.",
    ],
    [{ toolName: 't', resultSchema: '{"type":"array"}' }, /must have the type "object"/],
  ])('%j is refused', (properties, reason) => {
    expect(() => bind('mcpToolTrigger', properties)).toThrow(BindingError)
    expect(() => bind('mcpToolTrigger', properties)).toThrow(reason)
  })
})

describe('an MCP resource', () => {
  test('is listed with what the app says of it; a template as a template', () => {
    const shown = {
      resourceName: 'n',
      title: 't',
      description: 'd',
      mimeType: 'text/plain',
      metadata: '{"a":1}',
    }
    const listed = { name: 'n', title: 't', description: 'd', mimeType: 'text/plain', _meta: { a: 1 } }
    expect(primitive('resource', { uri: 'file://a', size: 5, ...shown }).listed).toEqual({
      as: 'resource',
      resource: { uri: 'file://a', size: 5, ...listed },
    })
    expect(primitive('resource', { uri: 'file://a', resourceName: 'n' }).listed).toEqual({
      as: 'resource',
      resource: { uri: 'file://a', name: 'n' },
    })
    expect(primitive('resource', { uri: 'file://{a}', size: 5, ...shown }).listed).toEqual({
      as: 'template',
      template: { uriTemplate: 'file://{a}', ...listed },
    })
  })

  test('gives the function the context, and expressions the parameters of the template', () => {
    const event = primitive('resource', { uri: 'logs://{date}/{name}', resourceName: 'n' }).event(
      'LOGS://2026-01-01/a%20b',
      CALLER,
    )
    const expected = {
      uri: 'LOGS://2026-01-01/a%20b',
      sessionId: SESSION,
      clientInfo: CALLER.clientInfo,
      transport: CALLER.transport,
    }
    expect(context(event)).toEqual(expected)
    expect(event.bindingData()).toEqual({
      date: '2026-01-01',
      name: 'a%20b',
      mcpresourcecontext: expected,
      mcpresourceuri: expected.uri,
      mcpsessionid: SESSION,
    })
  })
})

describe('an MCP prompt', () => {
  const promptArguments = JSON.stringify([
    { name: 'code', description: 'The code', required: true },
    { name: 'style', description: null, required: false },
    { description: 'without a name' },
  ])

  test('is listed with its arguments and icons', () => {
    const icons = '[{"src":"https://a/i.svg","mimeType":"image/svg+xml"},{"src":"b"},{"mimeType":"x"}]'
    const prompt = primitive('prompt', {
      ...{ promptName: 'p', title: 't', description: 'd', promptArguments, icons, metadata: '{"a":1}' },
    })
    expect(prompt.listed).toEqual({
      name: 'p',
      title: 't',
      description: 'd',
      arguments: [
        { name: 'code', description: 'The code', required: true },
        { name: 'style', required: false },
      ],
      icons: [{ src: 'https://a/i.svg', mimeType: 'image/svg+xml' }, { src: 'b' }],
      _meta: { a: 1 },
    })
    expect(prompt.required).toEqual(['code'])
    expect(primitive('prompt', { promptName: 'p', promptArguments: '[]' }).listed).toEqual({ name: 'p' })
  })

  test('gives the function the context of the call', () => {
    const event = primitive('prompt', { promptName: 'p' }).event({ code: 'x' }, CALLER)
    expect(context(event)).toMatchObject({ name: 'p', arguments: { code: 'x' }, sessionid: SESSION })
    expect(event.bindingData()).toMatchObject({ mcppromptargs: { code: 'x' }, mcpsessionid: SESSION })
    expect(context(primitive('prompt', { promptName: 'p' }).event(undefined, NOBODY))).toEqual({ name: 'p' })
  })
})

describe('a function with an MCP trigger that is called by hand', () => {
  const TOOL = ['mcpToolTrigger', { toolName: 't' }] as const
  const RESOURCE = ['mcpResourceTrigger', { uri: 'file://{x}', resourceName: 'r' }] as const
  const PROMPT = ['mcpPromptTrigger', { promptName: 'p' }] as const
  const events = async (
    [type, properties]: typeof TOOL | typeof RESOURCE | typeof PROMPT,
    data: string,
  ): Promise<readonly [TriggerEvent | undefined, TriggerEvent]> => {
    const { adminEvent, byHand } = bind(type, properties)
    if (byHand.kind !== 'event') throw new Error('It is called over HTTP.')
    return [await adminEvent?.(data), await byHand.event(Buffer.from(data), { isGiven: true })]
  }

  test('gets the same as from a client', async () => {
    for (const event of await events(TOOL, '{"a":1}')) {
      expect(event && context(event)).toEqual({ name: 't', arguments: { a: 1 } })
      expect(event?.bindingData()).toMatchObject({ mcptoolargs: { a: '1' } })
    }
    for (const event of await events(PROMPT, '{"a":"1"}'))
      expect(event?.bindingData()).toMatchObject({ mcppromptargs: { a: '1' } })
    for (const event of await events(RESOURCE, '{"uri":"file://y","sessionId":"s"}'))
      expect(event?.bindingData()).toMatchObject({ x: 'y', mcpresourceuri: 'file://y', mcpsessionid: 's' })
    for (const event of await events(RESOURCE, '{}')) expect(event && context(event)).toEqual({})
  })

  test.each([
    [TOOL, '[]', 'must be the arguments, a JSON object'],
    [PROMPT, '1', 'must be the arguments, a JSON object'],
    [RESOURCE, '[]', 'must be a JSON object with the "uri"'],
    [RESOURCE, '{bad', 'must be the resource'],
  ])('%j with %s is refused', async (bound, data, reason) => {
    await expect(events(bound, data)).rejects.toThrow(reason)
  })
})

// https://github.com/Azure/azure-functions-mcp-extension/blob/main/test/Extensions.Mcp.Tests/ResourceUriHelperTests.cs
describe('the URI of a resource', () => {
  test.each([
    ['test://resource/{id}', 'test://resource/123', { id: '123' }],
    ['test://resource/{id}', 'TEST://RESOURCE/abc', { id: 'abc' }],
    ['test://resource/{id}', 'test://other/123', undefined],
    ['test://resource/{id}', 'test://resource/123/more', undefined],
    ['test://users/{user-id}/posts/{post.id}', 'test://users/a/posts/b', { 'user-id': 'a', 'post.id': 'b' }],
    ['test://users/{user}/posts/{post}', 'test://users/a', undefined],
    ['test://r.name/{id}?query=true', 'test://r.name/1?query=true', { id: '1' }],
    ['test://r.name/{id}?query=true', 'test://rXname/1?query=true', undefined],
    ['test://search?q={q}&lang={lang}', 'test://search?q=a&lang=en', { q: 'a', lang: 'en' }],
    ['test://search?{q}&{lang}', 'test://search?a/b&en', { q: 'a/b', lang: 'en' }],
    ['test://search?{q}&{lang}', 'test://search?a&en#part', undefined],
    ['test://items/{kind}items{tag}', 'test://items/booksitemsfiction', { kind: 'books', tag: 'fiction' }],
    ['test://one', 'TEST://One', {}],
    ['test://one', 'test://two', undefined],
  ])('%s with %s is %j', (uri, given, values) => {
    const match = readResourceUri(uri).match(given)
    expect(match === undefined ? undefined : Object.fromEntries(match)).toEqual(values)
  })

  test.each([
    ['not a uri', 'it must be absolute'],
    ['/readme.md', 'it must be absolute'],
    ['test://a b', 'it must be absolute'],
    ['test://a/{', 'its braces do not match'],
    ['test://a/{}', 'its braces do not match'],
    ['test://a/{id}/{', 'its braces do not match'],
    ['test://a/{ }', 'a parameter has no name'],
    ['test://a/{a}{b}', 'must have text between them'],
    ['test://a/{id}/{id}', "the parameter 'id' is there twice"],
    ['test://a/{user-id}/{User.Id}', "the parameter 'User.Id' is there twice"],
    ['test://a/{a/b}', "the parameter 'a/b' has characters"],
    ['test://a/{%7Ba%7D}', 'has characters that a name cannot have'],
  ])('%s is refused: %s', (uri, reason) => {
    expect(() => bind('mcpResourceTrigger', { uri, resourceName: 'n' })).toThrow(BindingError)
    expect(() => readResourceUri(uri)).toThrow(reason)
  })
})

test('headers have the spelling of Kestrel where it knows them; repeated ones are joined', () => {
  const raw = ['authorization', 'a', 'X-Own', '1', 'x-own', '2', 'user-agent', 'u', 'Traceparent', 't']
  expect(shownHeaders(raw)).toEqual({
    Authorization: 'a',
    'X-Own': '1,2',
    'User-Agent': 'u',
    traceparent: 't',
  })
})
