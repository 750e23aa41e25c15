import { AssertionError } from 'node:assert'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import openapi from '../../src/http/openapi.json' with { type: 'json' }
import { apiSchemas } from './apiSchemas.ts'

/** A response of the app. Header names are in lower case. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** An operation of the OpenAPI description. */
export interface Operation {
  readonly operationId: string
  readonly method: string
  /** Below the server's URL: `/order/{id}`. */
  readonly path: string
  readonly anonymous: boolean
}

/** The OpenAPI description, to check responses against. */
export interface DescribedApi {
  readonly operations: readonly Operation[]
  operation(operationId: string): Operation
  /** The schema of an operation's JSON body. */
  requestBody(operationId: string): ValidateFunction
  /** Throws unless this response is described for the operation, and remembers that it was seen. */
  expectDescribed(operationId: string, answer: Answer): void
  /** The described responses that were not seen: `order 503`. */
  notSeen(): readonly string[]
}

/** Headers that HTTP itself and the host add; `content-type` is described by the body's media type. */
const TRANSPORT_HEADERS = new Set([
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'server', 'transfer-encoding'],
])

/** A part of the description, and the JSON pointer to it. */
interface Part {
  readonly pointer: string
  readonly value: unknown
}

const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** A part of a part, with its `$ref` resolved. */
function member({ pointer, value }: Part, name: string): Part | undefined {
  const inner = (value as Readonly<Record<string, unknown>>)[name]
  return inner === undefined ? undefined : target({ pointer: `${pointer}/${escaped(name)}`, value: inner })
}

function target(part: Part): Part {
  const reference = (part.value as { readonly $ref?: string } | null)?.$ref
  if (reference === undefined) return part
  const names = reference.slice('#/'.length).split('/')
  let found: Part | undefined = { pointer: '', value: openapi }
  for (const name of names) found = found && member(found, name)
  if (found === undefined) throw new Error(`${reference} leads nowhere`)
  return found
}

function members(part: Part | undefined): readonly (readonly [string, Part])[] {
  if (part === undefined) return []
  return Object.keys(part.value as object).flatMap((name) => {
    const inner = member(part, name)
    return inner === undefined ? [] : [[name, inner] as const]
  })
}

/** Reads the OpenAPI description. Objects must not have fields that are not described. */
export function describedApi(): DescribedApi {
  const schemas = apiSchemas({ strict: true })
  const validators = new Map<string, ValidateFunction>()
  const seen = new Set<string>()

  const described = members({ pointer: '/paths', value: openapi.paths }).flatMap(([path, item]) =>
    members(item).map(([method, part]) => {
      const { operationId, security } = part.value as { operationId: string; security: readonly unknown[] }
      return {
        part,
        operation: { operationId, method: method.toUpperCase(), path, anonymous: security.length === 0 },
      }
    }),
  )

  function find(operationId: string) {
    const found = described.find(({ operation }) => operation.operationId === operationId)
    if (found === undefined) throw new Error(`no operation ${operationId} is described`)
    return found
  }

  function schemaOf(part: Part): ValidateFunction {
    const { pointer } = part
    const validator = validators.get(pointer) ?? schemas.byPointer(pointer)
    validators.set(pointer, validator)
    return validator
  }

  function responses(part: Part) {
    return members(member(part, 'responses'))
  }

  return {
    operations: described.map(({ operation }) => operation),
    operation: (operationId) => find(operationId).operation,
    requestBody(operationId) {
      const body = member(find(operationId).part, 'requestBody')
      const media = members(body && member(body, 'content')).find(([type]) => type === 'application/json')
      const schema = media && member(media[1], 'schema')
      if (schema === undefined) throw new Error(`${operationId} takes no JSON`)
      return schemaOf(schema)
    },
    expectDescribed(operationId, answer) {
      const { part } = find(operationId)
      const name = `${operationId} ${answer.status}`
      const fail = (what: string): never => {
        throw new AssertionError({ message: `${name}: ${what}\n${JSON.stringify(answer, null, 2)}` })
      }
      const check = (part: Part | undefined, value: unknown, what: string) => {
        if (part === undefined) return
        const validate = schemaOf(part)
        if (!validate(value)) fail(`${what} is not as described: ${JSON.stringify(validate.errors)}`)
      }

      const response = responses(part).find(([status]) => status === String(answer.status))?.[1]
      if (response === undefined) return fail('this status is not described')

      const headers = members(member(response, 'headers'))
      for (const [header, described] of headers) {
        const value = answer.headers[header.toLowerCase()]
        const { required, schema } = described.value as { required?: boolean; schema: { type: string } }
        if (value === undefined) {
          if (required === true) fail(`the header ${header} is missing`)
        } else {
          check(
            member(described, 'schema'),
            schema.type === 'integer' ? Number(value) : value,
            `header ${header}`,
          )
        }
      }
      const names = new Set(headers.map(([header]) => header.toLowerCase()))
      for (const header of Object.keys(answer.headers)) {
        if (!names.has(header) && !TRANSPORT_HEADERS.has(header))
          fail(`the header ${header} is not described`)
      }

      const content = members(member(response, 'content'))
      if (content.length === 0) {
        if (answer.text !== '') fail('no body is described')
      } else {
        const type = answer.headers['content-type']?.split(';')[0]
        const media = content.find(([described]) => described === type)?.[1]
        if (media === undefined) return fail(`the content type ${String(type)} is not described`)
        const body: unknown = /[/+]json$/.test(type ?? '') ? JSON.parse(answer.text) : answer.text
        check(member(media, 'schema'), body, 'the body')
      }
      seen.add(name)
    },
    notSeen: () =>
      described
        .flatMap(({ operation, part }) =>
          responses(part).map(([status]) => `${operation.operationId} ${status}`),
        )
        .filter((name) => !seen.has(name)),
  }
}
