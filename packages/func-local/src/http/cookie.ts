import type { RpcHttpCookie } from '../protocol.ts'

/** A cookie that cannot be written; the real host responds with 500. */
export class InvalidCookieError extends Error {}

// RFC 6265 §4.1.1: the name is a token.
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]*$/

/**
 * The `Set-Cookie` value of a cookie, written as ASP.NET Core writes it for the real host: attribute names in lower
 * case, in this order, `path=/` when none is given, and a value percent-encoded.
 *
 * https://github.com/dotnet/aspnetcore/blob/main/src/Http/Headers/src/SetCookieHeaderValue.cs
 *
 * @throws {InvalidCookieError} when its name is not one for a cookie.
 */
export function setCookieHeader(cookie: RpcHttpCookie): string {
  const name = cookie.name ?? ''
  if (!TOKEN.test(name))
    throw new InvalidCookieError(
      `The name of its cookie '${name}' has a character that is not allowed in one.`,
    )
  const parts = [`${name}=${encodeURIComponent(cookie.value ?? '')}`]
  const seconds = cookie.expires?.value?.seconds
  if (seconds !== undefined) parts.push(`expires=${new Date(seconds * 1000).toUTCString()}`)
  const maxAge = cookie.maxAge?.value
  if (maxAge !== undefined) parts.push(`max-age=${Math.trunc(maxAge)}`)
  const domain = cookie.domain?.value
  if (domain !== undefined && domain !== '') parts.push(`domain=${domain}`)
  parts.push(`path=${cookie.path?.value ?? '/'}`)
  if (cookie.secure?.value === true) parts.push('secure')
  if (cookie.sameSite === 'lax' || cookie.sameSite === 'strict') parts.push(`samesite=${cookie.sameSite}`)
  if (cookie.sameSite === 'explicitNone') parts.push('samesite=none')
  if (cookie.httpOnly?.value === true) parts.push('httponly')
  return parts.join('; ')
}
