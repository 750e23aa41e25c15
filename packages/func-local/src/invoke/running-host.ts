import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { InvokeAnswer, InvokeRequest } from '../http/invoke-endpoint.ts'
import { INVOKE_PATH } from '../http/invoke-path.ts'
import { UsageError } from '../usage-error.ts'

const OK = 200
const UNAUTHORIZED = 401
const TOO_LARGE = 413

/**
 * Asks a host that runs on a port of this machine; `undefined` when there is none, or it runs another app.
 *
 * @throws {UsageError} when it asks for a key that is not the given one, or the data is larger than it takes.
 */
export async function askRunningHost(
  port: number,
  asked: InvokeRequest,
  key: string | undefined,
): Promise<InvokeAnswer | undefined> {
  const body = JSON.stringify(asked)
  // HTTPS first: a host that serves it (--useHttps) warns of clients that do not, and one that does not hangs up without a word.
  // On this machine's own port its certificate is not checked, as HTTP has none.
  const secure = await post(httpsRequest, { rejectUnauthorized: false }, port, body, key).catch(
    () => undefined,
  )
  const answer = secure ?? (await post(httpRequest, {}, port, body, key))
  if (answer?.status === UNAUTHORIZED)
    throw new UsageError(
      `The host on port ${port} asks for a key. Give it with --key, or as FUNC_LOCAL_KEY of local.settings.json.`,
    )
  if (answer?.status === TOO_LARGE) throw new UsageError('The data is larger than a host takes (100 MiB).')
  return answer?.status === OK ? (JSON.parse(answer.body) as InvokeAnswer) : undefined
}

function post(
  request: typeof httpRequest | typeof httpsRequest,
  options: { readonly rejectUnauthorized?: boolean },
  port: number,
  body: string,
  key: string | undefined,
): Promise<{ readonly status: number; readonly body: string } | undefined> {
  return new Promise((resolve, reject) => {
    let isConnected = false
    const sent = request(
      {
        ...options,
        host: '127.0.0.1',
        port,
        path: INVOKE_PATH,
        method: 'POST',
        // A connection that is kept could be closed at the other end by now.
        agent: false,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          connection: 'close',
          ...(key === undefined ? {} : { 'x-functions-key': key }),
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })
        })
      },
    )
    sent.on('socket', (socket) => socket.once('connect', () => (isConnected = true)))
    sent.on('error', (error) => {
      // Nobody listens there, or somebody who does not speak HTTP.
      if (!isConnected || error.message.startsWith('Parse Error')) resolve(undefined)
      else reject(new UsageError(`The host on port ${port} went away (${error.message}).`))
    })
    sent.end(body)
  })
}
