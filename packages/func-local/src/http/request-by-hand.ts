import { isObject } from '../config/json-file.ts'
import { BindingError } from '../host/function.ts'
import type { HandRequest, HttpEndpoint } from '../registry.ts'
import { joined } from './request.ts'
import { parseRoute, type RouteParameter } from './route-template.ts'
import { jsonIn } from '../json-text.ts'

/** A request as a caller by hand describes it; everything may be left out. */
interface DescribedRequest {
  readonly method?: unknown
  /** Values of the route's parameters. */
  readonly params?: unknown
  /** A value is a text, or an array where the name comes several times; of headers, too. */
  readonly query?: unknown
  readonly headers?: unknown
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown
}

const KEYS = ['method', 'params', 'query', 'headers', 'body']
const WITHOUT_BODY = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE']
/** Values of which some constraint may take one. */
const CANDIDATES = [
  'sample',
  '1',
  'true',
  '2026-01-01',
  '00000000-0000-0000-0000-000000000001',
  'a',
  'sample.txt',
]

/** A request that the endpoint takes. */
export function sampleRequest(endpoint: HttpEndpoint): Readonly<Record<string, unknown>> {
  const { methods } = endpoint
  const method = methods === undefined || methods.includes('GET') ? 'GET' : (methods[0] ?? 'GET')
  const names = parametersOf(endpoint).map(({ name }) => name)
  const values = samplePath(endpoint, new Map())?.values ?? new Map<string, string>()
  const params = Object.fromEntries(
    names.flatMap((name) => (values.has(name) ? [[name, values.get(name)]] : [])),
  )
  return {
    method,
    ...(names.length > 0 ? { params } : {}),
    ...(WITHOUT_BODY.includes(method) ? {} : { body: { name: 'sample' } }),
  }
}

/**
 * Makes a request of data: a JSON object with none but the keys `method`, `params`, `query`, `headers` and `body` describes it,
 * any other data is its body.
 *
 * @throws {BindingError} when a parameter of the route has no value that it takes.
 */
export function requestByHand(endpoint: HttpEndpoint, data: Buffer): HandRequest {
  const described = describedIn(data)
  const body = described === undefined ? data : bodyOf(described.body)
  const method = methodOf(endpoint, described, body.length > 0)
  const found = samplePath(endpoint, textsOf(described?.params, 'params'))
  if (found === undefined) {
    const names = parametersOf(endpoint).map(({ name }) => `"${name}": "…"`)
    throw new BindingError(
      `its route ${endpoint.route} needs values that fit: {"params": {${names.join(', ')}}}.`,
    )
  }
  const query = new URLSearchParams()
  for (const [name, values] of listsOf(described?.query, 'query'))
    for (const value of values) query.append(name, value)
  const headers = headersIn(described?.headers)
  if (body.length > 0 && headers['content-type'] === undefined && jsonIn(body) !== undefined)
    headers['content-type'] = 'application/json'
  return { method, path: query.size === 0 ? found.path : `${found.path}?${query.toString()}`, headers, body }
}

function describedIn(data: Buffer): DescribedRequest | undefined {
  if (data.length === 0) return {}
  const parsed = jsonIn(data)
  if (!isObject(parsed)) return undefined
  const keys = Object.keys(parsed)
  return keys.length > 0 && keys.every((key) => KEYS.includes(key)) ? parsed : undefined
}

function methodOf(endpoint: HttpEndpoint, described: DescribedRequest | undefined, hasBody: boolean): string {
  const given = described?.method
  if (typeof given === 'string') return given.toUpperCase()
  const { methods = ['GET', 'POST'] } = endpoint
  const fits = (method: string): boolean => WITHOUT_BODY.includes(method) !== hasBody
  return methods.find(fits) ?? methods[0] ?? 'GET'
}

function bodyOf(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0)
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** By lower-case name, as a function gets them. @throws {BindingError} */
function headersIn(described: unknown): Record<string, string> {
  const headers = new Map<string, readonly string[]>()
  for (const [given, values] of listsOf(described, 'headers')) {
    const name = given.toLowerCase()
    if (values.length > 0) headers.set(name, [...(headers.get(name) ?? []), ...values])
  }
  return Object.fromEntries([...headers].map(([name, values]) => [name, joined(values)]))
}

/** @throws {BindingError} */
function listsOf(values: unknown, what: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    entriesOf(values, what).map(([name, value]) => [
      name,
      (Array.isArray(value) ? value : [value]).map((one: unknown) =>
        textIn(one, `${what}.${name}`, 'a text, or an array of texts'),
      ),
    ]),
  )
}

/** @throws {BindingError} */
function textsOf(values: unknown, what: string): ReadonlyMap<string, string> {
  return new Map(
    entriesOf(values, what).map(([name, value]) => [name, textIn(value, `${what}.${name}`, 'a text')]),
  )
}

function entriesOf(values: unknown, what: string): readonly [string, unknown][] {
  if (values === undefined || values === null) return []
  if (!isObject(values)) throw new BindingError(`"${what}" of its request must be an object of texts.`)
  return Object.entries(values)
}

/** Numbers and truth values count as their text. */
function textIn(value: unknown, what: string, needed: string): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    throw new BindingError(`"${what}" of its request must be ${needed}.`)
  return String(value)
}

/** The parameters of an endpoint's route. */
export function parametersOf(endpoint: HttpEndpoint): readonly RouteParameter[] {
  return parseRoute(endpoint.template)
    .flat()
    .filter((part) => part.kind === 'parameter')
}

/** A path that the route takes: given values first, then what a constraint may take; `undefined` when none fits. */
function samplePath(
  endpoint: HttpEndpoint,
  given: ReadonlyMap<string, string>,
): { readonly path: string; readonly values: ReadonlyMap<string, string> } | undefined {
  const lower = new Map([...given].map(([name, value]) => [name.toLowerCase(), value]))
  const values = new Map<string, string>()
  for (const parameter of parametersOf(endpoint)) {
    const own = lower.get(parameter.name.toLowerCase())
    const value =
      own ??
      (parameter.optional || parameter.catchAll || parameter.fallback !== undefined
        ? undefined
        : CANDIDATES.find((candidate) => parameter.constraints.every((holds) => holds(candidate))))
    if (value !== undefined) values.set(parameter.name, value)
  }
  const segments: string[] = []
  for (const segment of parseRoute(endpoint.template)) {
    let text = ''
    for (const [index, part] of segment.entries()) {
      const next = segment[index + 1]
      if (part.kind === 'parameter') {
        const value = values.get(part.name) ?? ''
        text += part.catchAll ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value)
      } else if (part.kind === 'literal' || (next?.kind === 'parameter' && values.has(next.name))) {
        text += encodeURI(part.text)
      }
    }
    if (text === '') break
    segments.push(text)
  }
  const path = `/${segments.join('/')}`
  return endpoint.match(decodeURIComponent(path.replaceAll(/%2f/gi, '%252F'))) === undefined
    ? undefined
    : { path, values }
}
