import { describe, expect, it, test } from '@jest/globals'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { MalformedJsonError } from '../../src/orders/errors.ts'
import { parseJson } from '../../src/orders/json.ts'
import { casesOf } from '../support/cases.ts'
import { hostileBytes, hostileText } from '../support/fuzz.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

function messageFor(input: string | Uint8Array): string {
  try {
    parseJson(typeof input === 'string' ? utf8(input) : input)
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedJsonError)
    // A cause would be logged with it, and JSON.parse quotes the text.
    expect((error as Error).cause).toBeUndefined()
    return (error as Error).message
  }
  throw new Error('it was taken')
}

describe('a text that is not JSON is malformed, and the message says where and why', () => {
  test.each([
    ['', 'it ends too early at line 1, column 1'],
    [' \n', 'it ends too early at line 2, column 1'],
    ['hello', 'no value begins at line 1, column 1'],
    ['{"item":}', 'no value begins at line 1, column 9'],
    ['{"item":"x"', 'it ends too early at line 1, column 12'],
    ['{"item":"x', 'it ends too early at line 1, column 11'],
    ['{"item" "x"}', 'a colon is missing at line 1, column 9'],
    ['{"a":1 "b":2}', 'a comma or an end is missing at line 1, column 8'],
    ['{"a":1]', 'a comma or an end is missing at line 1, column 7'],
    ['[1}', 'a comma or an end is missing at line 1, column 3'],
    ['{"a":1,}', 'a key is missing at line 1, column 8'],
    ['{a:1}', 'a key is missing at line 1, column 2'],
    ['[1,]', 'no value begins at line 1, column 4'],
    ['[,1]', 'no value begins at line 1, column 2'],
    ["{'a':1}", 'a key is missing at line 1, column 2'],
    ['{} {}', 'it goes on after its end at line 1, column 4'],
    ['01', 'it goes on after its end at line 1, column 2'],
    ['[-]', 'no value begins at line 1, column 2'],
    ['[1.]', 'a comma or an end is missing at line 1, column 3'],
    ['[+1]', 'no value begins at line 1, column 2'],
    ['[tru]', 'no value begins at line 1, column 2'],
    ['// x\n1', 'no value begins at line 1, column 1'],
    ['\u00a01', 'no value begins at line 1, column 1'],
    ['"\\x"', 'no escape sequence begins at line 1, column 2'],
    ['"\\u12g4"', 'no escape sequence begins at line 1, column 2'],
    ['"a\tb"', 'a control character is not escaped at line 1, column 3'],
    ['{\r\n"😀": 1,\r\n  x}', 'a key is missing at line 3, column 3'],
    ['\r"😀" x', 'it goes on after its end at line 2, column 5'],
  ])('%j', (text, reason) => {
    expect(messageFor(text)).toBe(`The text is not valid JSON: ${reason}.`)
  })

  test.each([
    [[0xff], 1],
    [[0x22, 0xc3, 0x22], 2],
    [[0x22, 0xc3], 2],
    [[0xef, 0xbb, 0xbf, 0x7b, 0xf0, 0x9f, 0x98], 5],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 2],
    // U+FFFD itself is fine; an overlong form is not.
    [[0x22, 0xef, 0xbf, 0xbd, 0xc0, 0x80, 0x22], 5],
  ])('bytes %j', (bytes, at) => {
    expect(messageFor(Uint8Array.from(bytes))).toBe(
      `The text is not valid JSON: it is not UTF-8 text at byte ${at}.`,
    )
  })
})

describe('a key that its object has already makes a text malformed', () => {
  test.each([
    ['{"a":1,"a":2}', 'a key is repeated at line 1, column 8'],
    ['{"a":1,"a":1}', 'a key is repeated at line 1, column 8'],
    ['{"a":1,\n "b":2,\n "a":{"c":1}}', 'a key is repeated at line 3, column 2'],
    ['{"a":1,"\\u0061":2}', 'a key is repeated at line 1, column 8'],
    ['{"/":1,"\\/":2}', 'a key is repeated at line 1, column 8'],
    ['{"":1,"":2}', 'a key is repeated at line 1, column 7'],
    ['{"__proto__":1,"__proto__":2}', 'a key is repeated at line 1, column 16'],
    ['{"constructor":1,"constructor":2}', 'a key is repeated at line 1, column 18'],
    ['[[{"x":{"a":1,"a":2}}]]', 'a key is repeated at line 1, column 15'],
    ['{"a":1,"b":[],"a":2}', 'a key is repeated at line 1, column 15'],
    ['{"a":{"a":1,"b":2},"b":3,"b":4}', 'a key is repeated at line 1, column 26'],
    ['{"a":1,"a":2,"a":3,"b":{"c":0,"c":1}}', 'keys are repeated 3 times, first at line 1, column 8'],
    ['\ufeff{"a":1,"a":2}', 'a key is repeated at line 1, column 8'],
  ])('%s', (text, reason) => {
    expect(messageFor(text)).toBe(`The text is not valid JSON: ${reason}.`)
  })

  it('and one below, beside or spelled otherwise does not', () => {
    const text = '[{"a":{"a":[{"a":1},{"a":2}]}},{"a":1,"A":2,"toString":3,"\\u00e4":4,"a\\u0308":5}]'
    expect(parseJson(utf8(text))).toStrictEqual(JSON.parse(text))
  })
})

/** Text that is JSON, mostly, until one character of it is changed. */
const nearlyJson = fc
  .tuple(
    fc.json({ maxDepth: 4 }),
    fc.constantFrom(
      '',
      ' ',
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '-',
      '.',
      'e',
      'u',
      't',
      '\n',
      '\u0001',
    ),
    fc.nat(400),
    fc.nat(2),
  )
  .map(([text, inserted, where, removed]) => {
    const at = where % (text.length + 1)
    return text.slice(0, at) + inserted + text.slice(at + removed)
  })

test('whatever the text, it is taken if JSON.parse takes it and no key is repeated, and else refused', () => {
  const numRuns = casesOf(20_000)
  let [taken, refused] = [0, 0]
  fc.assert(
    fc.property(fc.oneof(nearlyJson, hostileText, hostileBytes), (input) => {
      const bytes = typeof input === 'string' ? utf8(input) : input
      let text: string
      let expected: unknown
      try {
        text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
        expected = JSON.parse(text)
      } catch {
        refused++
        messageFor(bytes)
        return
      }
      let value: unknown
      try {
        value = parseJson(bytes)
      } catch (error) {
        expect((error as Error).message).toContain('repeated')
        return
      }
      taken++
      // Not toStrictEqual, which an own member named "constructor" misleads; neither stands deep nesting.
      if (text.length < 2000 && !text.includes('\\')) expect(isDeepStrictEqual(value, expected)).toBe(true)
    }),
    { numRuns },
  )
  expect(taken).toBeGreaterThan(numRuns / 10)
  expect(refused).toBeGreaterThan(numRuns / 10)
})

test('a text is refused exactly if a key is repeated, however the keys are written', () => {
  type Value = number | readonly Value[] | { readonly members: readonly (readonly [string, Value])[] }
  const { value } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.nat(9),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.record({
        members: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'ab', '', '/', '😀', 'é'), tie('value')), {
          maxLength: 4,
        }),
      }),
    ),
  }))
  const isArray = (of: Value): of is readonly Value[] => Array.isArray(of)
  const write = (of: Value, escaped: boolean): string => {
    if (typeof of === 'number') return String(of)
    if (isArray(of)) return `[${of.map((element) => write(element, !escaped)).join(',')}]`
    const members = of.members.map(([key, member], i) => {
      const written = escaped === (i % 2 === 0) ? unicodeEscapes(key) : JSON.stringify(key)
      return `${written}:${write(member, escaped)}`
    })
    return `{${members.join(',')}}`
  }
  const repeats = (of: Value): number => {
    if (typeof of === 'number') return 0
    const inside = isArray(of) ? of : of.members.map(([, member]) => member)
    const here = isArray(of) ? 0 : of.members.length - new Set(of.members.map(([key]) => key)).size
    return inside.reduce<number>((sum, member) => sum + repeats(member), here)
  }
  const read = (of: Value): unknown => {
    if (typeof of === 'number') return of
    if (isArray(of)) return of.map(read)
    return Object.fromEntries(of.members.map(([key, member]) => [key, read(member)]))
  }
  const numRuns = casesOf(3000)
  let refused = 0
  fc.assert(
    fc.property(value, fc.boolean(), (tree, escaped) => {
      const text = write(tree, escaped)
      const count = repeats(tree)
      if (count === 0) {
        expect(parseJson(utf8(text))).toStrictEqual(read(tree))
        return
      }
      refused++
      expect(messageFor(text)).toContain(count === 1 ? 'a key is repeated' : `repeated ${count} times`)
    }),
    { numRuns },
  )
  expect(refused).toBeGreaterThan(numRuns / 15)
})

test('an escaped key is read as what it says, whatever was read before', () => {
  // V8 remembers the key that followed in objects that began alike.
  for (const before of ['{"\\\\":1}', '{"id":1,"\\\\":1}', '{"\\"":1}']) {
    for (let times = 0; times < 100; times++) JSON.parse(before)
    expect(parseJson(utf8('{"\\u0061":1}'))).toStrictEqual({ a: 1 })
    expect(parseJson(utf8('{"id":1,"\\u0069tem":"x","b\\/":{"\\u00e9":2}}'))).toStrictEqual({
      id: 1,
      item: 'x',
      'b/': { é: 2 },
    })
  }
})

function unicodeEscapes(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) =>
    text.charCodeAt(i).toString(16).padStart(4, '0'),
  )
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`
}

test('the message holds nothing of the text', () => {
  const marker = 'F0RGED'
  const withMarker = fc.tuple(nearlyJson, fc.nat(400)).map(([text, where]) => {
    const at = where % (text.length + 1)
    return text.slice(0, at) + marker + text.slice(at)
  })
  fc.assert(
    fc.property(withMarker, (text) => {
      try {
        parseJson(utf8(text))
      } catch (error) {
        expect((error as Error).message).not.toContain(marker)
        expect((error as Error).message).toMatch(
          /^The text is not valid JSON: [a-zA-Z0-9, -]+ (?:line \d+, column \d+|byte \d+)\.$/,
        )
      }
    }),
    { numRuns: casesOf(3000) },
  )
})

test.each([
  ['[', 200_000],
  ['{"a":', 200_000],
  ['[{"a":', 100_000],
  ['"\\', 100_000],
  ['"', 100_000],
])('a text of %s, %d times, is refused without running out of stack', (part, times) => {
  messageFor(part.repeat(times))
})

test('a text nested 100,000 times deep is read', () => {
  const depth = 100_000
  let value = parseJson(utf8('['.repeat(depth) + ']'.repeat(depth)))
  let depthRead = 0
  while (Array.isArray(value)) {
    depthRead++
    value = (value as unknown[])[0]
  }
  expect(depthRead).toBe(depth)
})
