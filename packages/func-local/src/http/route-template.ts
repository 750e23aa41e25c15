import { constraint, type Constraint } from './route-constraint.ts'

/** A parameter of a route, `{id:int?}` for example. */
export interface RouteParameter {
  readonly kind: 'parameter'
  readonly name: string
  readonly optional: boolean
  readonly catchAll: boolean
  readonly fallback: string | undefined
  readonly constraints: readonly Constraint[]
}

/** Text of a route. The dot before an optional parameter is a separator: it may be missing together with the parameter. */
export interface RouteText {
  readonly kind: 'literal' | 'separator'
  readonly text: string
}

/** What stands between two slashes. */
export type RouteSegment = readonly (RouteParameter | RouteText)[]

/** The host does not start with this route template; the message says what is wrong with it. */
export class RouteTemplateError extends Error {}

/**
 * Reads an ASP.NET Core route template: case-insensitive literals, `{name}`, `{name?}`, `{name=default}`, `{*rest}`, constraints
 * `{id:int:min(1)}`, several parameters in one segment. What is refused here, the real host refuses as well.
 *
 * https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates and
 * https://github.com/dotnet/aspnetcore/blob/main/src/Http/Routing/src/Patterns/RoutePatternParser.cs
 *
 * @throws {RouteTemplateError}
 */
export function parseRoute(template: string): readonly RouteSegment[] {
  const text = withoutPrefix(template)
  const names = new Set<string>()
  const segments: RouteSegment[] = []
  let at = 0
  while (at < text.length) {
    if (text[at] === '/')
      throw new RouteTemplateError(
        'two slashes follow each other. Leave one out; a route needs no slash at its start',
      )
    const segment = readSegment(text, at, names)
    segments.push(segment.parts)
    at = segment.end + 1
  }
  for (const [index, parts] of segments.entries()) {
    if (isCatchAll(parts) && index !== segments.length - 1)
      throw new RouteTemplateError('a catch-all parameter must be its last segment')
  }
  return segments
}

/** Whether a segment takes the rest of the path. */
export function isCatchAll(segment: RouteSegment): boolean {
  return segment.some((part) => part.kind === 'parameter' && part.catchAll)
}

/** A template without its `/` or `~/`. */
export function withoutPrefix(template: string): string {
  if (template.startsWith('~/')) return template.slice(2)
  if (template.startsWith('~')) throw new RouteTemplateError("it begins with '~' without a slash after it")
  return template.startsWith('/') ? template.slice(1) : template
}

function readSegment(text: string, start: number, names: Set<string>): { parts: RouteSegment; end: number } {
  const parts: (RouteParameter | RouteText)[] = []
  let at = start
  while (at < text.length && text[at] !== '/') {
    const isParameter = text[at] === '{' && text[at + 1] !== '{'
    const end = isParameter ? parameterEnd(text, at) : literalEnd(text, at)
    const part = text.slice(at, end)
    parts.push(isParameter ? readParameter(part, names) : readLiteral(part))
    at = end
  }
  return { parts: checkSegment(parts, text.slice(start, at)), end: at }
}

const MISMATCHED = "a brace has no partner. Write '{{' or '}}' for a brace that is text"

/** Where a parameter ends; a doubled brace belongs to it. */
function parameterEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at]
    if (char === '{') {
      if (at + 1 === text.length) break
      if (text[at + 1] !== '{')
        throw new RouteTemplateError("a brace inside of a parameter must be doubled: '{{' and '}}'")
      at++
    } else if (char === '}') {
      if (text[at + 1] !== '}') return at + 1
      at++
    }
  }
  throw new RouteTemplateError(MISMATCHED)
}

function literalEnd(text: string, start: number): number {
  let at = start
  while (at < text.length && text[at] !== '/') {
    const char = text[at]
    if (char === '{' || char === '}') {
      if (text[at + 1] !== char) {
        if (char === '{' && at + 1 < text.length) return at
        throw new RouteTemplateError(MISMATCHED)
      }
      at++
    }
    at++
  }
  return at
}

function readLiteral(encoded: string): RouteText {
  const text = unescaped(encoded)
  if (text.includes('?')) throw new RouteTemplateError(`its text '${text}' contains a '?'`)
  return { kind: 'literal', text }
}

function readParameter(encoded: string, names: Set<string>): RouteParameter {
  const text = unescaped(encoded.slice(1, -1))
  const stars = /^\*{0,2}/.exec(text)?.[0] ?? ''
  const optional = text.endsWith('?')
  const inner = text.slice(stars.length, optional ? -1 : undefined)
  // The first character belongs to the name, whatever it is.
  const nameEnd = inner.slice(1).search(/[:=]/)
  const name = nameEnd < 0 ? inner : inner.slice(0, nameEnd + 1)
  const { constraints, fallback } = readConstraints(inner.slice(name.length))
  if (stars !== '' && optional)
    throw new RouteTemplateError(`its catch-all parameter '{${text}}' cannot be optional`)
  if (optional && fallback !== undefined)
    throw new RouteTemplateError(`its optional parameter '{${text}}' cannot have a default value`)
  if (name === '' || /[/{}?*]/.test(name))
    throw new RouteTemplateError(`'${name}' is not a name for a parameter, in '{${text}}'`)
  if (names.has(name.toLowerCase())) throw new RouteTemplateError(`its parameter '${name}' appears twice`)
  names.add(name.toLowerCase())
  return {
    kind: 'parameter',
    name,
    optional,
    catchAll: stars !== '',
    fallback,
    constraints: constraints.map(constraint),
  }
}

/** Reads `:int:regex(a:b)=7`: a colon or an equals sign inside of parentheses that are closed belongs to the constraint. */
function readConstraints(text: string): { constraints: string[]; fallback: string | undefined } {
  const constraints: string[] = []
  let at = 0
  while (text[at] === ':') {
    const start = ++at
    let inside = false
    for (; at < text.length; at++) {
      const char = text[at]
      if (char === '(') inside = true
      else if (inside && char === ')' && (at + 1 === text.length || /[:=]/.test(text[at + 1] ?? '')))
        inside = false
      else if ((char === ':' || char === '=') && !(inside && text.includes(')', at))) break
    }
    if (at > start) constraints.push(text.slice(start, at))
  }
  return { constraints, fallback: text[at] === '=' ? text.slice(at + 1) : undefined }
}

function checkSegment(parts: readonly (RouteParameter | RouteText)[], shown: string): RouteSegment {
  if (parts.length > 1 && isCatchAll(parts))
    throw new RouteTemplateError(`its segment '${shown}' has a catch-all parameter beside something else`)
  return parts.map((part, index) => {
    const before = parts[index - 1]
    const next = parts[index + 1]
    if (part.kind !== 'parameter') {
      const goesWithNext = next?.kind === 'parameter' && next.optional
      return goesWithNext ? { kind: 'separator', text: part.text } : part
    }
    if (part.optional && next !== undefined)
      throw new RouteTemplateError(
        `the optional parameter '${part.name}' must be at the end of its segment '${shown}'`,
      )
    if (before?.kind === 'parameter')
      throw new RouteTemplateError(
        `the parameters '${before.name}' and '${part.name}' stand side by side in '${shown}'. Put text between them`,
      )
    if (part.optional && before !== undefined && before.text !== '.')
      throw new RouteTemplateError(
        `only a dot may stand before the optional parameter '${part.name}', not '${before.text}', in '${shown}'`,
      )
    return part
  })
}

function unescaped(text: string): string {
  return text.replaceAll('}}', '}').replaceAll('{{', '{')
}
