import { describe, expect, test } from '@jest/globals'
import { BindingError } from '../src/host/function.ts'
import { parseBlobPath } from '../src/triggers/blob-path.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-name-patterns
describe('the path of a blob trigger', () => {
  test.each<[string, string, string, Record<string, string> | undefined]>([
    ['box', 'any/name', '', {}],
    ['box/{name}', 'a.txt', '', { name: 'a.txt' }],
    ['box/{name}', 'a/b.txt', '', { name: 'a/b.txt' }],
    ['box/{name}', 'a\nb', '', { name: 'a\nb' }],
    ['box/{name}', '', '', { name: '' }],
    ['box/{name}.{ext}', 'a.b.txt', '', { name: 'a.b', ext: 'txt' }],
    ['box/{name}.{ext}', 'none', '', undefined],
    ['box/in-{name}', 'in-x', 'in-', { name: 'x' }],
    ['box/in-{name}', 'xin-x', 'in-', undefined],
    ['box/{folder}/x-{name}.csv', 'a/b/x-1.csv', '', { folder: 'a/b', name: '1' }],
    ['box/{name}.csv', 'a.csv.bak', '', undefined],
    ['box/a.txt', 'a.txt', 'a.txt', {}],
    ['box/a.txt', 'axtxt', 'a.txt', undefined],
    ['box/a+(b)[c]$^|\\*?{x}', 'a+(b)[c]$^|\\*?1', 'a+(b)[c]$^|\\*?', { x: '1' }],
    ['box/{{x}}-{name}', '{x}-1', '{x}-', { name: '1' }],
    ['box/{name}-{{x}}', '1-{x}', '', { name: '1' }],
    ['box/{Straße_1}', 'x', '', { Straße_1: 'x' }],
    ['box/{_}', 'x', '', { _: 'x' }],
    ['$web/{name}', 'index.html', '', { name: 'index.html' }],
    ['$logs/{name}', 'x', '', { name: 'x' }],
    ['$root/{name}', 'x', '', { name: 'x' }],
  ])('%s: the blob %j', (path, name, prefix, parameters) => {
    const pattern = parseBlobPath(path)
    expect(pattern.container).toBe(path.split('/')[0])
    expect(pattern.prefix).toBe(prefix)
    expect(pattern.match(name)).toEqual(parameters)
  })

  const format = "Paths must be in the format 'container/blob'."
  test.each([
    ['', format],
    ['/x', format],
    ['box/', format],
    ['{box}/x', 'Container paths cannot contain {resolve} tokens.'],
    ['Box/x', 'A container name must be all lower case.'],
    ['bo', 'A container name must be from 3 to 63 characters long.'],
    ['$other/x', 'A container name can contain only'],
    ['box/a/../b', "A blob name cannot contain the segments '.' and '..'."],
    [`box/${'a'.repeat(1025)}`, 'A blob name must be from 1 to 1024 characters long.'],
  ])('%s is refused', (path, reason) => {
    expect(() => parseBlobPath(path)).toThrow(BindingError)
    expect(() => parseBlobPath(path)).toThrow(`Invalid blob trigger path '${path}'. ${reason}`)
  })

  test.each([
    ['box/{}', '{}'],
    ['box/{1a}', '{1a}'],
    ['box/{a b}', '{a b}'],
    ['box/{a.b}', '{a.b}'],
    ['box/{name', '{'],
    ['box/name}', '}'],
    ['box/{ a}', '{ a}'],
  ])('%s has what is no parameter', (path, what) => {
    expect(() => parseBlobPath(path)).toThrow(BindingError)
    expect(() => parseBlobPath(path)).toThrow(
      `Invalid blob trigger path '${path}': '${what}' is not a parameter like {name}.`,
    )
  })
})
