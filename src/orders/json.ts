import { MalformedJsonError } from './errors.ts'

// A byte order mark is skipped (RFC 8259 §8.1 allows both).
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads bytes as JSON text in UTF-8 in which no object names a key twice.
 *
 * @throws MalformedJsonError for anything else; its message says where and why, and holds nothing of the text
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  const { fault, escapedKeys } = scan(text)
  if (fault !== undefined) {
    throw new MalformedJsonError(
      `The text is not valid JSON: ${fault.reason} at ${position(text, fault.at)}.`,
    )
  }
  return JSON.parse(withPlainKeys(text, escapedKeys)) as unknown
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new MalformedJsonError(
      `The text is not valid JSON: it is not UTF-8 text at byte ${invalidByte(bytes)}.`,
    )
  }
}

/** The first byte, counted from 1, that does not come back when the text is decoded and encoded again. */
function invalidByte(bytes: Uint8Array): number {
  const again = new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
  return bytes.findIndex((byte, i) => byte !== again[i]) + 1
}

/** RFC 8259 §2: a line ends with a line feed, a carriage return or both. A column counts Unicode code points. */
function position(text: string, at: number): string {
  const lines = text.slice(0, at).split(/\r\n|\n|\r/)
  return `line ${lines.length}, column ${Array.from(lines.at(-1) ?? '').length + 1}`
}

interface Fault {
  /** Index into the text. */
  readonly at: number
  readonly reason: string
}

/** A key that is written with escape sequences, and where it is in the text, its quotation marks included. */
interface EscapedKey {
  readonly key: string
  readonly begin: number
  readonly end: number
}

/**
 * The same text with its keys written without escape sequences. Where V8 expects the key `"\\"` it takes any escaped key for
 * that: after `{"\\":1}` was read, the key of `{"\u0061":1}` is not `a` (seen in Node.js 24.21).
 */
function withPlainKeys(text: string, escapedKeys: readonly EscapedKey[]): string {
  if (escapedKeys.length === 0) return text
  let plain = ''
  let from = 0
  for (const { key, begin, end } of escapedKeys) {
    plain += text.slice(from, begin) + JSON.stringify(key)
    from = end
  }
  return plain + text.slice(from)
}

/** What may come next: in an array or object that was just opened, its end as well. */
type Expected = 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'comma'

const WHITE_SPACE = /[ \t\n\r]*/y
// eslint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?/y
const LITERAL = /true|false|null/y

/**
 * Finds what keeps a text from being JSON (RFC 8259), or else the first key that its object has already. `JSON.parse` takes the
 * last of two values in silence, and its errors quote the text, which must not get into the log. Works in time linear in the
 * text's length and without recursion, however deep the text is nested.
 */
function scan(text: string): { readonly fault?: Fault; readonly escapedKeys: readonly EscapedKey[] } {
  const escapedKeys: EscapedKey[] = []
  // The keys so far of each object that is open; for an array there are none.
  const open: (Set<string> | undefined)[] = []
  let expected: Expected = 'value'
  let at = 0
  let firstRepeated: number | undefined
  let repeated = 0

  for (;;) {
    at = end(WHITE_SPACE, text, at)
    if (expected === 'comma' && open.length === 0) break
    const character = text[at]
    if (character === undefined) return { fault: { at, reason: 'it ends too early' }, escapedKeys }

    if (
      (character === ']' && (expected === 'first value' || (expected === 'comma' && !open.at(-1)))) ||
      (character === '}' && (expected === 'first key' || (expected === 'comma' && open.at(-1))))
    ) {
      open.pop()
      expected = 'comma'
      at++
    } else if (expected === 'comma') {
      if (character !== ',') return { fault: { at, reason: 'a comma or an end is missing' }, escapedKeys }
      expected = open.at(-1) ? 'key' : 'value'
      at++
    } else if (expected === 'colon') {
      if (character !== ':') return { fault: { at, reason: 'a colon is missing' }, escapedKeys }
      expected = 'value'
      at++
    } else if (expected === 'key' || expected === 'first key') {
      if (character !== '"') return { fault: { at, reason: 'a key is missing' }, escapedKeys }
      const begin = at
      at = end(STRING, text, begin)
      if (text[at] !== '"') return { fault: brokenString(text, at), escapedKeys }
      const raw = text.slice(begin, ++at)
      const escaped = raw.includes('\\')
      const key = escaped ? (JSON.parse(raw) as string) : raw.slice(1, -1)
      if (escaped) escapedKeys.push({ key, begin, end: at })
      const keys = open.at(-1)
      if (keys?.has(key)) {
        firstRepeated ??= begin
        repeated++
      }
      keys?.add(key)
      expected = 'colon'
    } else if (character === '{') {
      open.push(new Set())
      expected = 'first key'
      at++
    } else if (character === '[') {
      open.push(undefined)
      expected = 'first value'
      at++
    } else if (character === '"') {
      at = end(STRING, text, at)
      if (text[at] !== '"') return { fault: brokenString(text, at), escapedKeys }
      expected = 'comma'
      at++
    } else {
      const next = Math.max(end(NUMBER, text, at), end(LITERAL, text, at))
      if (next === at) return { fault: { at, reason: 'no value begins' }, escapedKeys }
      expected = 'comma'
      at = next
    }
  }
  if (at < text.length) return { fault: { at, reason: 'it goes on after its end' }, escapedKeys }
  if (firstRepeated === undefined) return { escapedKeys }
  const reason = repeated === 1 ? 'a key is repeated' : `keys are repeated ${repeated} times, first`
  return { fault: { at: firstRepeated, reason }, escapedKeys }
}

/** Where the match of a sticky expression ends that begins at an index; the index when there is none. */
function end(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

function brokenString(text: string, at: number): Fault {
  if (at >= text.length) return { at: text.length, reason: 'it ends too early' }
  return {
    at,
    reason: text[at] === '\\' ? 'no escape sequence begins' : 'a control character is not escaped',
  }
}
