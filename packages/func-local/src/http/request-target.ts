/** What a request asks for: its path and its query. */
export interface RequestTarget {
  /** Decoded but for `%2F`, without dot segments; it begins with a slash. */
  readonly path: string
  /** As it was sent, with its question mark; empty when there is none. */
  readonly search: string
}

/** A target that the real host's server refuses with 400. */
export class BadTargetError extends Error {}

/**
 * Reads the target of a request line as Kestrel does: `%2F` stays, other escapes are decoded where they are UTF-8, then dot
 * segments are removed.
 *
 * https://github.com/dotnet/aspnetcore/blob/main/src/Servers/Kestrel/Core/src/Internal/Http/Http1Connection.cs
 *
 * @throws {BadTargetError} for a fragment, a NUL or a character that must be escaped.
 */
export function parseTarget(target: string): RequestTarget {
  // An absolute target (RFC 9112 §3.2.2) is reduced to its path.
  const relative = target.replace(/^https?:\/\/[^/?#]*/i, '')
  const start = relative.indexOf('?')
  const raw = start < 0 ? relative : relative.slice(0, start)
  if (/[^\0-\x7f]|#/.test(relative)) throw new BadTargetError()
  const decoded = decodeEscapes(raw, (char) => {
    if (char === '\0') throw new BadTargetError()
    return char !== '/'
  })
  return {
    path: withoutDotSegments(decoded.startsWith('/') ? decoded : `/${decoded}`),
    search: start < 0 ? '' : relative.slice(start),
  }
}

/** Query values by name in the order of their names' first appearance, names case-insensitive. */
export function queryOf(search: string): ReadonlyMap<string, readonly string[]> {
  const query = new Map<string, { name: string; values: string[] }>()
  for (const pair of search.replace(/^\?/, '').split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeQuery(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decodeQuery(pair.slice(equals + 1))
    const entry = query.get(name.toLowerCase()) ?? { name, values: [] }
    // The name is the one that was written last: ASP.NET Core replaces the entry.
    entry.name = name
    entry.values.push(value)
    query.set(name.toLowerCase(), entry)
  }
  return new Map([...query.values()].map(({ name, values }) => [name, values]))
}

function decodeQuery(text: string): string {
  return decodeEscapes(text.replaceAll('+', ' '), () => true)
}

/** Decodes runs of escapes that are valid UTF-8, unless a character is to stay; everything else is left as it is. */
function decodeEscapes(text: string, isDecoded: (char: string) => boolean): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    let result = ''
    for (let at = 0; at < run.length;) {
      const length = 3 * sequenceLength(Number.parseInt(run.slice(at + 1, at + 3), 16))
      const escaped = run.slice(at, at + length)
      const char = escaped.length === length ? decoded(escaped) : undefined
      const stays = char === undefined || !isDecoded(char)
      result += stays ? run.slice(at, at + 3) : char
      at += stays ? 3 : length
    }
    return result
  })
}

function sequenceLength(byte: number): number {
  if (byte >= 0xf0) return 4
  if (byte >= 0xe0) return 3
  return byte >= 0xc0 ? 2 : 1
}

function decoded(escaped: string): string | undefined {
  try {
    return decodeURIComponent(escaped)
  } catch {
    return undefined
  }
}

/** RFC 3986 §5.2.4 */
function withoutDotSegments(path: string): string {
  if (!/\/\.{1,2}(?:\/|$)/.test(path)) return path
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..'
    if (segment === '..') kept.pop()
    if (!isDots) kept.push(segment)
    else if (index === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}

// RFC 3986 §3.3: what may stand in a path as it is.
const NOT_IN_A_PATH = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/u

/** A path as ASP.NET Core writes it into the URL it shows: escapes that stayed are not escaped again. */
export function shownPath(path: string): string {
  return path.replace(/%[0-9a-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/giu, (text) =>
    text.length === 3 && text.startsWith('%') ? text : encode(text),
  )
}

/** Path and query as the real host's proxy forwards them to a worker that streams: every percent sign of the path is text. */
export function forwardedTarget({ path, search }: RequestTarget): string {
  const escaped = path.replace(new RegExp(NOT_IN_A_PATH, 'gu'), encode)
  return escaped + search.replace(/%(?![0-9a-f]{2})/gi, '%25')
}

function encode(char: string): string {
  return encodeURIComponent(char.isWellFormed() ? char : '\ufffd')
}
