import type { IncomingMessage, ServerResponse } from 'node:http'
import { BodyTooLargeError, DEFAULT_BODY_LIMIT, readBody } from './request.ts'
import { isForeign } from './request-origin.ts'
import { writeStatus } from './response.ts'

const FORBIDDEN = 403
const TOO_LARGE = 413
const UNSUPPORTED_TYPE = 415

/**
 * Reads the body of a request that runs something in this host; `undefined` when it did not come or is refused, and the client
 * has been told why. A page in the browser could run functions otherwise: without a JSON type the browser sends no preflight
 * (CORS).
 */
export async function readJsonRequest(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Buffer | undefined> {
  const refused = isForeign(request)
    ? FORBIDDEN
    : isJsonType(request.headers['content-type'])
      ? undefined
      : UNSUPPORTED_TYPE
  if (refused !== undefined) {
    request.resume()
    writeStatus(response, refused)
    return undefined
  }
  return await readWholeBody(request, response)
}

/** Reads a body; `undefined` when it did not come or is too large, and the client has been told so. */
export async function readWholeBody(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Buffer | undefined> {
  try {
    return await readBody(request, DEFAULT_BODY_LIMIT)
  } catch (error) {
    if (error instanceof BodyTooLargeError) writeStatus(response, TOO_LARGE)
    return undefined
  }
}

function isJsonType(type: string | undefined): boolean {
  return /^\s*(?:application|text)\/(?:[^;\s]+\+)?json\s*(?:;|$)/i.test(type ?? '')
}
