import { randomUUID } from 'node:crypto'
import type { Settings } from './config/settings.ts'
import { formatDate } from './date-text.ts'
import { BindingError } from './host/function.ts'

/** What an expression can name. */
export interface ExpressionScope {
  readonly settings: Settings
  /** The trigger's data; absent where only `%SETTING%` makes sense (a trigger's own properties). */
  readonly bindingData?: Readonly<Record<string, unknown>>
}

const SETTING = /%([^%]+)%/g
const EXPRESSION = /\{\{|\}\}|\{([^{}]*)\}/g

/**
 * Replaces every `%SETTING%`.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#binding-expressions---app-settings
 *
 * @throws {BindingError} when a setting does not exist.
 */
export function resolveSettings(template: string, settings: Settings): string {
  return template.replace(SETTING, (_whole, name: string) => {
    const value = settings.get(name)
    if (value === undefined || value === '') {
      throw new BindingError(
        `'%${name}%' does not resolve to a value. Set ${name} in local.settings.json or the environment.`,
      )
    }
    return value
  })
}

/**
 * Replaces every `%SETTING%` and `{expression}`; `{{` and `}}` stand for braces.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns
 *
 * @throws {BindingError} when something named does not exist.
 */
export function resolveExpression(template: string, scope: ExpressionScope): string {
  return replaceExpressions(resolveSettings(template, scope.settings), (expression) =>
    evaluate(expression, scope.bindingData ?? {}),
  )
}

/** Puts something else in the place of every `{expression}`; `{{` and `}}` stand for braces. */
export function replaceExpressions(template: string, replacement: (expression: string) => string): string {
  return template.replace(EXPRESSION, (whole, expression: string | undefined) => {
    if (whole === '{{') return '{'
    if (whole === '}}') return '}'
    return replacement(expression ?? '')
  })
}

/** The names that the expressions of a template use, without their formats: `id`, `query.x`. */
export function namesIn(template: string): string[] {
  return [...template.matchAll(EXPRESSION)].flatMap(([, expression]) =>
    expression === undefined ? [] : [splitFormat(expression)[0]],
  )
}

function splitFormat(expression: string): [name: string, format: string | undefined] {
  const colon = expression.indexOf(':')
  return colon < 0
    ? [expression.trim(), undefined]
    : [expression.slice(0, colon).trim(), expression.slice(colon + 1)]
}

function evaluate(expression: string, data: Readonly<Record<string, unknown>>): string {
  const [name, format] = splitFormat(expression)
  const found = lookUp(name, data)
  if (found !== undefined && found !== null) return asText(found)
  const lower = name.toLowerCase()
  if (lower === 'rand-guid' || lower === 'sys.randguid') return formatGuid(randomUUID(), format)
  if (lower === 'datetime' || lower === 'sys.utcnow') return now(expression, format)
  throw new BindingError(
    `No value for the binding expression '{${expression}}': the trigger has no '${name}'.`,
  )
}

/** Finds a value by a dotted name, each part case-insensitive. */
function lookUp(name: string, data: Readonly<Record<string, unknown>>): unknown {
  let node: unknown = data
  for (const part of name.split('.')) {
    if (typeof node !== 'object' || node === null) return undefined
    const own = node as Record<string, unknown>
    const key = Object.hasOwn(own, part)
      ? part
      : Object.keys(own).find((k) => k.toLowerCase() === part.toLowerCase())
    node = key === undefined ? undefined : own[key]
  }
  return node
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value)
  return JSON.stringify(value)
}

/** Without a format ISO 8601 that fits into a path, `2018-02-16T17-59-55Z` as the documentation shows it. */
function now(expression: string, format: string | undefined): string {
  const text = formatDate(new Date(), format === undefined || format === '' ? 'yyyy-MM-ddTHH-mm-ssK' : format)
  if (text !== undefined) return text
  throw new BindingError(
    `The format of the binding expression '{${expression}}' is not a .NET date format; write 'yyyy-MM-dd' for example.`,
  )
}

// https://learn.microsoft.com/dotnet/api/system.guid.tostring
function formatGuid(guid: string, format: string | undefined): string {
  switch (format?.toUpperCase()) {
    case 'N':
      return guid.replaceAll('-', '')
    case 'B':
      return `{${guid}}`
    case 'P':
      return `(${guid})`
    default:
      return guid
  }
}
