import { expect, it } from '@jest/globals'
import { parseOrder } from '../../../src/orders/order.ts'
import { contentIn, CONTENT_FIELDS, sameContent } from '../src/content.ts'
import { createContentSource } from '../src/contentSource.ts'
import { seededRandom } from '../src/random.ts'

const NUMBERS = Array.from({ length: 200 }, (_, number) => number)
const contents = (seed: number) => {
  const source = createContentSource(seededRandom(seed))
  return NUMBERS.map((number) => source.fresh(number))
}

it('makes the same contents for the same seed', () => {
  expect(contents(7)).toStrictEqual(contents(7))
  expect(contents(7)).not.toStrictEqual(contents(8))
})

it('makes contents that the service takes as they are, in every form in which they are written', () => {
  const source = createContentSource(seededRandom(7))
  const forms = NUMBERS.map((number) => {
    const content = source.fresh(number)
    const written = source.written(content)
    expect(contentIn(parseOrder(Object.fromEntries(written)))).toStrictEqual(content)
    return written
  })
  // White space around a text, and a default that is left out.
  expect(forms.some((fields) => fields.some(([, value]) => String(value).startsWith('  ')))).toBe(true)
  expect(forms.some((fields) => fields.length < CONTENT_FIELDS.length)).toBe(true)
})

it('changes one field, and each of them in turn', () => {
  const source = createContentSource(seededRandom(7))
  const changed = NUMBERS.map((number) => {
    const before = source.fresh(number)
    const after = source.withOneChange(before)
    expect(sameContent(before, after)).toBe(false)
    expect(contentIn(parseOrder(after))).toStrictEqual(after)
    const fields = CONTENT_FIELDS.filter(
      (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
    )
    expect(fields).toHaveLength(1)
    return fields[0]
  })
  expect(new Set(changed)).toStrictEqual(new Set(CONTENT_FIELDS))
})

it('compares all content fields, whatever the order of keys, and nothing else', () => {
  for (const content of contents(7)) {
    const fields = Object.entries(content)
    const reversed = Object.fromEntries([...fields].reverse())
    expect(sameContent(content, { ...reversed, id: 'x', status: 'processed' })).toBe(true)
    for (const [name] of fields) {
      expect(sameContent(content, Object.fromEntries(fields.filter(([other]) => other !== name)))).toBe(false)
    }
  }
})
