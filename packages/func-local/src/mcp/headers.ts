/**
 * Headers that Kestrel knows have its spelling, whatever the client wrote; clients of Node.js write them in lower case.
 * https://github.com/dotnet/aspnetcore/blob/main/src/Servers/Kestrel/shared/KnownHeaders.cs
 */
const KNOWN = [
  'Accept', 'Accept-Charset', 'Accept-Encoding', 'Accept-Language', 'Access-Control-Request-Headers',
  'Access-Control-Request-Method', 'Authorization', 'Cache-Control', 'Connection', 'Content-Encoding',
  'Content-Language', 'Content-Length', 'Content-Type', 'Cookie', 'Date', 'Expect', 'From', 'Host', 'If-Match',
  'If-Modified-Since', 'If-None-Match', 'If-Range', 'If-Unmodified-Since', 'Keep-Alive', 'Max-Forwards', 'Origin',
  'Pragma', 'Proxy-Authorization', 'Range', 'Referer', 'Request-Id', 'TE', 'traceparent', 'tracestate', 'Trailer',
  'Transfer-Encoding', 'Upgrade', 'Upgrade-Insecure-Requests', 'User-Agent', 'Via', 'Warning',
] // prettier-ignore
const SPELLING = new Map(KNOWN.map((name) => [name.toLowerCase(), name]))

/** A request's headers as a function finds them in `transport.properties.headers`: repeated ones joined by commas. */
export function shownHeaders(rawHeaders: readonly string[]): Record<string, string> {
  const found = new Map<string, { readonly name: string; value: string }>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2)
    const key = name.toLowerCase()
    const known = found.get(key)
    if (known === undefined) found.set(key, { name: SPELLING.get(key) ?? name, value })
    else known.value += `,${value}`
  }
  return Object.fromEntries([...found.values()].map(({ name, value }) => [name, value]))
}
