import type { IncomingMessage, ServerResponse } from 'node:http'
import { isObject } from '../config/json-file.ts'
import type { Generation } from '../host/generation.ts'
import type { Log } from '../host/log.ts'
import type { WebhookOutcome } from '../registry.ts'
import { durableCall } from './durable-webhook.ts'
import type { Keys } from './keys.ts'
import { readWholeBody } from './json-request.ts'
import { isForeign } from './request-origin.ts'
import { queryOf, type RequestTarget } from './request-target.ts'
import { writeStatus } from './response.ts'
import { jsonIn } from '../json-text.ts'

/** What the webhooks of extensions need. */
export interface WebhookOptions {
  readonly generation: () => Promise<Pick<Generation, 'functions'>>
  readonly keys: Keys | undefined
  readonly log: Log
}

const STATUS = {
  ok: 200,
  accepted: 202,
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  internalError: 500,
} as const
const PREFIX = '/runtime/webhooks/'
const METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS']
const EVENT_GRID = 'eventgrid'
const BLOBS = 'blobs'
const DURABLE = 'durabletask'
// https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid/src/TriggerBinding/HttpRequestProcessor.cs
const PUBLIC_CLOUD = 'eventgrid.azure.net'
const CLOUDS = [
  PUBLIC_CLOUD,
  'eventgrid.azure.us',
  'eventgrid.azure.eaglex.ic.gov',
  'eventgrid.azure.microsoft.scloud',
  'eventgrid.azure.cn',
]

/**
 * Responds to what Azure sends to `/runtime/webhooks/<extension>`. The key is a system key, as for the admin API:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.WebHost/Controllers/HostController.cs (`ExtensionWebHookHandler`)
 */
export async function handleWebhook(
  { generation, keys, log }: WebhookOptions,
  request: IncomingMessage,
  response: ServerResponse,
  { path, search }: RequestTarget,
): Promise<void> {
  const [extension = '', ...rest] = path.slice(PREFIX.length).split('/')
  const kind = extension.toLowerCase()
  const refusal = refusalOf(kind, request, keys)
  if (refusal !== undefined) {
    request.resume()
    writeStatus(response, refusal)
    return
  }
  const body = await readWholeBody(request, response)
  if (body === undefined) return
  if (kind === DURABLE) {
    const { functions } = await generation()
    const answer = durableCall(request, rest.filter(Boolean), body, functions, log)
    writeText(response, answer.status, JSON.stringify(answer.body), 'application/json; charset=utf-8')
    return
  }
  const functionName = queryOf(search).get('functionName')?.at(-1) ?? ''
  const { status, text = '', headers = {} } = await deliver(kind, functionName, request, body)
  writeText(response, status, text, 'text/plain; charset=utf-8', headers)

  async function deliver(
    hook: string,
    name: string,
    { method, headers: given }: IncomingMessage,
    content: Buffer,
  ): Promise<WebhookOutcome & { readonly headers?: Record<string, string> }> {
    const { functions } = await generation()
    const found = functions.find(
      ({ disabled, listener }) =>
        !disabled && listener.webhook?.extension === hook && listener.webhook.functionName === name,
    )?.listener.webhook
    if (found === undefined && hook === EVENT_GRID)
      return { status: STATUS.notFound, text: `cannot find function: '${name}'` }
    if (method === 'OPTIONS') {
      const origin = String(given['webhook-request-origin'] ?? '')
      return {
        status: STATUS.ok,
        headers: { 'Webhook-Allowed-Origin': CLOUDS.includes(origin) ? origin : PUBLIC_CLOUD },
      }
    }
    const type = String(given['aeg-event-type'] ?? '').toLowerCase()
    if (type === 'unsubscribe') return { status: STATUS.accepted }
    if (type !== 'subscriptionvalidation' && type !== 'notification') return { status: STATUS.badRequest }
    const events = eventsIn(content)
    if (events === undefined) {
      log.error(
        `A request to ${PREFIX}${hook} has no events: its body must be an event or an array of events, as JSON.`,
      )
      return { status: STATUS.internalError }
    }
    if (type === 'subscriptionvalidation') {
      const code = validationCode(events[0])
      return code === undefined
        ? { status: STATUS.internalError }
        : { status: STATUS.ok, text: JSON.stringify({ validationResponse: code }) }
    }
    if (found === undefined) {
      log.warn(
        `Events for ${JSON.stringify(name)} are dropped: no blob trigger with the source 'EventGrid' has this name. It is Host.Functions.<name of the function>.`,
      )
      return { status: STATUS.accepted }
    }
    return await found.handle(events)
  }
}

function refusalOf(kind: string, request: IncomingMessage, keys: Keys | undefined): number | undefined {
  if (![EVENT_GRID, BLOBS, DURABLE].includes(kind) || !METHODS.includes(request.method ?? ''))
    return STATUS.notFound
  // A page in the browser could run functions otherwise.
  if (isForeign(request)) return STATUS.forbidden
  // The client of Durable Functions calls without a key, as it does on the real host's own port for it.
  if (kind === DURABLE) return undefined
  return keys?.allows(request, 'admin') === false ? STATUS.unauthorized : undefined
}

function eventsIn(body: Buffer): readonly unknown[] | undefined {
  const parsed = jsonIn(body)
  if (Array.isArray(parsed)) return parsed as readonly unknown[]
  return isObject(parsed) ? [parsed] : undefined
}

/** In a CloudEvent the data is a text that holds JSON. */
function validationCode(event: unknown): string | undefined {
  if (!isObject(event)) return undefined
  const given = event['data']
  const data = typeof given === 'string' ? jsonIn(given) : given
  const code = isObject(data) ? data['validationCode'] : undefined
  return typeof code === 'string' ? code : undefined
}

function writeText(
  response: ServerResponse,
  status: number,
  text: string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (text === '') {
    writeStatus(response, status, headers)
    return
  }
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}
