import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { looksLikeJson, netText, NetJsonError, parseNetJson, writeNetJson } from '../src/net-json.ts'
import { doubleText } from '../src/net-number.ts'

const compact = (text: string): string => writeNetJson(parseNetJson(text, 'dates'), 'compact')

// https://www.newtonsoft.com/json/help/html/ReadingWritingJSON.htm
describe('JSON as .NET reads and writes it', () => {
  test.each([
    ['{"a":1,"b":[1,null,"x"]}', '{"a":1,"b":[1,null,"x"]}'],
    [' { "a" : 1.0 } ', '{"a":1.0}'],
    ['[1e21,1e-7,0.1,100,1E3,1.5e300]', '[1E+21,1E-07,0.1,100,1000.0,1.5E+300]'],
    ['[12345678901234567890,-0,-5]', '[12345678901234567890,0,-5]'],
    ['[1e400,NaN,Infinity,-Infinity]', '["Infinity","NaN","Infinity","-Infinity"]'],
    ['[true,false,null,undefined]', '[true,false,null,undefined]'],
    ["{'a':'it\\'s'}", '{"a":"it\'s"}'],
    ['{a:1,b_2:2,$c:3,ü:4}', '{"a":1,"b_2":2,"$c":3,"ü":4}'],
    ['{"a":1,}', '{"a":1}'],
    ['[1,]', '[1]'],
    ['[,1]', '[undefined,1]'],
    ['[1,,2]', '[1,undefined,2]'],
    ['[1/* c */,// d\n2]', '[1,2]'],
    ['[0x1F,0X1f,017,.5,5.]', '[31,31,15,0.5,5.0]'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['{"__proto__":1,"constructor":{}}', '{"__proto__":1,"constructor":{}}'],
    ['["\\b\\t\\n\\f\\r\\\\\\"\\/\\u00fc"]', '["\\b\\t\\n\\f\\r\\\\\\"/ü"]'],
    ['["line\nbreak\u0001"]', '["line\\nbreak\\u0001"]'],
    ['["<&>\'\\u2028\\u2029\\u0085\u2028"]', '["<&>\'\\u2028\\u2029\\u0085\\u2028"]'],
    ['["\\ud800x"]', '["\uFFFDx"]'],
    ['[]', '[]'],
    ['{}', '{}'],
    ['[[],{}]', '[[],{}]'],
  ])('%s is %s', (text, expected) => {
    expect(compact(text)).toBe(expected)
  })

  test.each([
    ['', 'unexpected end at position 0'],
    ['[', 'unexpected end at position 1'],
    ['{"a"', "no ':' after a property name at position 4"],
    ['{"a" 1}', "no ':' after a property name at position 5"],
    ['{"a":1 "b":2}', "no ',' or '}' after a property at position 7"],
    ['{,}', 'no property name at position 1'],
    ['[1 2]', "no ',' or ']' after an element at position 3"],
    ['[not json]', 'an unexpected character at position 1'],
    ['[new Date(0)]', 'an unexpected character at position 1'],
    ['{"a":1}{"b":2}', 'additional text at position 7'],
    ['{"a":1} x', 'additional text at position 8'],
    ['["abc]', 'text without a closing quote at position 6'],
    ['["\\x41"]', 'an unknown escape'],
    ['["\\u00g0"]', 'an unknown escape'],
    ['[1.2.3]', 'a number that cannot be read'],
    ['[0x]', 'a number that cannot be read'],
    ['[10x1F]', 'a number that cannot be read'],
    ['[0x1Fx]', 'a number that cannot be read'],
    ['[1.25x]', 'a number that cannot be read'],
    ['[09]', undefined],
    ['[--1]', 'a number that cannot be read'],
    ['[1e]', 'a number that cannot be read'],
    ['\uFEFF{}', 'an unexpected character at position 0'],
  ])('%j is refused: %s', (text, reason) => {
    if (reason === undefined) expect(compact(text)).toBe('[9]')
    else {
      expect(() => parseNetJson(text, 'text')).toThrow(NetJsonError)
      expect(() => parseNetJson(text, 'text')).toThrow(`The text is not valid JSON: ${reason}`)
    }
  })

  test('64 levels are read, 65 are not', () => {
    expect(compact('['.repeat(64) + ']'.repeat(64))).toHaveLength(128)
    expect(() => compact('['.repeat(65) + ']'.repeat(65))).toThrow('more than 64 levels')
    expect(compact('{"a":'.repeat(63) + '{}' + '}'.repeat(63))).toContain('{}')
    expect(() => compact('{"a":'.repeat(64) + '{}' + '}'.repeat(64))).toThrow('more than 64 levels')
  })

  test('indented', () => {
    const value = parseNetJson('{"a":{"b":[1,{"c":null}]},"d":[],"e":{},"f":"ü"}', 'text')
    expect(writeNetJson(value, 'indented')).toBe(
      '{\n  "a": {\n    "b": [\n      1,\n      {\n        "c": null\n      }\n    ]\n  },\n  "d": [],\n  "e": {},\n  "f": "ü"\n}',
    )
  })

  test.each([
    ['5', '5'],
    ['1.0', '1'],
    ['1e-7', '1E-07'],
    ['true', 'True'],
    ['false', 'False'],
    ['null', ''],
    ['undefined', ''],
    ['"text"', 'text'],
    ['"2026-01-02T03:04:05Z"', '01/02/2026 03:04:05'],
    ['[1]', '[\n  1\n]'],
    ['{"a":true}', '{\n  "a": true\n}'],
  ])('the text of %s is %j', (text, expected) => {
    expect(netText(parseNetJson(text, 'dates'))).toBe(expected)
  })

  test('what JSON.stringify writes reads back as the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' }), (value) => {
        const text = JSON.stringify(value)
        expect(JSON.parse(compact(text))).toEqual(JSON.parse(text))
        expect(JSON.parse(writeNetJson(parseNetJson(text, 'text'), 'indented'))).toEqual(JSON.parse(text))
      }),
    )
  })
})

describe('dates', () => {
  // https://www.newtonsoft.com/json/help/html/DatesInJSON.htm
  test.each([
    ['2026-01-02T03:04:05Z', '01/02/2026 03:04:05', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.000Z', '01/02/2026 03:04:05', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.120Z', '01/02/2026 03:04:05', '2026-01-02T03:04:05.12Z'],
    ['2026-01-02T03:04:05.1234567Z', '01/02/2026 03:04:05', '2026-01-02T03:04:05.1234567Z'],
    ['2026-01-02T03:04:05', '01/02/2026 03:04:05', '2026-01-02T03:04:05'],
    ['2026-01-02T03:04:05+02:00', '01/02/2026 01:04:05', '2026-01-02T01:04:05+00:00'],
    ['2026-01-02T03:04:05-0130', '01/02/2026 04:34:05', '2026-01-02T04:34:05+00:00'],
    ['2026-01-02T03:04:05+02', '01/02/2026 01:04:05', '2026-01-02T01:04:05+00:00'],
    ['/Date(0)/', '01/01/1970 00:00:00', '1970-01-01T00:00:00Z'],
    ['/Date(1000+0200)/', '01/01/1970 00:00:01', '1970-01-01T00:00:01+00:00'],
    ['/Date(-1)/', '12/31/1969 23:59:59', '1969-12-31T23:59:59.999Z'],
    ['9999-12-31T23:59:59Z', '12/31/9999 23:59:59', '9999-12-31T23:59:59Z'],
    ['2026-01-02T03:04:05+02:59', '01/02/2026 00:05:05', '2026-01-02T00:05:05+00:00'],
    ['2026-01-02T03:04:05.1000001Z', '01/02/2026 03:04:05', '2026-01-02T03:04:05.1000001Z'],
    ['/Date(-62135596800000)/', '01/01/0001 00:00:00', '0001-01-01T00:00:00Z'],
    ['/Date(253402300799999)/', '12/31/9999 23:59:59', '9999-12-31T23:59:59.999Z'],
  ])('%s is the date %s, in JSON %s', (text, shown, json) => {
    const value = parseNetJson(JSON.stringify(text), 'dates')
    expect(netText(value)).toBe(shown)
    expect(writeNetJson(value, 'compact')).toBe(`"${json}"`)
    expect(parseNetJson(JSON.stringify(text), 'text')).toEqual({ kind: 'text', value: text })
  })

  test.each([
    '2026-01-02',
    '2026-01-02 03:04:05',
    '2026-13-02T03:04:05Z',
    '2026-04-31T03:04:05Z',
    '2026-01-02T25:04:05Z',
    '2026-01-02T03:60:05Z',
    '2026-01-02T03:04:05+02:60',
    '2026-01-02T03:04Z',
    ' 2026-01-02T03:04:05Z',
    '0000-01-02T03:04:05Z',
    '/Date(x)/',
    '/Date(99999999999999999)/',
    '/Date(-62135596800001)/',
    '/Date(253402300800000)/',
    '/Date(-99999999999999999)/',
    'Date(0)',
  ])('%s is text', (text) => {
    expect(parseNetJson(JSON.stringify(text), 'dates')).toEqual({ kind: 'text', value: text })
  })
})

describe('numbers', () => {
  // https://learn.microsoft.com/dotnet/standard/base-types/standard-numeric-format-strings
  test.each([
    [0, '0'],
    [-0, '-0'],
    [5, '5'],
    [-1.5, '-1.5'],
    [0.1, '0.1'],
    [0.0001, '0.0001'],
    [0.00012345, '0.00012345'],
    [0.00001, '1E-05'],
    [0.000012345, '1.2345E-05'],
    [1e14, '100000000000000'],
    [123456789012345, '123456789012345'],
    [1e15, '1E+15'],
    [1234567890123456, '1.234567890123456E+15'],
    [123456.789, '123456.789'],
    [1e21, '1E+21'],
    [1e-7, '1E-07'],
    [1.5e300, '1.5E+300'],
    [5e-324, '5E-324'],
    [-1e100, '-1E+100'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [-Infinity, '-Infinity'],
  ])('%d is %s', (value, expected) => {
    expect(doubleText(value)).toBe(expected)
  })

  test('every double reads back as the same', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(Number(doubleText(value))).toBe(value)
      }),
    )
  })
})

describe('whether a text is taken for JSON', () => {
  test.each(['{}', '[]', ' [1] ', '\n{"a"}\t', '[not json]', '{"a":1}{"b":2}', '\u0085[]', '{\n}'])(
    '%j is',
    (text) => {
      expect(looksLikeJson(text)).toBe(true)
    },
  )

  test.each(['', '5', '"a"', '{', ']', '[}', '{]', 'x{}', '{}x', '\uFEFF{}', '{"a":1} x', 'null'])(
    '%j is not',
    (text) => {
      expect(looksLikeJson(text)).toBe(false)
    },
  )
})
