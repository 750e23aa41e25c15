import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigurationError, isObject, readJsonFile } from '../src/config/json-file.ts'

// https://www.newtonsoft.com/json: the reader of the real host and of Core Tools.
describe('a JSON file', () => {
  let directory: string
  let file: string
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'func-local-json-'))
    file = path.join(directory, 'x.json')
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const problemOf = (name = file): string => {
    try {
      readJsonFile(name)
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError)
      return (error as Error).message
    }
    throw new Error('It was read.')
  }

  test('that is missing is undefined; a folder of that name is refused', async () => {
    expect(readJsonFile(path.join(directory, 'none.json'))).toBeUndefined()
    const folder = path.join(directory, 'folder.json')
    await mkdir(folder)
    expect(problemOf(folder)).toBe(
      `${folder} cannot be read (EISDIR). Check that it is a file and its permissions.`,
    )
  })

  test.each<[string, unknown]>([
    ['{}', {}],
    ['{"a":1,}', { a: 1 }],
    ['{ // one\n "a": 1, /* two\n */ "b": 2 }', { a: 1, b: 2 }],
    ["{'a':'x'}", { a: 'x' }],
    ["{'a':'it\\'s \"b\" \\\\ \\n'}", { a: 'it\'s "b" \\ \n' }],
    ["{'a':'//x','b':'/*x*/'}", { a: '//x', b: '/*x*/' }],
    ['{"a":"it\'s // \'no\' comment"}', { a: "it's // 'no' comment" }],
    ['{"a":"x\\"y\'z\'"}', { a: "x\"y'z'" }],
    ['{a:1,b_2 :2,\n$c\t: 3}', { a: 1, b_2: 2, $c: 3 }],
    ['{"a":{b:[{c:true}]}}', { a: { b: [{ c: true }] } }],
    ["{/* it's */ 'a': 1 // it's\n}", { a: 1 }],
    ['{"a":"{b: 1, c: 2}"}', { a: '{b: 1, c: 2}' }],
    ['{"a":1,"a":2}', { a: 2 }],
  ])('%s is read', async (content, expected) => {
    await writeFile(file, content)
    expect(readJsonFile(file)?.content).toEqual(expected)
  })

  test.each([
    ['{"a" 1}', 'ColonExpected at line 1, column 6'],
    ['{\n  "a": 1\n  "b": 2\n}', 'CommaExpected at line 3, column 3'],
    ['{\n"a": }', 'ValueExpected at line 2, column 6'],
    ['{', 'CloseBraceExpected at line 1, column 2'],
    ['', 'ValueExpected at line 1, column 1'],
  ])('%j is refused with its place', async (content, place) => {
    await writeFile(file, content)
    expect(problemOf()).toBe(`${file} is not valid JSON (${place}). Correct it.`)
  })

  test.each(['[]', '"text"', '5', 'null'])('that holds %s is refused', async (content) => {
    await writeFile(file, content)
    expect(problemOf()).toBe(`${file} must hold a JSON object. Correct it.`)
  })

  test('that is nested beyond what can be read is refused', async () => {
    await writeFile(file, `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)
    expect(problemOf()).toBe(`${file} is nested too deeply to be read. Correct it.`)
  })

  test.each([
    ['UTF-8', (text: string) => Buffer.from(text, 'utf8')],
    ['UTF-8 behind its mark', (text: string) => Buffer.from(`\ufeff${text}`, 'utf8')],
    ['UTF-16, little endian', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16, big endian', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
  ])('may be %s', async (_what, bytes) => {
    await writeFile(file, bytes('{"ä":"€"}'))
    expect(readJsonFile(file)?.content).toEqual({ ä: '€' })
  })

  test('with a byte that only looks like a mark is UTF-8', async () => {
    for (const first of [
      [0xff, 0x20],
      [0xfe, 0x20],
      [0x20, 0xfe],
      [0x20, 0xff],
    ]) {
      await writeFile(file, Buffer.concat([Buffer.from('{"a":"'), Buffer.from(first), Buffer.from('"}')]))
      expect(readJsonFile(file)?.content['a']).toHaveLength(2)
      await writeFile(file, Buffer.concat([Buffer.from(first), Buffer.from('{}')]))
      expect(problemOf()).toContain('InvalidSymbol at line 1')
    }
  })

  test('keeps the digits of its numbers', async () => {
    await writeFile(file, '{"a":{"big":12345678901234567890,"dec":1.50,"text":"5"},"n":1,"n":2.0,"list":[7]}')
    const digits = readJsonFile(file)?.digits
    expect([digits?.('a', 'big'), digits?.('a', 'dec'), digits?.('n')]).toEqual([
      '12345678901234567890',
      '1.50',
      '2.0',
    ])
    for (const names of [
      ['a', 'text'],
      ['a'],
      ['none'],
      ['none', 'x'],
      ['n', 'x'],
      ['list', '0'],
      ['list'],
      [],
    ])
      expect(digits?.(...names)).toBeUndefined()
  })

  test('an object is neither null nor a list', () => {
    expect([{}, { a: 1 }, [], null, 'x', 5, undefined].map(isObject)).toEqual([true, true, false, false, false, false, false]) // prettier-ignore
  })
})
