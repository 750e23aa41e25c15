import type { IncomingMessage, ServerResponse } from 'node:http'

/** Which origins browsers may call from. */
export interface CorsPolicy {
  readonly origins: readonly string[]
  readonly credentials: boolean
}

const NO_CONTENT = 204

/** Reads `--cors` or `Host.CORS`: origins with commas between; `undefined` when there are none. */
export function corsPolicy(text: string | undefined, credentials: boolean): CorsPolicy | undefined {
  const origins = (text ?? '')
    .split(/[,;\s]+/)
    .map((o) => o.replace(/\/$/, '').toLowerCase())
    .filter(Boolean)
  return origins.length === 0 ? undefined : { origins, credentials }
}

/**
 * Adds the CORS headers to a response, and responds to a preflight; `true` when the response has been sent.
 *
 * https://fetch.spec.whatwg.org/#http-cors-protocol; any header and any method is allowed, as Core Tools allows them:
 * https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
 */
export function applyCors(request: IncomingMessage, response: ServerResponse, policy: CorsPolicy): boolean {
  const { origin } = request.headers
  if (origin === undefined) return false
  const everyone = policy.origins.includes('*')
  const allowed = everyone || policy.origins.includes(origin.toLowerCase())
  if (!everyone) response.setHeader('Vary', 'Origin')
  if (allowed) {
    response.setHeader('Access-Control-Allow-Origin', everyone ? '*' : origin)
    // Browsers refuse credentials together with `*`.
    if (policy.credentials && !everyone) response.setHeader('Access-Control-Allow-Credentials', 'true')
  }
  const method = request.headers['access-control-request-method']
  if (request.method !== 'OPTIONS' || method === undefined) return false
  if (allowed) {
    response.setHeader('Access-Control-Allow-Methods', method)
    const headers = request.headers['access-control-request-headers']
    if (headers !== undefined) response.setHeader('Access-Control-Allow-Headers', headers)
  }
  request.resume()
  response.writeHead(NO_CONTENT).end()
  return true
}
