import { BindingError } from '../host/function.ts'

/** Whether a route value is acceptable. */
export type Constraint = (value: string) => boolean

const INTEGER = /^\s*[+-]?\d+\s*$/
const NUMBER = /^\s*[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i
const GUID =
  /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}|\([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\))$/i
const INT_BITS = 31n
const LONG_BITS = 63n

/**
 * Compiles one constraint, `int` or `length(1,5)` for example:
 * https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
 *
 * @throws {BindingError} when there is no such constraint, or its arguments are wrong.
 */
export function constraint(text: string): Constraint {
  const match = /^([a-z]+)(?:\((.*)\))?$/is.exec(text.trim())
  const name = match?.[1]?.toLowerCase() ?? ''
  const argument = match?.[2]
  const simple = argument === undefined ? SIMPLE[name] : undefined
  if (simple !== undefined) return simple
  if (argument === undefined) throw new BindingError(`Its route has an unknown constraint ':${text}'.`)
  if (name === 'regex') return regexConstraint(argument)
  const numbers = argument.split(',').map((n) => Number(n.trim()))
  const [first, second] = numbers
  if (first === undefined || numbers.some((n) => !Number.isInteger(n)) || numbers.length > 2) {
    throw new BindingError(`Its route constraint ':${text}' needs whole numbers.`)
  }
  switch (name) {
    case 'length':
      return (value) =>
        second === undefined ? value.length === first : value.length >= first && value.length <= second
    case 'minlength':
      return (value) => value.length >= first
    case 'maxlength':
      return (value) => value.length <= first
    case 'min':
      return (value) => INTEGER.test(value) && Number(value) >= first
    case 'max':
      return (value) => INTEGER.test(value) && Number(value) <= first
    case 'range':
      return (value) => INTEGER.test(value) && Number(value) >= first && Number(value) <= (second ?? first)
    default:
      throw new BindingError(`Its route has an unknown constraint ':${text}'.`)
  }
}

const SIMPLE: Readonly<Record<string, Constraint>> = {
  int: (value) => isInteger(value, INT_BITS),
  long: (value) => isInteger(value, LONG_BITS),
  bool: (value) => /^\s*(?:true|false)\s*$/i.test(value),
  alpha: (value) => /^[a-z]*$/i.test(value),
  decimal: (value) => NUMBER.test(value) && !/e/i.test(value),
  double: (value) => NUMBER.test(value),
  float: (value) => NUMBER.test(value),
  guid: (value) => GUID.test(value),
  datetime: (value) => /\d/.test(value) && !Number.isNaN(Date.parse(value)),
  required: (value) => value !== '',
  file: (value) => /\.[^/.]+$/.test(value),
  nonfile: (value) => !/\.[^/.]+$/.test(value),
}

function isInteger(value: string, bits: bigint): boolean {
  if (!INTEGER.test(value)) return false
  const number = BigInt(value.trim().replace(/^\+/, ''))
  return number >= -(1n << bits) && number < 1n << bits
}

function regexConstraint(pattern: string): Constraint {
  let regex: RegExp
  try {
    regex = new RegExp(pattern, 'i')
  } catch {
    throw new BindingError(`Its route constraint ':regex(${pattern})' is not a regular expression.`)
  }
  return (value) => regex.test(value)
}
