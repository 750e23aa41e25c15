import { describe, expect, test } from '@jest/globals'
import { resolveExpression, resolveSettings } from '../src/binding-expression.ts'
import { settingsOf } from '../src/config/settings.ts'
import { formatDate, isoWithOffset } from '../src/date-text.ts'
import { parseBlobPath } from '../src/triggers/blob-path.ts'

const settings = settingsOf(new Map([['Place', 'north']]))
const bindingData = {
  name: 'Ada',
  count: 3,
  order: { id: 7, parts: [1] },
  query: { color: 'red' },
  headers: { 'x-id': '5' },
}

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns
describe('binding expressions', () => {
  test.each([
    ['orders/{name}.txt', 'orders/Ada.txt'],
    ['{NAME}', 'Ada'],
    ['{count}', '3'],
    ['{order.id}', '7'],
    ['{order}', '{"id":7,"parts":[1]}'],
    ['{query.color}-{headers.x-id}', 'red-5'],
    ['%place%/{name}', 'north/Ada'],
    ['{{name}}', '{name}'],
    ['plain', 'plain'],
  ])('%s is %s', (template, expected) => {
    expect(resolveExpression(template, { settings, bindingData })).toBe(expected)
  })

  test.each(['{missing}', '{order.missing}', '{toString}', '{datetime:q}', '{}'])(
    '%s is an error',
    (template) => {
      expect(() => resolveExpression(template, { settings, bindingData })).toThrow(template)
    },
  )

  test('a setting that does not exist is an error with its name', () => {
    expect(() => resolveSettings('%Nowhere%', settings)).toThrow("'%Nowhere%' does not resolve to a value")
  })

  // https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
  test.each([
    ['yyyy-MM-dd', '2026-03-05'],
    ['yyyyMMddHHmmss', '20260305140709'],
    ['yy/M/d H:m:s', '26/3/5 14:7:9'],
    ['hh:mm tt', '02:07 PM'],
    ['ddd, d MMM yyyy', 'Thu, 5 Mar 2026'],
    ['dddd MMMM', 'Thursday March'],
    ['HH.fff.FFFFF', '14.042.042'],
    ["yyyy'-T-'K\\d", '2026-T-Zd'],
    ['o', '2026-03-05T14:07:09.0420000Z'],
    ['s', '2026-03-05T14:07:09'],
    ['%d', '5'],
  ])('a date in the format %s is %s', (format, expected) => {
    expect(formatDate(new Date('2026-03-05T14:07:09.042Z'), format)).toBe(expected)
  })

  test('a date with an offset has no trailing zeros', () => {
    expect(isoWithOffset(new Date('2026-03-05T14:07:10.000Z'))).toBe('2026-03-05T14:07:10+00:00')
    expect(isoWithOffset(new Date('2026-03-05T14:07:10.120Z'), -90)).toBe('2026-03-05T12:37:10.12-01:30')
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-name-patterns
describe('blob trigger paths', () => {
  test.each([
    ['box/{name}', 'a/b.txt', { name: 'a/b.txt' }],
    ['box/{name}.{ext}', 'a.b.txt', { name: 'a.b', ext: 'txt' }],
    ['box/{name}.txt', 'a.png', undefined],
    ['box/original-{name}', 'original-1', { name: '1' }],
    ['box/original-{name}', 'copy-1', undefined],
    ['box/{folder}/{name}', 'a/b/c', { folder: 'a/b', name: 'c' }],
    ['box/{folder}/{name}', 'c', undefined],
    ['box/{{2026}}-{name}', '{2026}-x', { name: 'x' }],
    ['box/a+b(c)', 'a+b(c)', {}],
    ['box/a+b(c)', 'aab(c)', undefined],
    ['box/exact', 'exact/more', undefined],
    ['box', 'anything/at.all', {}],
  ])('%s and %s', (pattern, name, expected) => {
    expect(parseBlobPath(pattern).match(name)).toEqual(expected)
  })

  test('storage is asked only for names that can match', () => {
    expect(parseBlobPath('box/a/b-{name}.txt').prefix).toBe('a/b-')
  })

  test.each(['box/', '/name', '', '{container}/name', 'box/{', 'box/{a b}', 'box/}'])(
    "'%s' is an error",
    (path) => {
      expect(() => parseBlobPath(path)).toThrow('Invalid blob trigger path')
    },
  )
})
