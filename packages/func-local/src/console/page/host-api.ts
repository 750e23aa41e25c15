import type { InvokeAnswer, InvokeRequest } from '../../http/invoke-endpoint.ts'
import type { InvocationDetails, QueueLook, ShownQueue } from '../messages.ts'

const CONSOLE = '/admin/func-local/console'
const INVOKE = '/admin/func-local/invoke'
const KEY = 'func-local-key'
const UNAUTHORIZED = 401
const NOT_FOUND = 404

/** Text, or bytes in Base64. */
export type Data = NonNullable<InvokeRequest['data']>

/** The host asks for a key. */
export class KeyNeededError extends Error {}

/** The host did not do what it was asked for; the message says why. */
class HostError extends Error {}

/** Remembers the key of a host with `--enableAuth` for as long as the tab is open. */
export function useKey(key: string): void {
  sessionStorage.setItem(KEY, key)
}

/**
 * Asks the host.
 *
 * @throws {KeyNeededError}
 * @throws {HostError} when it cannot be reached, or refuses.
 */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  const key = sessionStorage.getItem(KEY)
  if (key !== null) headers.set('x-functions-key', key)
  let response: Response
  try {
    response = await fetch(path, { ...init, headers })
  } catch (error) {
    if (init.signal?.aborted === true) throw error
    throw new HostError('The host does not answer.', { cause: error })
  }
  if (response.status === UNAUTHORIZED) throw new KeyNeededError('The host asks for its key.')
  return response
}

/** The stream of events. */
export async function openStream(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const response = await ask(`${CONSOLE}/events`, { signal })
  if (!response.ok || response.body === null) throw refused(response)
  return response.body
}

/** Everything that is kept of an invocation; `undefined` when it is no longer kept. */
export async function invocation(id: string): Promise<InvocationDetails | undefined> {
  const response = await ask(`${CONSOLE}/invocation?id=${encodeURIComponent(id)}`)
  return response.status === NOT_FOUND ? undefined : ((await read(response)) as InvocationDetails)
}

/** The queues and how many messages they have. */
export async function queues(): Promise<readonly ShownQueue[]> {
  return (await read(await ask(`${CONSOLE}/queues`))) as readonly ShownQueue[]
}

/** The first messages of a queue, or of its poison queue. */
export async function look(queue: string, isPoison: boolean): Promise<QueueLook> {
  const query = new URLSearchParams({ queue, ...(isPoison ? { poison: '' } : {}) })
  return (await read(await ask(`${CONSOLE}/messages?${query.toString()}`))) as QueueLook
}

/** Puts a message on a queue. @throws {HostError} when storage did not take it. */
export async function sendMessage(queue: string, message: Data): Promise<void> {
  const answer = (await read(await post(`${CONSOLE}/messages`, { queue, message }))) as {
    readonly sent: boolean
    readonly reason?: string
  }
  if (!answer.sent) throw new HostError(answer.reason ?? 'The message was not sent.')
}

/** Calls a function. @throws {HostError} when it could not be called. */
export async function invoke(asked: InvokeRequest): Promise<InvokeAnswer & { readonly kind: 'result' }> {
  const answer = (await read(await post(INVOKE, { ...asked, hidesSecrets: true }))) as InvokeAnswer
  if (answer.kind === 'result') return answer
  throw new HostError(answer.kind === 'refused' ? answer.reason : 'The host gave the sample.')
}

function post(path: string, value: unknown): Promise<Response> {
  return ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  })
}

async function read(response: Response): Promise<unknown> {
  if (!response.ok) throw refused(response)
  return await response.json()
}

function refused({ status }: Response): HostError {
  return new HostError(
    status === 503
      ? 'Too many pages of the console are open. Close one.'
      : status === NOT_FOUND
        ? 'The app has changed; it has no such queue or function any more.'
        : `The host refused with status ${status}.`,
  )
}
