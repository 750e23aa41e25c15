import fc from 'fast-check'

/** The number of cases of all fuzz tests together: `FUZZ_CASES`, or 20,000. */
export const FUZZ_CASES = Number(process.env['FUZZ_CASES'] ?? 20_000)

/**
 * The number of cases of a property test that has `usual` ones when `FUZZ_CASES` does not say otherwise. Never less than 500, so
 * that a test can still expect to have seen each kind of case.
 */
export function casesOf(usual: number): number {
  return Math.max(Math.min(usual, 500), Math.ceil((usual * FUZZ_CASES) / 20_000))
}

/**
 * Any code point, half a surrogate pair too. `fc.string({ unit: 'binary' })` has the same, and takes seconds to make its table
 * of all of them.
 */
export const codePoint = fc.nat(0x10ffff).map(
  (value) => String.fromCodePoint(value),
  (text) => {
    const [character, ...more] = typeof text === 'string' ? Array.from(text) : []
    if (character === undefined || more.length > 0) throw new Error('This is not one code point.')
    return character.codePointAt(0) ?? 0
  },
)
