import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { HttpEndpoint } from '../registry.ts'

/** Who may call what, when the host was started with `--enableAuth`. */
export interface Keys {
  /** Whether a request may call an endpoint of this level. */
  readonly allows: (request: IncomingMessage, level: HttpEndpoint['authLevel']) => boolean
}

const KEY_BYTES = 32

/** A key as Azure makes them: random, safe in a URL. */
export function makeKey(): string {
  return randomBytes(KEY_BYTES).toString('base64url')
}

/**
 * Checks requests against one key, which counts as function, host and master key. The header beats the query:
 * https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
 */
export function createKeys(key: string): Keys {
  const expected = digest(key)
  return {
    allows: (request, level) => {
      if (level === 'anonymous') return true
      const header = request.headers['x-functions-key']
      const given = typeof header === 'string' ? header : codeOf(request.url ?? '')
      // Digests are of one length, so the comparison takes the same time whatever was given.
      return given !== undefined && timingSafeEqual(digest(given), expected)
    },
  }
}

function codeOf(target: string): string | undefined {
  const start = target.indexOf('?')
  if (start < 0) return undefined
  return new URLSearchParams(target.slice(start + 1)).get('code') ?? undefined
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
