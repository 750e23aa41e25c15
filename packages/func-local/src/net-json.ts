import { netDateOf, netDateText, netDateJson, type NetDate } from './net-date.ts'
import { doubleText } from './net-number.ts'

/**
 * A JSON value as .NET's Newtonsoft.Json holds it. It differs from `JSON.parse`: whole numbers are exact, numbers with a
 * fraction or an exponent stay doubles (`1.0`), and text that looks like a date can become one.
 */
export type NetJson =
  | { readonly kind: 'null' }
  | { readonly kind: 'undefined' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'date'; readonly value: NetDate }
  | { readonly kind: 'array'; readonly items: readonly NetJson[] }
  | { readonly kind: 'object'; readonly properties: ReadonlyMap<string, NetJson> }

/** Whether text in the form of a date is read as a date. */
export type DateHandling = 'dates' | 'text'

/** The text is no JSON that .NET reads; the message says where. */
export class NetJsonError extends Error {}

// .NET's white space: a byte order mark is none.
const LOOKS_LIKE_JSON = /^(?:[^\S\uFEFF]|\u0085)*(?:\{[^]*\}|\[[^]*\])(?:[^\S\uFEFF]|\u0085)*$/

/** Whether the host takes a text for JSON: it is in braces or brackets, with white space around. */
export function looksLikeJson(text: string): boolean {
  return LOOKS_LIKE_JSON.test(text)
}

// Newtonsoft.Json 13 refuses more.
const MAX_DEPTH = 64
const SPACE = /(?:[^\S\uFEFF]|\u0085|\/\*[^]*?\*\/|\/\/[^\r\n]*)*/y
const NUMBER = /[-+.0-9a-fx]+/iy
const NAME = /[\p{L}\p{Nd}_$]+/uy
const WORDS: ReadonlyMap<string, NetJson> = new Map<string, NetJson>([
  ['true', { kind: 'boolean', value: true }],
  ['false', { kind: 'boolean', value: false }],
  ['null', { kind: 'null' }],
  ['undefined', { kind: 'undefined' }],
  ['NaN', { kind: 'double', value: NaN }],
  ['Infinity', { kind: 'double', value: Infinity }],
  ['-Infinity', { kind: 'double', value: -Infinity }],
])
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['t', '\t'],
  ['n', '\n'],
  ['f', '\f'],
  ['r', '\r'],
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
  ['/', '/'],
])

/**
 * Reads JSON as Newtonsoft.Json does, which is laxer than the standard: comments, single quotes, names without quotes,
 * trailing commas, hexadecimal numbers: https://www.newtonsoft.com/json/help/html/ReadingWritingJSON.htm
 *
 * @throws {NetJsonError}
 */
export function parseNetJson(text: string, dates: DateHandling): NetJson {
  let at = 0

  const result = value(1)
  skip()
  if (at < text.length) fail('additional text')
  return result

  function fail(what: string): never {
    throw new NetJsonError(`The text is not valid JSON: ${what} at position ${at}.`)
  }

  function skip(): void {
    SPACE.lastIndex = at
    SPACE.exec(text)
    at = SPACE.lastIndex
  }

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }

  function value(depth: number): NetJson {
    skip()
    const first = text.charAt(at)
    switch (first) {
      case '':
        return fail('unexpected end')
      case '{':
        return object(depth)
      case '[':
        return array(depth)
      case '"':
      case "'":
        return dated(quoted(first))
      default:
        return word() ?? number()
    }
  }

  function object(depth: number): NetJson {
    if (depth > MAX_DEPTH) fail(`more than ${MAX_DEPTH} levels`)
    const properties = new Map<string, NetJson>()
    at += 1
    for (;;) {
      skip()
      const first = text.charAt(at)
      if (first === '}') break
      const name = first === '"' || first === "'" ? quoted(first) : (take(NAME) ?? fail('no property name'))
      skip()
      if (text.charAt(at) !== ':') fail("no ':' after a property name")
      at += 1
      properties.set(name, value(depth + 1))
      skip()
      if (text.charAt(at) === '}') break
      if (text.charAt(at) !== ',') fail("no ',' or '}' after a property")
      at += 1
    }
    at += 1
    return { kind: 'object', properties }
  }

  function array(depth: number): NetJson {
    if (depth > MAX_DEPTH) fail(`more than ${MAX_DEPTH} levels`)
    const items: NetJson[] = []
    at += 1
    for (;;) {
      skip()
      if (text.charAt(at) === ']') break
      items.push(text.charAt(at) === ',' ? { kind: 'undefined' } : value(depth + 1))
      skip()
      if (text.charAt(at) === ']') break
      if (text.charAt(at) !== ',') fail("no ',' or ']' after an element")
      at += 1
    }
    at += 1
    return { kind: 'array', items }
  }

  function quoted(quote: string): string {
    let result = ''
    at += 1
    for (;;) {
      const next = text.charAt(at)
      if (next === '') fail('text without a closing quote')
      at += 1
      if (next === quote) return result
      result += next === '\\' ? escaped() : next
    }
  }

  function escaped(): string {
    const kind = text.charAt(at)
    at += 1
    if (kind !== 'u') return ESCAPES.get(kind) ?? fail('an unknown escape')
    const digits = text.slice(at, at + 4)
    if (!/^[0-9a-f]{4}$/i.test(digits)) fail('an unknown escape')
    at += 4
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  function dated(content: string): NetJson {
    const date = dates === 'dates' ? netDateOf(content) : undefined
    return date === undefined ? { kind: 'text', value: content } : { kind: 'date', value: date }
  }

  function word(): NetJson | undefined {
    const before = at
    const minus = text.charAt(at) === '-' ? '-' : ''
    at += minus.length
    const found = WORDS.get(minus + (take(NAME) ?? ''))
    if (found === undefined) at = before
    return found
  }

  function number(): NetJson {
    const digits = take(NUMBER) ?? fail('an unexpected character')
    if (/^0x[0-9a-f]+$/i.test(digits)) return { kind: 'integer', value: BigInt(digits) }
    if (/^0[0-7]+$/.test(digits)) return { kind: 'integer', value: BigInt(`0o${digits.slice(1)}`) }
    if (/^-?\d+$/.test(digits)) return { kind: 'integer', value: BigInt(digits) }
    if (/^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(digits))
      return { kind: 'double', value: Number(digits) }
    return fail('a number that cannot be read')
  }
}

/** The text .NET's `ToString` gives of a value: objects and arrays as indented JSON, `True`, and nothing for `null`. */
export function netText(value: NetJson): string {
  switch (value.kind) {
    case 'null':
    case 'undefined':
      return ''
    case 'boolean':
      return value.value ? 'True' : 'False'
    case 'integer':
      return String(value.value)
    case 'double':
      return doubleText(value.value)
    case 'text':
      return value.value
    case 'date':
      return netDateText(value.value)
    default:
      return writeNetJson(value, 'indented')
  }
}

/** JSON as Newtonsoft.Json writes it. */
export function writeNetJson(value: NetJson, format: 'indented' | 'compact'): string {
  const step = format === 'indented' ? '  ' : ''
  const write = (node: NetJson, indent: string): string => {
    switch (node.kind) {
      case 'null':
      case 'undefined':
        return node.kind
      case 'boolean':
      case 'integer':
        return String(node.value)
      case 'double':
        return doubleJson(node.value)
      case 'text':
        return textJson(node.value)
      case 'date':
        return `"${netDateJson(node.value)}"`
      case 'array':
        return enclosed(
          '[]',
          node.items.map((item) => write(item, indent + step)),
          indent,
        )
      case 'object':
        return enclosed(
          '{}',
          [...node.properties].map(
            ([name, item]) =>
              `${textJson(name)}:${format === 'indented' ? ' ' : ''}${write(item, indent + step)}`,
          ),
          indent,
        )
    }
  }
  const enclosed = (brackets: string, parts: readonly string[], indent: string): string => {
    const [open = '', close = ''] = brackets
    if (parts.length === 0) return brackets
    if (format === 'compact') return open + parts.join(',') + close
    return `${open}\n${parts.map((part) => indent + step + part).join(',\n')}\n${indent}${close}`
  }
  return write(value, '')
}

/** A double never reads back as a whole number. */
function doubleJson(value: number): string {
  const text = doubleText(value)
  if (!Number.isFinite(value)) return `"${text}"`
  return /[.E]/.test(text) ? text : `${text}.0`
}

/** The characters that Newtonsoft.Json escapes are JSON's own, and three line ends of Unicode. */
function textJson(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[\u0085\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
