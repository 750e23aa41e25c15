import { describe, expect, test } from '@jest/globals'
import { namesIn, resolveExpression, resolveSettings } from '../src/binding-expression.ts'
import { settingsOf } from '../src/config/settings.ts'
import { detailTime, formatDate, isoWithOffset } from '../src/date-text.ts'
import { parseBlobPath } from '../src/triggers/blob-path.ts'

const settings = settingsOf(
  new Map([
    ['Place', 'north'],
    ['Empty', ''],
  ]),
)
const bindingData = {
  name: 'Ada',
  count: 3,
  order: { id: 7, parts: [1] },
  query: { color: 'red' },
  headers: { 'x-id': '5' },
  yes: true,
  big: 12345678901234567890n,
  nothing: null,
  list: [1, 'a'],
  exact: 'lower',
  EXACT: 'upper',
  Date: 'mine',
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
    ['{ name }/{ order.ID }', 'Ada/7'],
    ['{yes}{big}', 'true12345678901234567890'],
    ['{list}', '[1,"a"]'],
    ['{list.1}', 'a'],
    ['{EXACT}{exact}{Exact}', 'upperlowerlower'],
    ['{name:anything}', 'Ada'],
    ['%PLACE%%place%', 'northnorth'],
    ['100%', '100%'],
    ['}}{{', '}{'],
  ])('%s is %s', (template, expected) => {
    expect(resolveExpression(template, { settings, bindingData })).toBe(expected)
  })

  test.each([
    '{missing}',
    '{order.missing}',
    '{toString}',
    '{datetime:q}',
    '{}',
    '{nothing}',
    '{nothing.x}',
    '{name.length}',
    '{name.x.y}',
    '{order.id.x}',
    '{guid}',
  ])('%s is an error', (template) => {
    expect(() => resolveExpression(template, { settings, bindingData })).toThrow(template)
  })

  test('a name that the trigger has not, and a format that there is not, are errors that say so', () => {
    const fail = (template: string) => (): string => resolveExpression(template, { settings, bindingData })
    expect(fail('{a.b:x}')).toThrow(
      "No value for the binding expression '{a.b:x}': the trigger has no 'a.b'.",
    )
    expect(fail('{datetime:q}')).toThrow(
      "The format of the binding expression '{datetime:q}' is not a .NET date format; write 'yyyy-MM-dd' for example.",
    )
    expect(() => resolveExpression('{name}', { settings })).toThrow("the trigger has no 'name'")
  })

  test.each([
    ['{rand-guid}', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
    ['{RAND-GUID:D}', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
    ['{rand-guid:n}', /^[0-9a-f]{32}$/],
    ['{sys.RandGuid:N}', /^[0-9a-f]{32}$/],
    ['{rand-guid:B}', /^\{[0-9a-f-]{36}\}$/],
    ['{rand-guid:P}', /^\([0-9a-f-]{36}\)$/],
    ['{datetime}', /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/],
    ['{DateTime:}', /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/],
    ['{sys.utcnow}', /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/],
    ['{datetime:yyyy:MM}', /^\d{4}:\d\d$/],
  ])('%s looks like %s', (template, pattern) => {
    expect(resolveExpression(template, { settings, bindingData: {} })).toMatch(pattern)
  })

  test('a guid is another one each time, and the date is of now', () => {
    const resolve = (template: string): string => resolveExpression(template, { settings })
    expect(resolve('{rand-guid}')).not.toBe(resolve('{rand-guid}'))
    expect(Math.abs(Date.parse(resolve('{datetime:s}') + 'Z') - Date.now())).toBeLessThan(60_000)
  })

  test('the names in a template are named without their formats', () => {
    expect(namesIn('a/{{x}}/{ id }/{query.x:N}/%Y%/{}/{:f}')).toEqual(['id', 'query.x', '', ''])
  })

  test('a setting that does not exist or is empty is an error with its name', () => {
    expect(() => resolveSettings('%Empty%', settings)).toThrow(
      "'%Empty%' does not resolve to a value. Set Empty in local.settings.json or the environment.",
    )
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
    ['d', '03/05/2026'],
    ['D', 'Thursday, 05 March 2026'],
    ['r', 'Thu, 05 Mar 2026 14:07:09 GMT'],
    ['u', '2026-03-05 14:07:09Z'],
    ['yyyyy y', '02026 26'],
    ['HHH hhh mmm sss', '14 02 07 09'],
    ['%h %t', '2 P'],
    ['ttt', 'PM'],
    ['%z zz zzz zzzz', '+0 +00 +00:00 +00:00'],
    ['"y"\'M\'', 'yM'],
    ['\\y\\\\', 'y\\'],
    ['fffffff FFFFFFF ff F', '0420000 042 04 '],
    ['x:y', 'x:26'],
    ['q', undefined],
    ['', ''],
  ])('a date in the format %s is %s', (format, expected) => {
    expect(formatDate(new Date('2026-03-05T14:07:09.042Z'), format)).toBe(expected)
  })

  test.each([
    ['2026-03-05T00:00:00Z', 'hh h tt %H', '12 12 AM 0'],
    ['2026-03-05T11:59:00Z', 'hh h tt %H', '11 11 AM 11'],
    ['2026-03-05T12:00:00Z', 'hh h tt %H', '12 12 PM 12'],
    ['2026-03-05T13:00:00Z', 'hh h tt %H', '01 1 PM 13'],
    ['2026-12-31T23:00:00Z', 'MMMM MMM MM M dddd ddd dd', 'December Dec 12 12 Thursday Thu 31'],
  ])('%s in the format %s is %s', (date, format, expected) => {
    expect(formatDate(new Date(date), format)).toBe(expected)
  })

  test('the trigger details show a date with milliseconds and offset, or nothing', () => {
    expect(detailTime(new Date('2026-03-05T14:07:09.042Z'))).toBe('2026-03-05T14:07:09.042+00:00')
    expect(detailTime(undefined)).toBe('')
  })

  test('a date with an offset has no trailing zeros', () => {
    expect(isoWithOffset(new Date('2026-03-05T14:07:10.000Z'), 330)).toBe('2026-03-05T19:37:10+05:30')
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
