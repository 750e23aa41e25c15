import { describe, expect, test } from '@jest/globals'
import { braceAlternatives } from '../src/worker/brace-alternatives.ts'

// https://github.com/isaacs/node-glob: what the real worker reads `main` with.
describe('the patterns that a pattern with braces stands for', () => {
  test.each([
    ['src/*.js', ['src/*.js']],
    ['', ['']],
    ['src/{index.js,functions/*.js}', ['src/index.js', 'src/functions/*.js']],
    ['{b,a}/{d,c}.js', ['b/d.js', 'b/c.js', 'a/d.js', 'a/c.js']],
    ['a/{b,c/{d,e}}.js', ['a/b.js', 'a/c/d.js', 'a/c/e.js']],
    ['{a,{b,c},d}', ['a', 'b', 'c', 'd']],
    ['a{,.min}.js', ['a.js', 'a.min.js']],
    ['{a,}', ['a', '']],
    ['{,}', ['', '']],
    ['{a,b,c}x', ['ax', 'bx', 'cx']],
  ])('%s', (pattern, expected) => {
    expect(braceAlternatives(pattern)).toEqual(expected)
  })

  test.each([
    ['a range', 'src/{1..3}.js', ['src/{1..3}.js']],
    ['one alternative', 'src/{a}.js', ['src/{a}.js']],
    ['no alternative', '{}/{a,b}', ['{}/a', '{}/b']],
    [
      'what follows a range',
      'x{1..3}/{a,b}/{c,d}',
      ['x{1..3}/a/c', 'x{1..3}/a/d', 'x{1..3}/b/c', 'x{1..3}/b/d'],
    ],
    ['an escaped brace', '\\{a,b}', ['\\{a,b}']],
    ['an escaped brace before others', '\\{{a,b}', ['\\{a', '\\{b']],
    ['an escaped comma', '{a\\,b,c}', ['a\\,b', 'c']],
    ['an escaped end', '{a\\},b}', ['a\\}', 'b']],
    ['a brace without an end', 'a{b,c', ['a{b,c']],
    ['a brace without an end before a whole one', 'a{b{c,d}', ['a{bc', 'a{bd']],
    ['an end without a beginning', 'a}b,c', ['a}b,c']],
    ['a comma outside', 'a,b', ['a,b']],
  ])('%s stays as it is: %s', (_what, pattern, expected) => {
    expect(braceAlternatives(pattern)).toEqual(expected)
  })
})
