import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { namesIn } from '../binding-expression.ts'
import { text, textRecord } from '../config/value-schemas.ts'
import { isObject } from '../config/json-file.ts'
import type { HostConfig } from '../config/host-config.ts'
import {
  BindingError,
  propertyOf,
  textOf,
  type FunctionDefinition,
  type NamedBinding,
} from '../host/function.ts'
import { outputValue } from '../host/invoker.ts'
import { traceContext } from '../host/trace-context.ts'
import {
  BodyTooLargeError,
  headersOf,
  queryOf,
  readBody,
  RequestAbortedError,
  toRpcHttp,
} from '../http/request.ts'
import { writeAnswer, writeStatus } from '../http/response.ts'
import { compileRoute } from '../http/route-template.ts'
import { postInput, streamCall } from '../http/stream-proxy.ts'
import type { TypedData } from '../protocol.ts'
import type { HttpEndpoint, TriggerContext, TriggerEvent, TriggerType } from '../registry.ts'

/** The line the real host logs for HTTP calls and calls of the admin API. */
export const CALLED_VIA_HOST = 'This function was programmatically called via the host APIs.'

const DEFAULT_PREFIX = 'api'
const DEFAULT_BODY_LIMIT = 104_857_600
const RESERVED = ['admin', 'runtime']
const PAYLOAD_TOO_LARGE = 413
const INTERNAL_ERROR = 500

/** The HTTP trigger: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger */
export const httpTrigger: TriggerType = {
  type: 'httpTrigger',
  supportsRetry: false,
  bind: (context) => {
    const { fn } = context
    const { trigger } = fn
    const route = routeOf(fn, context.services.hostConfig)
    const template = compileRoute(route)
    const customHeaders = Object.entries(httpOptions(context.services.hostConfig).customHeaders ?? {})
    const endpoint: HttpEndpoint = {
      methods: methodsOf(trigger),
      route,
      authLevel: authLevelOf(trigger),
      match: template.match,
      handle: (request, response, params) => {
        for (const [name, value] of customHeaders) response.setHeader(name, value)
        return handle(context, request, response, params)
      },
    }
    const { HttpUri: httpUri } = context.capabilities
    return {
      ...(httpUri === undefined
        ? {}
        : { adminRun: (input: string) => adminRun(context, httpUri, route, input) }),
      start: () => undefined,
      stop: () => Promise.resolve(),
      endpoint,
      adminEvent: (input) => ({
        data: {
          http: { method: 'POST', url: `http://localhost/${route}`, body: { bytes: Buffer.from(input) } },
        },
        metadata: {},
        bindingData: () => bodyProperties(Buffer.from(input)),
        reason: CALLED_VIA_HOST,
      }),
    }
  },
}

/** With streaming, also a call of the admin API has to reach the worker as an HTTP request. */
function adminRun(
  { invoke }: TriggerContext,
  httpUri: string,
  route: string,
  input: string,
): Promise<unknown> {
  const invocationId = randomUUID()
  postInput(httpUri, `/${route}`, invocationId, input)
  return invoke({
    data: { http: {} },
    metadata: {},
    bindingData: () => bodyProperties(Buffer.from(input)),
    reason: CALLED_VIA_HOST,
    invocationId,
  })
}

function methodsOf(trigger: NamedBinding): string[] {
  const methods = propertyOf(trigger, 'methods')
  if (methods === undefined || methods === null) return []
  if (!Array.isArray(methods) || !methods.every((m) => typeof m === 'string')) {
    throw new BindingError("'methods' of its HTTP trigger must be an array of texts.")
  }
  return methods.map((method) => method.toUpperCase())
}

function authLevelOf(trigger: NamedBinding): HttpEndpoint['authLevel'] {
  const level = (textOf(trigger, 'authLevel') ?? 'function').toLowerCase()
  if (level === 'anonymous' || level === 'function' || level === 'admin') return level
  throw new BindingError(
    `'authLevel' of its HTTP trigger is '${level}'; it must be 'anonymous', 'function' or 'admin'.`,
  )
}

/** The whole route: prefix of `host.json`, then the function's own route or its name. */
function routeOf(fn: FunctionDefinition, hostConfig: HostConfig): string {
  const own = (textOf(fn.trigger, 'route') ?? fn.name).replace(/^\/+/, '')
  const first = own.split('/')[0]?.toLowerCase() ?? ''
  if (RESERVED.includes(first)) {
    throw new BindingError(
      `Its route '${own}' begins with '${first}', which is reserved for the host. Choose another.`,
    )
  }
  const prefix = routePrefix(hostConfig)
  return prefix === '' ? own : `${prefix}/${own}`
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook#hostjson-settings */
function httpOptions(hostConfig: HostConfig): {
  routePrefix?: string
  customHeaders?: Record<string, string>
} {
  const ignored = ['maxOutstandingRequests', 'maxConcurrentRequests', 'dynamicThrottlesEnabled', 'hsts']
  return hostConfig.section('extensions.http', { routePrefix: text(), customHeaders: textRecord() }, ignored)
}

function routePrefix(hostConfig: HostConfig): string {
  return (httpOptions(hostConfig).routePrefix ?? DEFAULT_PREFIX).replace(/^\/+|\/+$/g, '')
}

async function handle(
  { fn, services, capabilities, invoke }: TriggerContext,
  request: IncomingMessage,
  response: ServerResponse,
  params: Readonly<Record<string, string>>,
): Promise<void> {
  const limit = bodyLimit(services.settings.get('FUNCTIONS_REQUEST_BODY_SIZE_LIMIT'))
  const { HttpUri: httpUri } = capabilities
  if (httpUri !== undefined) {
    const invocationId = randomUUID()
    let body: Buffer | undefined
    if (needsBody(fn, request, params)) {
      body = await receive(request, response, limit)
      if (body === undefined) return
    }
    await streamCall({
      request,
      response,
      httpUri,
      invocationId,
      bodyLimit: limit,
      body,
      hasOutputs: fn.outputs.some(({ type }) => type.toLowerCase() !== 'http'),
      invoke: () => invoke(streamEvent(request, params, body, invocationId)),
    })
    return
  }
  const body = await receive(request, response, limit)
  if (body === undefined) return
  const outcome = await invoke(requestEvent(request, params, body))
  if (!outcome.ok) {
    writeStatus(response, INTERNAL_ERROR)
    return
  }
  const output = fn.outputs.find(({ type }) => type.toLowerCase() === 'http')
  writeAnswer(response, output === undefined ? undefined : outputValue(outcome.response, output.name))
}

/** Reads a body whole; `undefined` when it did not come, and the client has been told why. */
async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
): Promise<Buffer | undefined> {
  try {
    return await readBody(request, limit)
  } catch (error) {
    if (error instanceof BodyTooLargeError) writeStatus(response, PAYLOAD_TOO_LARGE)
    else if (!(error instanceof RequestAbortedError)) throw error
    return undefined
  }
}

const NOT_OF_THE_BODY = /^(?:query|headers|sys)\.|^(?:rand-guid|datetime)$/i

/**
 * Whether a binding of the function names something that only the body can have. Then the host has to read the body, as
 * the real host reads every body with a Content-Length, before it goes on to the worker.
 */
function needsBody(
  fn: FunctionDefinition,
  request: IncomingMessage,
  params: Readonly<Record<string, string>>,
): boolean {
  if (Number(request.headers['content-length'] ?? 0) === 0) return false
  const given = Object.keys(params).map((name) => name.toLowerCase())
  return [...fn.inputs, ...fn.outputs]
    .flatMap((binding) => Object.values(binding))
    .flatMap((value) => (typeof value === 'string' ? namesIn(value) : []))
    .some((name) => !NOT_OF_THE_BODY.test(name) && !given.includes(name.toLowerCase()))
}

/** With streaming, the worker gets the body and the URL over HTTP; headers and route values come with the invocation. */
function streamEvent(
  request: IncomingMessage,
  params: Readonly<Record<string, string>>,
  body: Buffer | undefined,
  invocationId: string,
): TriggerEvent {
  const headers = headersOf(request)
  const query = queryOf(request.url ?? '/')
  const metadata: Record<string, TypedData> = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, { string: value }]),
  )
  return {
    ...commonEvent(request, () => ({
      ...(body === undefined ? {} : bodyProperties(body)),
      ...queryProperties(query),
      ...params,
      query,
      headers,
    })),
    data: { http: {} },
    metadata: {
      ...metadata,
      Headers: { json: JSON.stringify(headers) },
      Query: { json: JSON.stringify(query) },
    },
    invocationId,
  }
}

function requestEvent(
  request: IncomingMessage,
  params: Readonly<Record<string, string>>,
  body: Buffer,
): TriggerEvent {
  const query = queryOf(request.url ?? '/')
  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#json-payloads and, for what
  // overrides what,
  // https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions.Http/HttpTriggerAttributeBindingProvider.cs
  const bindingData = (): Readonly<Record<string, unknown>> => ({
    ...bodyProperties(body),
    ...queryProperties(query),
    ...params,
    query,
    headers: headersOf(request),
  })
  return {
    ...commonEvent(request, bindingData),
    data: { http: toRpcHttp(request, params, body) },
    metadata: {},
  }
}

function commonEvent(
  request: IncomingMessage,
  bindingData: TriggerEvent['bindingData'],
): Pick<TriggerEvent, 'bindingData' | 'reason' | 'trace'> {
  return {
    bindingData,
    reason: CALLED_VIA_HOST,
    trace: traceContext(header(request, 'traceparent'), header(request, 'tracestate')),
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

/** Query parameters can be named without `query.` too, but not the key. */
function queryProperties(query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(query).filter(([name]) => name.toLowerCase() !== 'code'))
}

/** The top-level properties of a JSON body, whatever its content type says. */
function bodyProperties(body: Buffer): Readonly<Record<string, unknown>> {
  if (body.length === 0) return {}
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    return isObject(parsed) ? parsed : {}
  } catch {
    return {}
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit */
export function bodyLimit(setting: string | undefined): number {
  const limit = Number(setting)
  return setting !== undefined && setting.trim() !== '' && Number.isInteger(limit) && limit >= 0
    ? limit
    : DEFAULT_BODY_LIMIT
}
