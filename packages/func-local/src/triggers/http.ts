import { randomUUID } from 'node:crypto'
import { METHODS, type IncomingMessage, type ServerResponse } from 'node:http'
import { namesIn } from '../binding-expression.ts'
import { ConfigurationError, isObject } from '../config/json-file.ts'
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
import { customHeaders, routePrefix } from '../http/http-options.ts'
import {
  BodyTooLargeError,
  DEFAULT_BODY_LIMIT,
  readBody,
  RequestAbortedError,
  toRpcHttp,
  type FunctionRequest,
} from '../http/request.ts'
import { queryOf } from '../http/request-target.ts'
import { writeResponse, writeStatus } from '../http/response.ts'
import { requestByHand, sampleRequest } from '../http/request-by-hand.ts'
import { compileRoute, type Route } from '../http/route-match.ts'
import { RouteTemplateError, withoutPrefix } from '../http/route-template.ts'
import { streamCall } from '../http/stream-proxy.ts'
import type { TypedData } from '../protocol.ts'
import type { BoundEndpoint, HttpEndpoint, TriggerContext, TriggerEvent, TriggerType } from '../registry.ts'
import { jsonIn } from '../json-text.ts'

/** The line the real host logs for HTTP calls and calls of the admin API. */
export const CALLED_VIA_HOST = 'This function was programmatically called via the host APIs.'

const RESERVED = ['admin', 'runtime']
const TOO_MANY_REQUESTS = 429
const PAYLOAD_TOO_LARGE = 413
const INTERNAL_ERROR = 500

/** The HTTP trigger: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger */
export const httpTrigger: TriggerType = {
  type: 'httpTrigger',
  supportsRetry: false,
  bind: (context) => {
    const { fn, services } = context
    const methods = methodsOf(fn.trigger)
    const authLevel = authLevelOf(fn.trigger)
    const own = ownRoute(fn)
    const template = withRoutePrefix(own, services.hostConfig)
    refuseConflict({ template, methods }, context.bound)
    const route = compile(fn, own, template)
    const headers = Object.entries(customHeaders(services.hostConfig))
    const call = createCall(context)
    const endpoint: HttpEndpoint = {
      methods,
      template,
      route: withoutPrefix(template),
      authLevel,
      match: route.match,
      handle: async (request, response) => {
        for (const [name, value] of headers) response.setHeader(name, value)
        if (await context.throttle.run(() => call(request, response))) return
        request.message.resume()
        writeStatus(response, TOO_MANY_REQUESTS)
      },
    }
    return {
      start: () => undefined,
      stop: () => Promise.resolve(),
      endpoint,
      byHand: {
        kind: 'request',
        sample: () => JSON.stringify(sampleRequest(endpoint)),
        request: (data) => requestByHand(endpoint, data),
      },
      adminEvent: () => {
        throw new BindingError(
          `an HTTP function needs a request, and the admin API has none. Call its URL: /${endpoint.route}.`,
        )
      },
    }
  },
}

function methodsOf(trigger: NamedBinding): string[] | undefined {
  const given = propertyOf(trigger, 'methods')
  if (given === undefined || given === null) return undefined
  if (!Array.isArray(given) || !given.every((m) => typeof m === 'string')) {
    throw new BindingError("'methods' of its HTTP trigger must be an array of texts.")
  }
  const methods = given.map((method) => method.toUpperCase())
  const unknown = methods.find((method) => !METHODS.includes(method))
  if (unknown !== undefined) {
    throw new BindingError(
      `Node.js cannot receive requests of the method '${unknown}'. Take it out of 'methods'.`,
    )
  }
  return methods
}

function authLevelOf(trigger: NamedBinding): HttpEndpoint['authLevel'] {
  const level = (textOf(trigger, 'authLevel') ?? 'function').toLowerCase()
  // `system` asks for a key of the host, as `admin` does.
  if (level === 'system') return 'admin'
  if (level === 'anonymous' || level === 'function' || level === 'admin') return level
  throw new BindingError(
    `'authLevel' of its HTTP trigger is '${level}'; it must be 'anonymous', 'function' or 'admin'.`,
  )
}

/** The function's own route, or its name. */
function ownRoute(fn: FunctionDefinition): string {
  const given = textOf(fn.trigger, 'route') ?? ''
  const own = given.trim() === '' ? fn.name : given
  const plain = own.replace(/^\/+/, '').toLowerCase()
  const reserved = RESERVED.find((word) => plain.startsWith(word))
  if (reserved !== undefined) {
    throw new BindingError(
      `Its route '${own}' begins with '${reserved}', which is reserved for the host. Choose another.`,
    )
  }
  return own
}

/** The whole route: the prefix of `host.json`, then the function's own route. */
function withRoutePrefix(own: string, hostConfig: HostConfig): string {
  const prefix = routePrefix(hostConfig)
  return prefix === '' ? own : `${prefix}/${own}`
}

/** Two functions with the same route and a method in common: the real host runs the first of them only. */
function refuseConflict(
  { template, methods }: Pick<HttpEndpoint, 'template' | 'methods'>,
  bound: readonly BoundEndpoint[],
): void {
  const key = conflictKey(template)
  const other = bound.find(
    ({ endpoint }) => conflictKey(endpoint.template) === key && haveCommon(methods, endpoint.methods),
  )
  if (other === undefined) return
  throw new BindingError(
    `Its route conflicts with the route of the function '${other.name}': '${template}'. Give one of them another route or other methods.`,
  )
}

function conflictKey(template: string): string {
  return template.replace(/^\/+|\/+$/g, '').toLowerCase()
}

function haveCommon(some: readonly string[] | undefined, others: readonly string[] | undefined): boolean {
  return some === undefined || others === undefined || some.some((method) => others.includes(method))
}

/** @throws {ConfigurationError} when the real host would not start with this route. */
function compile(fn: FunctionDefinition, own: string, template: string): Route {
  try {
    return compileRoute(template)
  } catch (error) {
    if (!(error instanceof RouteTemplateError)) throw error
    const shown = own === template ? `'${own}'` : `'${own}' (with the route prefix: '${template}')`
    throw new ConfigurationError(
      `Function '${fn.name}': its route ${shown} is not valid: ${error.message}. The host does not start with it.`,
    )
  }
}

type Call = (request: FunctionRequest, response: ServerResponse) => Promise<void>

function createCall(context: TriggerContext): Call {
  const { HttpUri: httpUri } = context.capabilities
  if (httpUri !== undefined) return (request, response) => stream(context, httpUri, request, response)
  let hasWarned = false
  return (request, response) =>
    answer(context, request, response, () => {
      if (hasWarned) return
      hasWarned = true
      context.services.log.warn(
        `Function '${context.fn.name}' received a body without Content-Length (chunked). In Azure it would be empty: send a Content-Length, or turn on HTTP streaming with app.setup({ enableHttpStream: true }).`,
      )
    })
}

async function stream(
  { fn, services, invoke }: TriggerContext,
  httpUri: string,
  request: FunctionRequest,
  response: ServerResponse,
): Promise<void> {
  const limit = bodyLimit(services.settings.get('FUNCTIONS_REQUEST_BODY_SIZE_LIMIT'))
  const invocationId = randomUUID()
  let body: Buffer | undefined
  if (needsBody(fn, request)) {
    body = await receive(request.message, response, limit)
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
    invoke: () => invoke({ ...streamEvent(request, body, invocationId), ...request.extra }),
  })
}

async function answer(
  { fn, services, invoke }: TriggerContext,
  request: FunctionRequest,
  response: ServerResponse,
  onChunked: () => void,
): Promise<void> {
  const limit = bodyLimit(services.settings.get('FUNCTIONS_REQUEST_BODY_SIZE_LIMIT'))
  const body = await receive(request.message, response, limit)
  if (body === undefined) return
  if (body.length > 0 && request.message.headers['content-length'] === undefined) onChunked()
  const outcome = await invoke({ ...requestEvent(request, body), ...request.extra })
  if (!outcome.ok) {
    writeStatus(response, INTERNAL_ERROR)
    return
  }
  const output = fn.outputs.find(({ type }) => type.toLowerCase() === 'http')
  const problem = writeResponse(
    response,
    output === undefined ? undefined : outputValue(outcome.response, output.name),
  )
  if (problem !== undefined) services.log.error(`The response of function 'Functions.${fn.name}': ${problem}`)
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
 * Whether the host has to read the body before it goes on to the worker: a binding names something that only the body can
 * have, or its properties become parameters. The real host reads every body that has a Content-Length.
 */
function needsBody(fn: FunctionDefinition, { message, params }: FunctionRequest): boolean {
  if (Number(message.headers['content-length'] ?? 0) === 0) return false
  if (/\bjson\b/i.test(message.headers['content-type'] ?? '')) return true
  const given = [...params.keys()].map((name) => name.toLowerCase())
  return [...fn.inputs, ...fn.outputs]
    .flatMap((binding) => Object.values(binding))
    .flatMap((value) => (typeof value === 'string' ? namesIn(value) : []))
    .some((name) => !NOT_OF_THE_BODY.test(name) && !given.includes(name.toLowerCase()))
}

/** With streaming, the worker gets the body and the URL over HTTP; headers and route values come with the invocation. */
function streamEvent(request: FunctionRequest, body: Buffer | undefined, invocationId: string): TriggerEvent {
  const query = lastValues(request)
  const headers = Object.fromEntries(request.headers)
  const values = merged([scalarsOf(body), queryProperties(query), request.params])
  return {
    ...commonEvent(request, body),
    data: { http: {} },
    metadata: {
      ...Object.fromEntries(
        [...values].map(([name, value]): [string, TypedData] => [name, { string: value }]),
      ),
      Headers: { json: JSON.stringify(headers) },
      Query: { json: JSON.stringify(Object.fromEntries(query)) },
    },
    invocationId,
  }
}

function requestEvent(request: FunctionRequest, body: Buffer): TriggerEvent {
  return {
    ...commonEvent(request, body),
    data: { http: toRpcHttp(request, body) },
    metadata: {},
  }
}

function commonEvent(
  request: FunctionRequest,
  body: Buffer | undefined,
): Pick<TriggerEvent, 'bindingData' | 'reason' | 'trace'> {
  return {
    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#json-payloads and, for what
    // overrides what,
    // https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions.Http/HttpTriggerAttributeBindingProvider.cs
    bindingData: () => {
      const query = lastValues(request)
      const values = merged<unknown>([propertiesOf(body), queryProperties(query), request.params])
      return {
        ...Object.fromEntries(values),
        query: Object.fromEntries(query),
        headers: Object.fromEntries(request.headers),
      }
    },
    reason: CALLED_VIA_HOST,
    trace: traceContext(request.headers.get('traceparent'), request.headers.get('tracestate')),
  }
}

/** Query values by name; of several the last one counts here. */
function lastValues({ target }: FunctionRequest): ReadonlyMap<string, string> {
  return new Map([...queryOf(target.search)].map(([name, values]) => [name, values.at(-1) ?? '']))
}

/** Query parameters can be named without `query.` too, but not the key. */
function queryProperties(query: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...query].filter(([name]) => name.toLowerCase() !== 'code'))
}

/** Later values replace earlier ones; names are case-insensitive, and keep their first spelling. */
function merged<T>(sources: readonly ReadonlyMap<string, T>[]): ReadonlyMap<string, T> {
  const result = new Map<string, [name: string, value: T]>()
  for (const [name, value] of sources.flatMap((source) => [...source])) {
    const key = name.toLowerCase()
    result.set(key, [result.get(key)?.[0] ?? name, value])
  }
  return new Map(result.values())
}

/** The top-level properties of a JSON body, whatever its content type says. */
function propertiesOf(body: Buffer | undefined): ReadonlyMap<string, unknown> {
  const parsed = body && jsonIn(body)
  return new Map(isObject(parsed) ? Object.entries(parsed) : [])
}

/** Of them the scalar ones, as the text that .NET writes. */
function scalarsOf(body: Buffer | undefined): ReadonlyMap<string, string> {
  const texts = [...propertiesOf(body)].map(([name, value]): [string, string | undefined] => {
    if (typeof value === 'boolean') return [name, value ? 'True' : 'False']
    return [name, typeof value === 'string' || typeof value === 'number' ? String(value) : undefined]
  })
  return new Map(texts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])))
}

/** https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit */
export function bodyLimit(setting: string | undefined): number {
  const limit = Number(setting)
  return setting !== undefined && setting.trim() !== '' && Number.isInteger(limit) && limit >= 0
    ? limit
    : DEFAULT_BODY_LIMIT
}
