import type { IncomingMessage, ServerResponse } from 'node:http'
import { isConsolePath } from '../console/messages.ts'
import { REQUESTS, type Log } from '../host/log.ts'

/** Which function served a request, as far as one did. */
export interface ServedBy {
  functionName?: string
  invocationId?: string
}

const LONGEST_PATH = 1000
/** What an open console asks for, every two seconds: shown with `--verbose`. */
const CONSOLE_REQUESTS = 'Host.Console'

/** Writes one line when a request has ended: `GET /api/hello 200 5 ms`. */
export function logRequest(
  log: Log,
  request: IncomingMessage,
  response: ServerResponse,
  servedBy: ServedBy,
): void {
  const started = performance.now()
  response.once('close', () => {
    const method = request.method ?? ''
    const path = pathOf(request.url ?? '')
    const status = response.headersSent ? response.statusCode : undefined
    const aborted = !response.writableFinished
    const milliseconds = Math.round(performance.now() - started)
    const outcome = [status, ...(aborted ? ['aborted'] : [])].join(' ').trim()
    const category = isConsolePath(path) ? CONSOLE_REQUESTS : REQUESTS
    log.write(category, 'information', `${method} ${path} ${outcome} ${milliseconds} ms`, {
      ...servedBy,
      request: { method, path, status, milliseconds, aborted },
    })
  })
}

/**
 * The path that is asked for, as it was sent, with escapes for what is no ASCII. The query and the fragment are left out, as the
 * real host leaves them out: they may hold a key (`?code=`), or another secret. So is a name with a password in front of the host.
 *
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.WebHost/Middleware/SystemTraceMiddleware.cs
 */
export function pathOf(target: string): string {
  const path = target
    .replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
    .replace(/[?#].*$/s, '')
    // Node.js gives one character for each byte.
    .replace(/[^!-~]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`)
  if (path.length > LONGEST_PATH) return `${path.slice(0, LONGEST_PATH)}...`
  return path === '' ? '/' : path
}
