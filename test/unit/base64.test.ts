import { describe, expect, it } from '@jest/globals'
import { base64Bytes, isCopiable } from '../../src/storage/base64.ts'

describe('a text that is Base64', () => {
  it.each([
    ['', ''],
    ['eA==', 'x'],
    ['eHk=', 'xy'],
    ['eHl6', 'xyz'],
    ['eHl6eHl6eA==', 'xyzxyzx'],
    ['Pz8/Pj4+', '???>>>'],
    ['eH l\t6\r\ne&#xD;A&#xd;==', 'xyzx'],
  ])('%j is decoded', (text, decoded) => {
    expect(base64Bytes(text)).toStrictEqual(Buffer.from(decoded))
  })

  it.each([
    'e',
    'eA',
    'eA=',
    'eHk',
    'eA==eA==',
    '=',
    '====',
    'eHl6=',
    '{"item":"x"}',
    'e-_=',
    'é===',
    ' x',
    'eA==x',
    'xeA==',
  ])('%j is not one', (text) => {
    expect(base64Bytes(text)).toBeUndefined()
  })
})

describe('a text of which an exact copy can be made', () => {
  it.each(['', 'text', '{"item":"x"}', 'a\nb', '&amp;', '&#x;', '&#;', '&#12', 'xD;'])('%j', (text) => {
    expect(isCopiable(text)).toBe(true)
  })

  it.each(['a\rb', '&#xD;', '&#xd;', '&#XD;', '&#x1F600;', '&#13;', 'a&#9;b'])('and not %j', (text) => {
    expect(isCopiable(text)).toBe(false)
  })
})
