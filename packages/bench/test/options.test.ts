import { describe, expect, test } from '@jest/globals'
import { BenchArgumentError, readOptions, usage } from '../src/options.ts'
import { SECTIONS } from '../src/sections.ts'

function letters(...args: readonly string[]): string {
  const options = readOptions(args, SECTIONS)
  return options === 'help' ? 'help' : options.sections.map(({ letter }) => letter).join('')
}

describe('the sections that run', () => {
  test.each([
    [[], 'abcdefijs'],
    [['--only', 'd,b'], 'bd'],
    [['--store', 'tables', '--only', 'a'], 'a'],
    [['--store', 'cosmos'], 'bcde'],
    [['--store=cosmos', '--only', ' e , b '], 'be'],
    [['--help'], 'help'],
  ])('of %j: %s', (args, expected) => {
    expect(letters(...args)).toBe(expected)
  })

  test('are listed by the help, for each store', () => {
    for (const section of Object.values(SECTIONS).flat())
      expect(usage(SECTIONS)).toContain(`\n  ${section.letter}  ${section.title}`)
  })
})

test.each([
  [['--store', 'table'], '--store is tables or cosmos, not "table".'],
  [['--store', 'cosmos', '--only', 'a'], '--only names sections (b, c, d, e), not "a".'],
  [['--only', 'b,z'], '--only names sections (a, b, c, d, e, f, i, j, s), not "z".'],
  [['--pairs', '0'], '--pairs is a whole number from 1, not "0".'],
  [['--unheard'], "Unknown option '--unheard'"],
])('%j is refused', (args, reason) => {
  expect(() => letters(...args)).toThrow(BenchArgumentError)
  expect(() => letters(...args)).toThrow(reason)
})
