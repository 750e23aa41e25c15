import { describe, expect, test } from '@jest/globals'
import { promptResult } from '../src/mcp/prompt-result.ts'
import { resourceResult } from '../src/mcp/resource-result.ts'
import { ResultError } from '../src/mcp/result-error.ts'
import { toolResult } from '../src/mcp/tool-result.ts'
import type { TypedData } from '../src/protocol.ts'

const wrapped = (
  type: string,
  content: unknown,
  more: Readonly<Record<string, unknown>> = {},
): TypedData => ({
  string: JSON.stringify({ type, content: JSON.stringify(content), ...more }),
})
const TEXT = { type: 'text', text: 'hello' }

// https://github.com/Azure/azure-functions-mcp-extension/blob/main/test/Extensions.Mcp.Tests/ToolReturnValueBinderTests.cs
describe('the result of a tool', () => {
  test.each([
    ['text', TEXT],
    ['image', { type: 'image', data: 'AQID', mimeType: 'image/png' }],
    ['audio', { type: 'audio', data: 'AQID', mimeType: 'audio/mpeg' }],
    ['resource_link', { type: 'resource_link', uri: 'https://example.com', name: 'Example' }],
    ['resource', { type: 'resource', resource: { uri: 'urn:example', text: 'x' } }],
  ])('has one block of the type %s', (type, block) => {
    expect(toolResult(wrapped(type, block), true)).toEqual({ content: [block] })
  })

  test('has several blocks, in their order, and structured content', () => {
    const image = { type: 'image', data: 'AQID', mimeType: 'image/png' }
    const value = wrapped('MULTI_content_result', [TEXT, image], { structuredContent: '{"id":7}' })
    expect(toolResult(value, true)).toEqual({ content: [TEXT, image], structuredContent: { id: 7 } })
    expect(toolResult(wrapped('text', TEXT, { structuredContent: null }), true)).toEqual({ content: [TEXT] })
    expect(toolResult(wrapped('text', TEXT, { structuredContent: { id: 7 } }), true)).toMatchObject({
      structuredContent: { id: 7 },
    })
  })

  test('is the whole one that a newer library sends', () => {
    const failed = { content: [TEXT], isError: true, _meta: { a: 1 } }
    expect(toolResult(wrapped('call_tool_result', failed), true)).toEqual(failed)
    const structured = { content: [], structuredContent: { id: 7 } }
    expect(toolResult(wrapped('Call_Tool_Result', structured), true)).toEqual(structured)
  })

  test.each<[string, TypedData, RegExp]>([
    ['a number', { int: 1 }, /is not the JSON of a tool result/],
    ['text that is no JSON', { string: 'x' }, /is not the JSON of a tool result/],
    ['no content', { string: '{"type":"text"}' }, /has no content block of the type 'text'/],
    ['no type and no content', { string: '{}' }, /has no content block of the type ''/],
    ['content that is no object', wrapped('text', null), /has no content block of the type 'text'/],
    ['no blocks', wrapped('multi_content_result', []), /has no content blocks/],
    ['no list of blocks', wrapped('multi_content_result', {}), /has no content blocks/],
    ['no whole result', wrapped('call_tool_result', [TEXT]), /has no tool result/],
    [
      'a whole result of another form',
      wrapped('call_tool_result', { content: 'x' }),
      /does not know \(content/,
    ],
    [
      'an unknown block',
      wrapped('multi_content_result', [TEXT, { type: 'x' }]),
      /does not know \(content\.1/,
    ],
    ['structure that is no object', wrapped('text', TEXT, { structuredContent: '[1]' }), /is no JSON object/],
  ])('%s cannot be used', (_what, value, reason) => {
    expect(() => toolResult(value, true)).toThrow(ResultError)
    expect(() => toolResult(value, true)).toThrow(reason)
  })

  test.each<[TypedData | null | undefined, string | undefined]>([
    [{ string: 'x' }, 'x'],
    [{ json: '{"a":[1]}' }, '{\n  "a": [\n    1\n  ]\n}'],
    [{ json: 'true' }, 'True'],
    [{ json: 'false' }, 'False'],
    [{ json: '"x"' }, 'x'],
    [{ int: 5 }, '5'],
    [{ double: 1.5 }, '1.5'],
    [{ bytes: Buffer.from('b') }, 'b'],
    [{}, undefined],
    [null, undefined],
    [undefined, undefined],
  ])('without a schema %j is the text %j', (value, text) => {
    expect(toolResult(value, false)).toEqual({ content: text === undefined ? [] : [{ type: 'text', text }] })
  })
})

// https://github.com/Azure/azure-functions-mcp-extension/blob/main/test/Extensions.Mcp.Tests/ResourceReturnValueBinderTests.cs
describe('the contents of a resource', () => {
  const shown = { uri: 'file://a', mimeType: 'text/plain' }

  test('are text or bytes, with the URI and the type of the resource', () => {
    expect(resourceResult({ string: 'x' }, shown)).toEqual({ contents: [{ ...shown, text: 'x' }] })
    expect(resourceResult({ bytes: Buffer.from([1, 2, 3]) }, shown)).toEqual({
      contents: [{ ...shown, blob: 'AQID' }],
    })
    expect(resourceResult({ string: 'x' }, { uri: 'file://a', mimeType: undefined })).toEqual({
      contents: [{ uri: 'file://a', text: 'x' }],
    })
    expect(resourceResult(undefined, shown)).toEqual({ contents: [] })
    expect(resourceResult(null, shown)).toEqual({ contents: [] })
  })

  test('can name their own URI and type; what they leave out is the resource’s', () => {
    const own = { uri: 'file://b', mimeType: 'text/html', text: 'x' }
    expect(resourceResult(wrapped('text', own), shown)).toEqual({ contents: [own] })
    const partly = { uri: '', mimeType: null, text: 'x' }
    expect(resourceResult(wrapped('text', partly), shown)).toEqual({ contents: [{ ...shown, text: 'x' }] })
  })

  test.each(['{"content":"not json"}', '{"content":"{}"}', '{"content":7}', '{"a":1}', '[1]', '"x"'])(
    '%s is text',
    (text) => {
      expect(resourceResult({ string: text }, shown)).toEqual({ contents: [{ ...shown, text }] })
    },
  )

  test.each<TypedData>([{ json: '{}' }, { int: 1 }, { double: 1.5 }])('%j cannot be used', (value) => {
    expect(() => resourceResult(value, shown)).toThrow(ResultError)
  })
})

describe('the result of a prompt', () => {
  const message = (text: string): unknown => ({
    messages: [{ role: 'user', content: { type: 'text', text } }],
  })

  test('is one message of the user', () => {
    expect(promptResult({ string: 'x' }, false)).toEqual(message('x'))
    expect(promptResult({ string: '{"messages":[]}' }, false)).toEqual(message('{"messages":[]}'))
    expect(promptResult({ json: '{"a":1}' }, false)).toEqual(message('{\n  "a": 1\n}'))
    expect(promptResult(null, false)).toEqual({ messages: [] })
  })

  test('is the returned result when the trigger says so', () => {
    const result = { description: 'd', messages: [{ role: 'assistant', content: TEXT }] }
    expect(promptResult({ string: JSON.stringify(result) }, true)).toEqual(result)
    expect(promptResult({ json: JSON.stringify(result) }, true)).toEqual(result)
    expect(promptResult({ string: '{"description":"d","messages":null}' }, true)).toEqual({
      description: 'd',
      messages: [],
    })
    for (const text of ['x', '{"messages":[]}', '{"a":1}', '[]', '{"messages":[{}]}', '{"description":null}'])
      expect(promptResult({ string: text }, true)).toEqual(message(text))
  })
})
