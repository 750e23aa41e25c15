import { BindingError } from '../host/function.ts'
import { constraint, type Constraint } from './route-constraint.ts'

/** A compiled route: finds the values of a path's parameters. */
export interface RouteTemplate {
  /** The values, percent-decoded, when the path (encoded, without a leading slash) matches; else `undefined`. */
  readonly match: (path: string) => Record<string, string> | undefined
}

interface Parameter {
  readonly name: string
  readonly optional: boolean
  readonly catchAll: boolean
  readonly fallback: string | undefined
  readonly constraints: readonly Constraint[]
}

type Part = string | Parameter

/**
 * Compiles an ASP.NET Core route template: literals in any case, `{name}`, `{name?}`, `{name=default}`, `{*rest}`,
 * constraints `{id:int:min(1)}`, several parameters in one segment.
 *
 * https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
 *
 * @throws {BindingError} when the template is malformed.
 */
export function compileRoute(template: string): RouteTemplate {
  const segments = splitSegments(template).map(parseSegment)
  const names = segments.flat().flatMap((part) => (typeof part === 'string' ? [] : [part.name.toLowerCase()]))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new BindingError(`Its route '${template}' has the parameter '${twice}' twice.`)
  for (const [index, parts] of segments.entries()) {
    const catchAll = parts.some((part) => typeof part !== 'string' && part.catchAll)
    if (catchAll && (index !== segments.length - 1 || parts.length !== 1)) {
      throw new BindingError(
        `Its route '${template}' has a catch-all parameter that is not its last segment.`,
      )
    }
  }
  const matchers = segments.map(matcherOf)

  return {
    match: (path) => {
      const given = path === '' ? [] : path.replace(/\/$/, '').split('/')
      const values: Record<string, string> = {}
      for (const [index, matcher] of matchers.entries()) {
        if (!matcher(given, index, values)) return undefined
      }
      const last = segments.at(-1)?.[0]
      const open = typeof last === 'object' && last.catchAll
      return given.length > segments.length && !open ? undefined : values
    },
  }
}

/** Splits at slashes outside braces. */
function splitSegments(template: string): string[] {
  const segments: string[] = []
  let current = ''
  let depth = 0
  for (const char of template.replace(/^\/|\/$/g, '')) {
    if (char === '{') depth++
    if (char === '}') depth--
    if (char === '/' && depth <= 0) {
      segments.push(current)
      current = ''
    } else {
      current += char
    }
  }
  if (depth !== 0) throw new BindingError(`Its route '${template}' has an unmatched brace.`)
  if (current !== '' || segments.length > 0) segments.push(current)
  if (segments.some((segment) => segment === ''))
    throw new BindingError(`Its route '${template}' has an empty segment.`)
  return segments
}

function parseSegment(segment: string): Part[] {
  const parts: Part[] = []
  let literal = ''
  for (let i = 0; i < segment.length; i++) {
    const char = segment[i] ?? ''
    if ((char === '{' || char === '}') && segment[i + 1] === char) {
      literal += char
      i++
    } else if (char === '{') {
      const end = parameterEnd(segment, i)
      if (literal !== '') parts.push(literal)
      literal = ''
      parts.push(parseParameter(segment.slice(i + 1, end)))
      i = end
    } else {
      literal += char
    }
  }
  if (literal !== '') parts.push(literal)
  return parts
}

/** The brace that ends a parameter; doubled braces belong to a constraint's regular expression. */
function parameterEnd(segment: string, start: number): number {
  for (let i = start + 1; i < segment.length; i++) {
    const char = segment[i]
    if ((char === '{' || char === '}') && segment[i + 1] === char) i++
    else if (char === '}') return i
  }
  throw new BindingError(`Its route segment '${segment}' has an unmatched brace.`)
}

const PARAMETER = /^(\*{0,2})([^:=?*{}/]+)((?::(?:[^:=(?]+(?:\(.*?\)(?=$|[:=?]))?))*)(?:=(.*?))?(\?)?$/s

function parseParameter(text: string): Parameter {
  const match = PARAMETER.exec(text)
  if (match?.[2] === undefined) throw new BindingError(`Its route has a malformed parameter '{${text}}'.`)
  const [, stars = '', name, constraints = '', fallback, optional] = match
  return {
    name,
    catchAll: stars !== '',
    optional: optional !== undefined,
    fallback,
    constraints: splitConstraints(constraints).map(constraint),
  }
}

/** Splits `:int:regex(a:b)` at colons outside parentheses. */
function splitConstraints(text: string): string[] {
  const found: string[] = []
  let depth = 0
  for (const char of text.replaceAll('{{', '{').replaceAll('}}', '}')) {
    if (char === ':' && depth === 0) {
      found.push('')
      continue
    }
    if (char === '(') depth++
    if (char === ')') depth--
    found.push(`${found.pop() ?? ''}${char}`)
  }
  return found
}

type Matcher = (given: readonly string[], index: number, values: Record<string, string>) => boolean

function matcherOf(parts: readonly Part[]): Matcher {
  const [only] = parts
  if (parts.length === 1 && typeof only === 'object') return parameterMatcher(only)
  const parameters = parts.filter((part) => typeof part === 'object')
  const last = parts.at(-1)
  const source = parts.map((part, index) => {
    if (typeof part === 'string') {
      const escaped = part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      // `{file}.{ext?}`: the dot goes with the optional parameter after it.
      const next = parts[index + 1]
      return part === '.' && typeof next === 'object' && next.optional && next === last ? '' : escaped
    }
    const dotted = part.optional && part === last && parts[index - 1] === '.'
    if (dotted) return '(?:\\.(.+))?'
    return part.optional && part === last ? '(.*)' : '(.+)'
  })
  const pattern = new RegExp(`^${source.join('')}$`, 'is')
  return (given, index, values) => {
    const text = decode(given[index])
    const match = text === undefined ? null : pattern.exec(text)
    if (match === null) return false
    return parameters.every((parameter, at) => assign(parameter, match[at + 1], values))
  }
}

function parameterMatcher(parameter: Parameter): Matcher {
  return (given, index, values) => {
    const segments = parameter.catchAll ? given.slice(index) : given.slice(index, index + 1)
    if (segments.length === 0) return assign(parameter, undefined, values) && isOmissible(parameter)
    const decoded = segments.map(decode)
    if (decoded.some((segment) => segment === undefined)) return false
    const value = decoded.join('/')
    if (value === '' && !isOmissible(parameter)) return false
    return assign(parameter, value, values)
  }
}

function isOmissible({ optional, catchAll, fallback }: Parameter): boolean {
  return optional || catchAll || fallback !== undefined
}

function assign(parameter: Parameter, found: string | undefined, values: Record<string, string>): boolean {
  const value = found === undefined || found === '' ? parameter.fallback : found
  // Constraints of an optional parameter hold only for a value that is there.
  if (value === undefined) return true
  if (!parameter.constraints.every((holds) => holds(value))) return false
  Object.defineProperty(values, parameter.name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
  return true
}

function decode(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined
  try {
    return decodeURIComponent(segment)
  } catch {
    // Malformed escapes stay as they are, as in Kestrel.
    return segment
  }
}
