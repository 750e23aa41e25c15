import { describe, expect, test } from '@jest/globals'
import { blobBytesOf, blobText, parseBlobName } from '../src/bindings/blob.ts'
import { messagesOf } from '../src/bindings/queue.ts'
import { BindingError } from '../src/host/function.ts'
import type { TypedData } from '../src/protocol.ts'
import { decodeMessage, encodeMessage } from '../src/storage/queue-encoding.ts'

const json = (value: unknown): TypedData => ({ json: JSON.stringify(value) })
const texts = (data: TypedData): string[] => messagesOf(data).map((bytes) => bytes.toString())

// https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Binding/FunctionBinding.cs (`ReadAsEnumerable`)
describe('the messages of a queue output', () => {
  test.each<[string, TypedData, string[]]>([
    ['text', { string: 'plain' }, ['plain']],
    ['empty text', { string: '' }, ['']],
    ['JSON text', { string: '{ "a" : 1.0 }' }, ['{\n  "a": 1.0\n}']],
    [
      'text that holds an array',
      { string: ' ["a",{"b":1},null,true,1.0,[2]] ' },
      ['a', '{\n  "b": 1\n}', '', 'True', '1', '[\n  2\n]'],
    ],
    ['text that holds a date', { string: '["2026-01-02T03:04:05Z"]' }, ['01/02/2026 03:04:05']],
    ['text that holds an empty array', { string: '[]' }, []],
    ['a quoted text', { string: '"q"' }, ['"q"']],
    ['a lone surrogate', { string: 'a\uD800b\uDC00' }, [`a${'\uFFFD'.repeat(3)}b${'\uFFFD'.repeat(3)}`]],
    ['a pair of surrogates', { string: '😀' }, ['😀']],
    ['a whole number', { int: 5 }, ['5']],
    ['a number over 64 bits', { int: 2 ** 63 + 2048 }, ['-9223372036854773760']],
    ['a fraction', { double: 1.5 }, ['1.5']],
    ['a small number', { double: 1e-7 }, ['1E-07']],
    ['no number', { double: NaN }, ['NaN']],
    ['true', json(true), ['True']],
    ['false', json(false), ['False']],
    ['null', json(null), []],
    ['nothing', {}, []],
    ['a date', json(new Date(0)), ['1970-01-01T00:00:00.000Z']],
    ['an object with a date', json({ d: new Date(0) }), ['{\n  "d": "1970-01-01T00:00:00.000Z"\n}']],
    [
      'an array',
      json(['a', 1, null, { b: 1 }, true, '{"c":1}', '[1]']),
      ['a', '1', '', '{\n  "b": 1\n}', 'True', '{"c":1}', '[1]'],
    ],
    [
      'an array with a Buffer',
      json([Buffer.from('a')]),
      ['{\n  "type": "Buffer",\n  "data": [\n    97\n  ]\n}'],
    ],
    ['an object that is text to JSON', json({ toJSON: () => '[1,2]' }), ['1', '2']],
  ])('%s', (_name, data, expected) => {
    expect(texts(data)).toEqual(expected)
  })

  test('bytes are one message, whatever they hold', () => {
    expect(messagesOf({ bytes: Buffer.from([0, 255, 200]) })).toEqual([Buffer.from([0, 255, 200])])
    expect(texts({ bytes: Buffer.from('[1,2]') })).toEqual(['[1,2]'])
  })

  test.each(['[not json]', '{a}', '[1}{2]', '{"a":1}{"b":2}'])('the text %s fails, as in Azure', (text) => {
    expect(() => messagesOf({ string: text })).toThrow(BindingError)
    expect(() => messagesOf({ string: text })).toThrow(
      'A queue output reads text in brackets or braces as JSON. The text is not valid JSON:',
    )
  })
})

describe('the text of a message', () => {
  test('is Base64, or the text itself', () => {
    expect(encodeMessage(Buffer.from([0, 255]), 'base64')).toBe('AP8=')
    expect(encodeMessage(Buffer.from('ü'), 'none')).toBe('ü')
    expect(encodeMessage(Buffer.from('xüx').subarray(1, 3), 'none')).toBe('ü')
  })

  test('bytes that are no text cannot be sent as text', () => {
    expect(() => encodeMessage(Buffer.from([0, 255]), 'none')).toThrow('bytes that are not UTF-8 text')
  })

  test.each([
    ['aGVsbG8=', 'hello'],
    ['aGVs bG8=\r\n\t', 'hello'],
    ['', ''],
    ['YQ==', 'a'],
    ['YWI=', 'ab'],
  ])('%j decodes to %s', (text, expected) => {
    expect(decodeMessage(text, 'base64')?.toString()).toBe(expected)
    expect(decodeMessage(text, 'none')?.toString()).toBe(text)
  })

  test.each(['hello!', 'abc', 'PDw_Pz8-Pg==', 'YQ=', 'YQ', 'Y===', '=', 'YWI=YWI='])(
    '%j is not Base64',
    (text) => {
      expect(decodeMessage(text, 'base64')).toBeUndefined()
    },
  )
})

// https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Binding/FunctionBinding.cs (`ConvertValueToStream`)
describe('the bytes of a blob output', () => {
  test.each<[string, TypedData, string]>([
    ['text', { string: 'ünï' }, Buffer.from('ünï').toString('hex')],
    ['JSON text', { string: '{ "a": 1 }' }, Buffer.from('{ "a": 1 }').toString('hex')],
    ['empty text', { string: '' }, ''],
    ['bytes', { bytes: Buffer.from([0, 255]) }, '00ff'],
    ['a whole number', { int: 5 }, '05000000'],
    ['a negative number', { int: -2 }, 'feffffff'],
    ['a number over 32 bits', { int: 2 ** 32 + 1 }, '01000000'],
    ['a fraction', { double: 1.5 }, '000000000000f83f'],
    ['true', json(true), '01'],
    ['false', json(false), '00'],
    [
      'an object',
      json({ n: 1e21, f: 1, d: '2026-01-02T03:04:05Z' }),
      Buffer.from('{"n":1E+21,"f":1,"d":"2026-01-02T03:04:05Z"}').toString('hex'),
    ],
    ['an array', json(['a', [1]]), Buffer.from('["a",[1]]').toString('hex')],
    ['a date', json(new Date(0)), Buffer.from('1970-01-01T00:00:00.000Z').toString('hex')],
  ])('%s', (_name, data, expected) => {
    expect(blobBytesOf(data)?.toString('hex')).toBe(expected)
  })

  test('null writes nothing', () => {
    expect(blobBytesOf(json(null))).toBeUndefined()
    expect(blobBytesOf({})).toBeUndefined()
  })
})

// https://learn.microsoft.com/dotnet/api/system.io.streamreader
describe('the text of a blob input', () => {
  test.each([
    ['plain', '68c3bc', 'hü'],
    ['nothing', '', ''],
    ['a byte order mark of UTF-8', 'efbbbf68c3bc', 'hü'],
    ['only the first mark goes', 'efbbbfefbbbf68', '\uFEFFh'],
    ['UTF-16, little-endian', 'fffe6800fc00', 'hü'],
    ['UTF-16, big-endian', 'feff006800fc', 'hü'],
    ['UTF-32, little-endian', 'fffe000068000000f8f40100', 'h\u{1F4F8}'],
    ['UTF-32, big-endian', '0000feff000000680001f4f8', 'h\u{1F4F8}'],
    ['UTF-32 beyond Unicode', '0000feff00110000', '\uFFFD'],
    ['UTF-32 with a surrogate', '0000feff0000d800', '\uFFFD'],
    ['bytes that are no text', '636166e9', 'caf\uFFFD'],
    ['a broken mark', 'efbb68', '\uFFFDh'],
  ])('%s', (_name, hex, expected) => {
    expect(blobText(Buffer.from(hex, 'hex'))).toBe(expected)
  })
})

describe('the name of a blob', () => {
  test('is a container and a name', () => {
    expect(parseBlobName('box/a/b.txt')).toEqual({ container: 'box', name: 'a/b.txt' })
    expect(parseBlobName('$root/x')).toEqual({ container: '$root', name: 'x' })
    expect(parseBlobName('box/..a/b../...c/%2e%2e/x')).toEqual({
      container: 'box',
      name: '..a/b../...c/%2e%2e/x',
    })
    expect(parseBlobName('box//x').name).toBe('/x')
  })

  test.each([
    ['box', "must be in the format 'container/blob'"],
    ['box/', "must be in the format 'container/blob'"],
    ['/x', "must be in the format 'container/blob'"],
    ['', "must be in the format 'container/blob'"],
    ['https://else.where/x/y', 'A container name can contain only letters (a to z), digits and dashes (-).'],
    ['box/..', "A blob name cannot contain the segments '.' and '..'."],
    ['box/x/../y', "A blob name cannot contain the segments '.' and '..'."],
    ['box/./y', "A blob name cannot contain the segments '.' and '..'."],
    ['box/a\\b', 'A blob name cannot contain a backslash'],
    ['box/a/', 'A blob name cannot end with a dot (.) or a slash (/).'],
    ['box/a.', 'A blob name cannot end with a dot (.) or a slash (/).'],
    [`box/${'a'.repeat(1025)}`, 'A blob name must be from 1 to 1024 characters long.'],
  ])('%s is refused', (path, reason) => {
    expect(() => parseBlobName(path)).toThrow(BindingError)
    expect(() => parseBlobName(path)).toThrow(`Invalid blob path '${path}'. `)
    expect(() => parseBlobName(path)).toThrow(reason)
  })
})
