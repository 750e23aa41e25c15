import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { toJsonSchemaDefs, type JsonSchema, type OverrideActionContext } from '@valibot/to-json-schema'
import packageJson from '../package.json' with { type: 'json' }
import {
  BodyTooLargeError,
  FAILURES,
  InvalidOrderError,
  MalformedJsonError,
  MAX_BODY_BYTES,
  OrderConflictError,
  OrderNotFoundError,
  StorageUnavailableError,
  UnsupportedEncodingError,
} from '../src/orders/errors.ts'
import {
  ORDER_ID,
  checkOrder,
  contentFields,
  orderIdSchema,
  orderRecordSchema,
  orderSchema,
  type AcceptedOrder,
  type OrderContent,
  type OrderRecord,
  type ProcessedOrder,
} from '../src/orders/order.ts'
import { parseJson } from '../src/orders/json.ts'
import { exampleOf, isRequired } from '../src/orders/schema.ts'
import { problemOf, RETRY_AFTER_SECONDS, type Problem } from '../src/http/problem.ts'
import { ROOT } from './build.ts'

/** The description as it is committed, and as the app serves it. */
export const OPENAPI_FILE = path.join(ROOT, 'src/http/openapi.json')

/** A part of the description, as JSON has it. */
type Json = Readonly<Record<string, unknown>>

const ref = (kind: 'schemas' | 'responses' | 'headers', name: string) => ({
  $ref: `#/components/${kind}/${name}`,
})

// ---- Schemas: those that validate, as JSON Schema 2020-12.

/** Marks a schema whose text is trimmed before the rules that follow apply. A symbol is no part of JSON. */
const TRIMMED = Symbol('trimmed')

interface RuledSchema extends JsonSchema {
  [TRIMMED]?: true
}

/**
 * The rules that valibot's own conversion lacks. What is said of a trimmed text is said of the text as it is sent: the
 * white space that will go, which `\s` is too, may stand around it.
 */
function convertRule({
  valibotAction: rule,
  jsonSchema,
  errors,
}: OverrideActionContext): RuledSchema | undefined {
  const schema: RuledSchema = jsonSchema
  if (rule.type === 'trim') return { ...schema, [TRIMMED]: true }
  if (rule.type === 'min_length' && schema[TRIMMED]) {
    const { minLength, ...rest } = schema
    if (minLength !== 1) throw new Error('A trimmed text can only be said to be not empty.')
    return withPattern(rest, '\\S')
  }
  if (rule.type === 'regex' && 'requirement' in rule && rule.requirement instanceof RegExp) {
    const { source } = rule.requirement
    const { pattern } = schema
    // valibot's conversion has put the first one there already.
    const before = { ...schema, ...(pattern === source ? { pattern: undefined } : { pattern }) }
    if (!schema[TRIMMED]) return withPattern(before, source)
    if (!source.startsWith('^') || !source.endsWith('$')) {
      throw new Error(`A rule of a trimmed text is one of the whole text: ${source}`)
    }
    // (?!\s): one way to read the white space before the text, or a matcher would try them all.
    return withPattern(before, `^\\s*(?!\\s)(?:${source.slice(1, -1)})\\s*$`)
  }
  if (errors !== undefined) throw new Error(errors.join(' '))
  return undefined
}

/** A JSON Schema has one pattern; more of them are joined by `allOf`. */
function withPattern(schema: RuledSchema, pattern: string): RuledSchema {
  if (schema.pattern === undefined) return { ...schema, pattern }
  return { ...schema, allOf: [...(schema.allOf ?? []), { pattern }] }
}

/** The name of a record's schema: its status, as in `AcceptedOrder`. */
const recordName = (status: string) => `${capitalized(status)}Order`

function orderSchemas(): Json {
  const records = orderRecordSchema.options.map((schema) => ({
    status: schema.entries.status.literal,
    schema,
  }))
  const schemas = toJsonSchemaDefs(
    {
      OrderId: orderIdSchema,
      Order: orderSchema,
      ...Object.fromEntries(records.map(({ status, schema }) => [recordName(status), schema])),
      OrderRecord: orderRecordSchema,
    },
    {
      target: 'draft-2020-12',
      overrideAction: convertRule,
      overrideRef: ({ referenceId }) => ref('schemas', referenceId).$ref,
    },
  )
  const mapping = records.map(({ status }) => [status, ref('schemas', recordName(status)).$ref])
  return {
    ...schemas,
    OrderRecord: {
      description: 'An order as it is stored.',
      ...schemas.OrderRecord,
      discriminator: { propertyName: orderRecordSchema.key, mapping: Object.fromEntries(mapping) as Json },
    },
  }
}

function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

// ---- Problems: what the app makes of each of its errors.

/** The examples that the schemas of the content fields give; a field that may be absent needs none. */
function exampleContent(fields: 'all' | 'required'): OrderContent {
  const examples = Object.entries(contentFields).flatMap(([name, schema]): [string, unknown][] => {
    const example = exampleOf(schema)
    if (example === undefined && isRequired(schema)) {
      throw new Error(`The field ${name} needs an example for the API's description: v.examples([…]).`)
    }
    return example === undefined || (fields === 'required' && !isRequired(schema)) ? [] : [[name, example]]
  })
  return Object.fromEntries(examples) as OrderContent
}

const EXAMPLE_ORDER = { id: 'order-1', ...exampleContent('all') }

const INVALID_ORDER = { id: 'order 1', item: ' ', quantity: 0, color: 'blue' }

function malformedJson(text: string): Error {
  try {
    parseJson(new TextEncoder().encode(text))
  } catch (error) {
    if (error instanceof MalformedJsonError) return error
  }
  throw new Error(`This is JSON: ${text}`)
}

/** An error of each kind. */
const ERRORS: Readonly<Record<keyof typeof FAILURES, Error>> = {
  malformedJson: malformedJson('{"item":}'),
  orderNotFound: new OrderNotFoundError(),
  orderConflict: new OrderConflictError('order-1'),
  bodyTooLarge: new BodyTooLargeError(),
  unsupportedEncoding: new UnsupportedEncodingError(),
  invalidOrder: new InvalidOrderError(checkOrder(INVALID_ORDER).faults ?? []),
  internalError: new Error('a bug'),
  storageUnavailable: new StorageUnavailableError('order-1', undefined),
}

type ProblemName = Capitalize<keyof typeof FAILURES>

const problems = (Object.keys(FAILURES) as (keyof typeof FAILURES)[]).map((key) => ({
  name: capitalized(key) as ProblemName,
  description: FAILURES[key].when,
  problem: problemOf(ERRORS[key]),
}))

/** The schema of one problem: its type and status are fixed, and what it says beside them is always there. */
function problemSchema(problem: Problem): Json {
  const members: Record<keyof Problem, Json> = {
    type: { const: problem.type, description: 'Identifies the problem. It never changes.' },
    title: { type: 'string', description: 'A short summary of the kind of problem.' },
    status: { const: problem.status, description: 'The HTTP status.' },
    detail: { type: 'string', description: 'What happened in this case, and what to do.' },
    id: { ...ref('schemas', 'OrderId'), description: 'The order the problem is about.' },
    errors: {
      type: 'array',
      minItems: 1,
      description: 'Every fault of the order.',
      items: ref('schemas', 'OrderFault'),
    },
  }
  const present = Object.entries(members).filter(([name]) => name in problem)
  return {
    type: 'object',
    description: `Problem details (RFC 9457): ${problem.title}.`,
    properties: Object.fromEntries(present),
    required: present.map(([name]) => name),
  }
}

const ORDER_FAULT = {
  type: 'object',
  description: 'One fault of an order.',
  properties: {
    pointer: {
      type: 'string',
      format: 'json-pointer',
      description: 'Where in the order, as a JSON pointer (RFC 6901); empty for the order as a whole.',
    },
    detail: { type: 'string', description: 'What is wrong with the value.' },
  },
  required: ['pointer', 'detail'],
}

function problemResponse({ name, description, problem }: (typeof problems)[number]): Json {
  return {
    description,
    ...(problem.status === 503 && { headers: { 'Retry-After': ref('headers', 'RetryAfter') } }),
    ...(problem.status === 415 && { headers: { 'Accept-Encoding': ref('headers', 'AcceptEncoding') } }),
    content: { 'application/problem+json': { schema: ref('schemas', name), example: problem } },
  }
}

/** The responses that an operation shares with others, by status. */
function sharedResponses(...names: readonly (ProblemName | 'Unauthorized')[]): Json {
  const status = new Map<string, number>([
    ['Unauthorized', 401],
    ...problems.map(({ name, problem }) => [name, problem.status] as const),
  ])
  return Object.fromEntries(names.map((name) => [String(status.get(name)), ref('responses', name)]))
}

// ---- Operations.

const MESSAGE = `Order for ${EXAMPLE_ORDER.item} processed!`

const ACCEPTED: AcceptedOrder = {
  ...EXAMPLE_ORDER,
  status: 'accepted',
  acceptedAt: '2026-01-02T12:00:00.000Z',
}

const PROCESSED: ProcessedOrder = {
  ...EXAMPLE_ORDER,
  status: 'processed',
  message: MESSAGE,
  processedAt: '2026-01-02T12:00:00.250Z',
}

const PROCESSED_LATER: ProcessedOrder = {
  ...EXAMPLE_ORDER,
  status: 'processed',
  message: MESSAGE,
  acceptedAt: '2026-01-02T12:00:00.000Z',
  processedAt: '2026-01-02T12:00:01.500Z',
}

/** An example of each status. */
const RECORDS: Readonly<
  Record<OrderRecord['status'], { readonly summary: string; readonly value: OrderRecord }>
> = {
  processed: { summary: 'Processed', value: PROCESSED },
  accepted: { summary: 'Accepted', value: ACCEPTED },
}

const functionKey = [{ functionKey: [] }, { functionCode: [] }]

const constantHeader = (description: string, value: string) => ({
  description,
  required: true,
  schema: { type: 'string', const: value },
})

const NO_SNIFFING = constantHeader('Browsers must not guess another content type.', 'nosniff')

/** The response's id is the parameter of the operation that reads an order. */
const ORDER_LINK = {
  order: { operationId: 'orderStatus', parameters: { id: '$response.body#/id' } },
}

const placeOrder = {
  operationId: 'order',
  tags: ['Orders'],
  summary: 'Place an order',
  description:
    'Processes the order now, or with `Prefer: respond-async` accepts it and lets the queue process it. Sending the same ' +
    'order again under the same id is always safe: it is processed once.',
  security: functionKey,
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      description:
        "The order's id, if the body has none; if both are present they must be the same. Plain, or in double quotes.",
      schema: {
        type: 'string',
        pattern: `^(?:${ORDER_ID.source.slice(1, -1)}|"${ORDER_ID.source.slice(1, -1)}")$`,
      },
    },
    {
      name: 'Prefer',
      in: 'header',
      description: '`respond-async` (RFC 7240): accept the order, and respond before it is processed.',
      schema: { type: 'string', examples: ['respond-async'] },
    },
  ],
  requestBody: {
    required: true,
    description: `At most ${MAX_BODY_BYTES} bytes, read as JSON whatever its content type says. No \`Content-Encoding\` but \`identity\`.`,
    content: {
      'application/json': {
        schema: ref('schemas', 'Order'),
        examples: {
          smallest: { summary: 'The smallest', value: exampleContent('required') },
          whole: { summary: 'Every field', value: EXAMPLE_ORDER },
        },
      },
    },
  },
  responses: {
    200: {
      description: 'The order is processed: its record as stored. A retry returns the same bytes.',
      content: { 'application/json': { schema: ref('schemas', 'ProcessedOrder'), example: PROCESSED } },
      links: ORDER_LINK,
    },
    202: {
      description: 'The order is accepted: it is stored, and it is on the queue.',
      headers: {
        Location: {
          description:
            'The order, as a reference relative to the URL of the request (RFC 9110, 10.2.2), so that it is valid behind a ' +
            'gateway as well: `order/{id}`, or `{id}` when the URL ends with a slash.',
          required: true,
          schema: { type: 'string', format: 'uri-reference', examples: ['order/order-1'] },
        },
        'Preference-Applied': constantHeader('The preference was honoured (RFC 7240).', 'respond-async'),
        'Retry-After': ref('headers', 'RetryAfter'),
      },
      content: { 'application/json': { schema: ref('schemas', 'AcceptedOrder'), example: ACCEPTED } },
      links: ORDER_LINK,
    },
    ...sharedResponses(
      'MalformedJson',
      'Unauthorized',
      'OrderConflict',
      'BodyTooLarge',
      'UnsupportedEncoding',
      'InvalidOrder',
      'InternalError',
      'StorageUnavailable',
    ),
  },
}

const readOrder = {
  operationId: 'orderStatus',
  tags: ['Orders'],
  summary: 'Get an order',
  description: 'The record of an order, whether it came over HTTP or from the queue.',
  security: functionKey,
  parameters: [
    {
      name: 'id',
      in: 'path',
      required: true,
      description: "The order's id.",
      schema: { type: 'string', minLength: 1, examples: ['order-1'] },
    },
  ],
  responses: {
    200: {
      description: 'The order.',
      headers: {
        'Cache-Control': constantHeader('The record can change until it is processed.', 'no-store'),
        'Retry-After': {
          description: 'Seconds to wait before the next request. Only while the order is not processed yet.',
          schema: { type: 'integer', minimum: 0 },
        },
      },
      content: {
        'application/json': {
          schema: ref('schemas', 'OrderRecord'),
          examples: {
            ...RECORDS,
            processedLater: { summary: 'Accepted, then processed', value: PROCESSED_LATER },
          },
        },
      },
    },
    ...sharedResponses('Unauthorized', 'OrderNotFound', 'InternalError', 'StorageUnavailable'),
  },
}

const hello = {
  operationId: 'hello',
  tags: ['Service'],
  summary: 'Greet',
  description: 'Needs no key and no storage, so it also serves as a liveness check.',
  security: [],
  parameters: [
    {
      name: 'name',
      in: 'query',
      description: 'Who to greet. Without it the greeting is general.',
      schema: { type: 'string', examples: ['Ada'] },
    },
  ],
  responses: {
    200: {
      description: 'The greeting.',
      content: {
        'application/json': {
          schema: { type: 'string' },
          examples: {
            everyone: { summary: 'Without a name', value: 'Hello from Azure Functions!' },
            named: { summary: 'With a name', value: 'Hello, Ada!' },
          },
        },
      },
    },
  },
}

const description = {
  operationId: 'openapi',
  tags: ['Service'],
  summary: 'This description',
  description: 'The description of the API in OpenAPI 3.1. Needs no key.',
  security: [],
  responses: {
    200: {
      description: 'The description.',
      headers: { 'X-Content-Type-Options': NO_SNIFFING },
      content: {
        'application/json': {
          schema: {
            type: 'object',
            properties: {
              openapi: { type: 'string', pattern: '^3\\.1\\.' },
              info: { type: 'object', additionalProperties: true },
              paths: { type: 'object', additionalProperties: true },
            },
            required: ['openapi', 'info', 'paths'],
            additionalProperties: true,
          },
        },
      },
    },
  },
}

const docs = {
  operationId: 'docs',
  tags: ['Service'],
  summary: 'This description as a page',
  description:
    'A page that documents the API and sends requests to it. Needs no key, and loads nothing from other hosts.',
  security: [],
  responses: {
    200: {
      description: 'The page.',
      headers: {
        'Content-Security-Policy': {
          description:
            "Allows the page's own style and script and requests to this origin, and nothing else.",
          required: true,
          schema: { type: 'string', pattern: "^default-src 'none';" },
        },
        'Referrer-Policy': constantHeader('Requests from the page carry no Referer header.', 'no-referrer'),
        'X-Content-Type-Options': NO_SNIFFING,
      },
      content: { 'text/html': { schema: { type: 'string' } } },
    },
  },
}

/** The API in OpenAPI 3.1, from the schemas that validate and the problems that the app makes of its errors. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Order service',
      version: packageJson.version,
      description:
        'Orders, processed once each, at once or from a queue. Errors are problem details (RFC 9457); their `type` tells them ' +
        'apart. Whatever the answer, or without one, asking again under the same id is safe. `HEAD` is answered as `GET` is, ' +
        'without the body.',
      license: { name: packageJson.license, identifier: packageJson.license },
    },
    servers: [{ url: '/api' }],
    tags: [
      { name: 'Orders', description: 'Placing orders, and getting their records.' },
      { name: 'Service', description: 'About the service itself.' },
    ],
    paths: {
      '/order': { post: placeOrder },
      '/order/{id}': { get: readOrder },
      '/hello': { get: hello },
      '/openapi.json': { get: description },
      '/docs': { get: docs },
    },
    components: {
      schemas: {
        ...orderSchemas(),
        OrderFault: ORDER_FAULT,
        ...Object.fromEntries(problems.map(({ name, problem }) => [name, problemSchema(problem)])),
      },
      responses: {
        Unauthorized: { description: 'The key is missing or wrong. The response has no body.' },
        ...Object.fromEntries(problems.map((problem) => [problem.name, problemResponse(problem)])),
      },
      headers: {
        RetryAfter: {
          description: 'Seconds to wait before the next request.',
          required: true,
          schema: { type: 'integer', minimum: 0, examples: [RETRY_AFTER_SECONDS] },
        },
        AcceptEncoding: constantHeader('The content coding that is accepted.', 'identity'),
      },
      securitySchemes: {
        functionKey: {
          type: 'apiKey',
          in: 'header',
          name: 'x-functions-key',
          description: 'A function key. It takes precedence over one in the query.',
        },
        functionCode: {
          type: 'apiKey',
          in: 'query',
          name: 'code',
          description:
            'A function key, for callers that cannot set a header. Query strings end up in logs: prefer the header.',
        },
      },
    },
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const prettier = await import('prettier')
  const options = await prettier.resolveConfig(OPENAPI_FILE)
  const text = await prettier.format(JSON.stringify(openApiDocument()), {
    ...options,
    filepath: OPENAPI_FILE,
  })
  await writeFile(OPENAPI_FILE, text)
}
