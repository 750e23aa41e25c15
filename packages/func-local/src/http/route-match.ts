import {
  isCatchAll,
  parseRoute,
  type RouteParameter,
  type RouteSegment,
  type RouteText,
} from './route-template.ts'

/** A compiled route: finds the values of a path's parameters. */
export interface Route {
  /** The values when the path (decoded, with its leading slash) matches; else `undefined`. */
  readonly match: (path: string) => ReadonlyMap<string, string> | undefined
}

/** A parameter's value; `undefined` is what a catch-all without a path takes. */
type Values = Map<string, string | undefined>

/**
 * Compiles a route template.
 *
 * https://github.com/dotnet/aspnetcore/blob/main/src/Http/Routing/src/Patterns/RoutePatternMatcher.cs
 *
 * @throws {RouteTemplateError} when the template is malformed.
 */
export function compileRoute(template: string): Route {
  const segments = parseRoute(template)
  const parameters = segments.flat().filter((part) => part.kind === 'parameter')
  return {
    match: (path) => {
      const values = valuesOf(segments, path)
      if (values === undefined) return undefined
      for (const { name, fallback } of parameters) {
        if (fallback !== undefined && values.get(name) === undefined) values.set(name, fallback)
      }
      return parameters.every((parameter) => isAcceptable(parameter, values)) ? present(values) : undefined
    },
  }
}

function valuesOf(segments: readonly RouteSegment[], path: string): Values | undefined {
  const given = splitPath(path)
  const values: Values = new Map()
  for (const [index, { text, rest }] of given.entries()) {
    const segment = segments[index]
    if (segment === undefined || text === '') return undefined
    const [only] = segment
    if (segment.length > 1) {
      if (!matchComplex(segment, text, values)) return undefined
    } else if (only?.kind === 'parameter') {
      values.set(only.name, only.catchAll ? rest : text)
      if (only.catchAll) return values
    } else if (only?.text.toLowerCase() !== text.toLowerCase()) {
      return undefined
    }
  }
  for (const segment of segments.slice(given.length)) {
    const [only] = segment
    if (segment.length > 1 || only?.kind !== 'parameter') return undefined
    if (isCatchAll(segment)) values.set(only.name, undefined)
    else if (!only.optional && only.fallback === undefined) return undefined
  }
  return values
}

/** The segments of a path, each with what follows from it on; one slash at the end does not count. */
function splitPath(path: string): { text: string; rest: string }[] {
  const segments: { text: string; rest: string }[] = []
  let start = 1
  while (start < path.length) {
    const slash = path.indexOf('/', start)
    const end = slash < 0 ? path.length : slash
    segments.push({ text: path.slice(start, end), rest: path.slice(start) })
    start = end + 1
  }
  return segments
}

/** Matches several parts from the right: the text of a parameter goes as far left as it can. */
function matchComplex(segment: RouteSegment, text: string, values: Values): boolean {
  const last = segment.length - 1
  if (matchParts(segment, last, text, values)) return true
  const [before, tail] = segment.slice(-2)
  if (before?.kind !== 'separator' || tail?.kind !== 'parameter') return false
  // `{file}.{ext?}` without an extension.
  return !text.endsWith(before.text) && matchParts(segment, last - 2, text, values)
}

function matchParts(segment: RouteSegment, last: number, text: string, values: Values): boolean {
  const lower = text.toLowerCase()
  const found: Values = new Map()
  let end = text.length
  let pending: RouteParameter | undefined
  for (let index = last; index >= 0; index--) {
    const part: RouteParameter | RouteText | undefined = segment[index]
    if (part?.kind === 'parameter') {
      pending = part
      continue
    }
    const literal = part?.text.toLowerCase() ?? ''
    // A parameter takes at least one character.
    const limit = end - (pending === undefined ? 0 : 1) - literal.length
    const at = limit < 0 ? -1 : lower.lastIndexOf(literal, limit)
    if (at < 0 || (index === segment.length - 1 && at + literal.length !== text.length)) return false
    if (pending !== undefined) found.set(pending.name, text.slice(at + literal.length, end))
    pending = undefined
    end = at
  }
  if (pending !== undefined) {
    if (end === 0) return false
    found.set(pending.name, text.slice(0, end))
  } else if (end !== 0) {
    return false
  }
  for (const [name, value] of found) values.set(name, value)
  return true
}

function isAcceptable({ name, optional, constraints }: RouteParameter, values: Values): boolean {
  // Constraints of an optional parameter hold only for a value that is there.
  if (optional && !values.has(name)) return true
  return constraints.every((holds) => holds(values.get(name)))
}

function present(values: Values): ReadonlyMap<string, string> {
  return new Map(
    [...values].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  )
}
