import { isDateTime } from './date-time.ts'
import { RouteTemplateError } from './route-template.ts'

/** Whether a route value is acceptable; `undefined` is the value of a catch-all parameter that took nothing. */
export type Constraint = (value: string | undefined) => boolean

// .NET's number styles: https://learn.microsoft.com/dotnet/api/system.globalization.numberstyles
const INTEGER = /^[\t-\r ]*[+-]?\d+[\t-\r ]*$/
const DECIMAL = /^[\t-\r ]*(?:[+-]?[\t-\r ]*(?:\d[\d,]*\.?\d*|\.\d+)|(?:\d[\d,]*\.?\d*|\.\d+)[+-]?)[\t-\r ]*$/
const FLOAT = /^[\t-\r ]*(?:[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:nan|infinity))[\t-\r ]*$/i
const HEX = '[0-9a-f]'
const DASHED = `${HEX}{8}(?:-${HEX}{4}){3}-${HEX}{12}`
const GUID = new RegExp(`^\\s*(?:${HEX}{32}|${DASHED}|\\{${DASHED}\\}|\\(${DASHED}\\))\\s*$`, 'i')
const INT_BITS = 31n
const LONG_BITS = 63n
const LARGEST_DECIMAL = 79228162514264337593543950335n

/**
 * Compiles one constraint, `int` or `length(1,5)` for example:
 * https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
 *
 * @throws {RouteTemplateError} when there is no such constraint, or its arguments are wrong.
 */
export function constraint(text: string): Constraint {
  const open = text.indexOf('(')
  const hasArguments = open >= 0 && text.endsWith(')')
  const name = (hasArguments ? text.slice(0, open) : text).toLowerCase()
  const given = hasArguments ? text.slice(open + 1, -1) : undefined
  const simple = SIMPLE.get(name)
  if (simple !== undefined) {
    if (given !== undefined) throw new RouteTemplateError(`its constraint ':${name}' takes no arguments`)
    return (value) => value !== undefined && simple(value)
  }
  if (name === 'nonfile') return (value) => value === undefined || !isFileName(value)
  if (name === 'regex') return regexConstraint(given)
  const compare = COMPARING.get(name)
  if (compare === undefined) throw new RouteTemplateError(`its constraint ':${text}' is unknown`)
  const test = compare(name, given === undefined ? [] : given.split(','))
  return (value) => value !== undefined && test(value)
}

/** Whether a pattern of a route's constraints is one that JavaScript has not; a request to that route then fails. */
export class RoutePatternError extends Error {}

const SIMPLE: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ['int', (value: string) => inBits(value, INT_BITS)],
  ['long', (value: string) => inBits(value, LONG_BITS)],
  ['bool', (value: string) => /^\s*(?:true|false)\s*$/i.test(value)],
  ['alpha', (value: string) => /^[a-z]*$/i.test(value)],
  ['decimal', isDecimal],
  ['double', (value: string) => FLOAT.test(value)],
  ['float', (value: string) => FLOAT.test(value)],
  ['guid', (value: string) => GUID.test(value)],
  ['datetime', isDateTime],
  ['required', (value: string) => value !== ''],
  ['file', isFileName],
  // Asks whether ASP.NET Core has a controller or a page of that name; it has none of the app's.
  ['exists', () => false],
])

type Comparison = (name: string, given: readonly string[]) => (value: string) => boolean

const COMPARING: ReadonlyMap<string, Comparison> = new Map<string, Comparison>([
  [
    'length',
    (name, given) => {
      const [least = 0n, most = least] = numbers(name, given, [1, 2], INT_BITS, 0n)
      return (value) => value.length >= least && value.length <= most
    },
  ],
  [
    'minlength',
    (name, given) => {
      const [least = 0n] = numbers(name, given, [1], INT_BITS, 0n)
      return (value) => value.length >= least
    },
  ],
  [
    'maxlength',
    (name, given) => {
      const [most = 0n] = numbers(name, given, [1], INT_BITS, 0n)
      return (value) => value.length <= most
    },
  ],
  [
    'min',
    (name, given) => {
      const [least = 0n] = numbers(name, given, [1], LONG_BITS)
      return (value) => inBits(value, LONG_BITS) && integer(value) >= least
    },
  ],
  [
    'max',
    (name, given) => {
      const [most = 0n] = numbers(name, given, [1], LONG_BITS)
      return (value) => inBits(value, LONG_BITS) && integer(value) <= most
    },
  ],
  [
    'range',
    (name, given) => {
      const [least = 0n, most = 0n] = numbers(name, given, [2], LONG_BITS)
      return (value) => inBits(value, LONG_BITS) && integer(value) >= least && integer(value) <= most
    },
  ],
])

/** The arguments of a constraint: so many whole numbers, the first not above the second, none below `least`. */
function numbers(
  name: string,
  given: readonly string[],
  counts: readonly number[],
  bits: bigint,
  least?: bigint,
): readonly bigint[] {
  const shown = `its constraint ':${name}(${given.join(',')})'`
  if (!counts.includes(given.length))
    throw new RouteTemplateError(
      `${shown} needs ${counts.join(' or ')} number${counts.at(-1) === 1 ? '' : 's'}`,
    )
  if (!given.every((text) => inBits(text, bits))) throw new RouteTemplateError(`${shown} needs whole numbers`)
  const values = given.map(integer)
  const [first, second] = values
  if (least !== undefined && values.some((value) => value < least))
    throw new RouteTemplateError(`${shown} has a number below ${least}`)
  if (first !== undefined && second !== undefined && first > second)
    throw new RouteTemplateError(`${shown} begins above its end`)
  return values
}

function inBits(value: string, bits: bigint): boolean {
  return INTEGER.test(value) && integer(value) >= -(1n << bits) && integer(value) < 1n << bits
}

function integer(text: string): bigint {
  return BigInt(text.trim().replace(/^\+/, ''))
}

function isDecimal(value: string): boolean {
  if (!DECIMAL.test(value)) return false
  const [whole = ''] = value.replace(/[^\d.]/g, '').split('.')
  return BigInt(whole === '' ? 0 : whole) <= LARGEST_DECIMAL
}

/** A name with a dot, and something other than dots after it. */
function isFileName(value: string): boolean {
  return /\.+[^./][^/]*$/.test(value)
}

function regexConstraint(pattern: string | undefined): Constraint {
  if (pattern === undefined)
    throw new RouteTemplateError("its constraint ':regex' needs a pattern: ':regex(…)'")
  const regex = compilePattern(pattern)
  return (value) => {
    if (value === undefined) return false
    if (regex === undefined)
      throw new RoutePatternError(
        `Its route constraint ':regex(${pattern})' is not a regular expression of JavaScript.`,
      )
    return regex.test(value)
  }
}

/** A .NET pattern, where JavaScript has the same: without case, as the real host compiles it. */
function compilePattern(pattern: string): RegExp | undefined {
  const source = pattern
    .replace(/^\(\?[imsn]+\)/, '')
    .replaceAll('\\A', '^')
    .replace(/\\[zZ]/g, '$')
  for (const flags of ['iu', 'i']) {
    try {
      return new RegExp(source, flags)
    } catch {
      // Without `u`, more escapes are allowed; with it, `\p{L}` is.
    }
  }
  return undefined
}
