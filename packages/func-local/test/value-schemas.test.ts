import { describe, expect, test } from '@jest/globals'
import * as v from 'valibot'
import {
  configurationText,
  flag,
  INT32_MAX,
  nullable,
  text,
  textRecord,
  timeSpan,
  wholeNumber,
  word,
} from '../src/config/value-schemas.ts'

const DAY = 86_400_000

function read(schema: v.GenericSchema, value: unknown): unknown {
  const parsed = v.safeParse(schema, value)
  return parsed.success ? parsed.output : parsed.issues[0].message
}

// https://learn.microsoft.com/dotnet/core/extensions/configuration
describe('a configuration value', () => {
  test.each([
    ['a', 'a'],
    ['', ''],
    [1.5, '1.5'],
    [true, 'True'],
    [false, 'False'],
    [null, ''],
    [{}, undefined],
    [[], undefined],
    [undefined, undefined],
  ])('%j has the text %j', (value, expected) => {
    expect(configurationText(value)).toBe(expected)
  })

  const number = 'must be a whole number from 2 to 16'
  test.each([
    ['2', 2],
    [16, 16],
    [' +7 ', 7],
    ['0x10', 16],
    ['#A', 10],
    ['&hf', 15],
    ['&HF', 15],
    [1, number],
    [17, number],
    [2.5, number],
    ['-7', number],
    ['x7', number],
    ['7x', number],
    ['70x1', number],
    ['#', number],
    ['#A.', number],
    ['.#A', number],
    ['0x000000007', number],
    ['', number],
    [true, number],
    [{}, number],
  ])('%j as a whole number from 2 to 16: %j', (value, expected) => {
    expect(read(wholeNumber(2, 16), value)).toBe(expected)
  })

  test.each([
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, `must be a whole number, at least ${-(2 ** 31)}`],
    [-(2 ** 31), -(2 ** 31)],
    [-(2 ** 31) - 1, `must be a whole number, at least ${-(2 ** 31)}`],
    ['0xFFFFFFFF', -1],
    ['0x80000000', -(2 ** 31)],
  ])('%j as any whole number: %j', (value, expected) => {
    expect(read(wholeNumber(-(2 ** 31), INT32_MAX), value)).toBe(expected)
  })

  test('a number of more than 32 bits is none, whatever the bounds', () => {
    expect(read(wholeNumber(-(2 ** 40), 2 ** 40), 2 ** 31)).toMatch(/^must be a whole number from/)
    expect(read(wholeNumber(-(2 ** 40), 2 ** 40), -(2 ** 31) - 1)).toMatch(/^must be a whole number from/)
  })

  test.each<[number | undefined, number | undefined, unknown, unknown]>([
    [undefined, undefined, '00:00:01', 1000],
    [undefined, undefined, '-1', -DAY],
    [undefined, undefined, 'x', 'must be a time span such as "00:01:00"'],
    [undefined, undefined, true, 'must be a time span such as "00:01:00"'],
    [100, undefined, '00:00:00.1', 100],
    [100, undefined, '00:00:00.099', 'must be a time span such as "00:01:00", at least 00:00:00.100'],
    [0, 60_000, '00:01:00', 60_000],
    [
      0,
      60_000,
      '00:01:00.001',
      'must be a time span such as "00:01:00", at least 00:00:00, at most 00:01:00',
    ],
    [undefined, 25 * 3_600_000, '2', 'must be a time span such as "00:01:00", at most 1.01:00:00'],
  ])('at least %p and at most %p ms, %j: %j', (min, max, value, expected) => {
    expect(read(timeSpan(min, max), value)).toBe(expected)
  })

  test.each([
    ['true', true],
    [' TRUE ', true],
    [true, true],
    ['False', false],
    [false, false],
    ['yes', 'must be true or false'],
    [1, 'must be true or false'],
    [null, 'must be true or false'],
  ])('%j as true or false: %j', (value, expected) => {
    expect(read(flag(), value)).toBe(expected)
  })

  const words = 'must be one of "none", "base64", "third"'
  test.each([
    ['none', 'none'],
    [' BASE64 ', 'base64'],
    [1, 'base64'],
    ['2', 'third'],
    ['02', 'third'],
    ['3', words],
    ['10', words],
    ['1x', words],
    ['x1', words],
    ['base32', words],
    [null, words],
  ])('%j as one of three words: %j', (value, expected) => {
    expect(read(word(['none', 'base64', 'third']), value)).toBe(expected)
  })

  test.each([
    [null, undefined],
    ['', undefined],
    ['true', true],
    ['x', 'must be true or false'],
    [{}, 'must be true or false'],
  ])('%j where null is allowed: %j', (value, expected) => {
    expect(read(nullable(flag()), value)).toBe(expected)
  })

  test('text is the text of any value, a record holds texts', () => {
    expect([read(text(), 5), read(text(), null), read(text(), {})]).toEqual(['5', '', 'must be text'])
    expect(read(textRecord(), { a: 1, b: true })).toEqual({ a: '1', b: 'True' })
    expect([read(textRecord(), 'x'), read(textRecord(), { a: {} })]).toEqual([
      'must be an object of texts',
      'must be text',
    ])
  })
})
