import { randomUUID } from 'node:crypto'
import type { Settings } from './config/settings.ts'
import { BindingError } from './host/function.ts'

/** What an expression can name. */
export interface ExpressionScope {
  readonly settings: Settings
  /** The trigger's data; absent where only `%SETTING%` makes sense (a trigger's own properties). */
  readonly bindingData?: Readonly<Record<string, unknown>>
}

const SETTING = /%([^%]+)%/g

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
  const withSettings = resolveSettings(template, scope.settings)
  return withSettings.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (whole, expression: string | undefined) => {
    if (whole === '{{') return '{'
    if (whole === '}}') return '}'
    return evaluate(expression ?? '', scope.bindingData ?? {})
  })
}

function evaluate(expression: string, data: Readonly<Record<string, unknown>>): string {
  const colon = expression.indexOf(':')
  const name = (colon < 0 ? expression : expression.slice(0, colon)).trim()
  const format = colon < 0 ? undefined : expression.slice(colon + 1)
  const found = lookUp(name, data)
  if (found !== undefined && found !== null) return asText(found)
  const lower = name.toLowerCase()
  if (lower === 'rand-guid' || lower === 'sys.randguid') return formatGuid(randomUUID(), format)
  if (lower === 'datetime' || lower === 'sys.utcnow') return formatDate(new Date(), format)
  throw new BindingError(
    `No value for the binding expression '{${expression}}': the trigger has no '${name}'.`,
  )
}

/** Finds a value by a dotted name, each part in any case. */
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

const DATE_PARTS: Readonly<Record<string, (date: Date) => string>> = {
  yyyy: (d) => String(d.getUTCFullYear()).padStart(4, '0'),
  yy: (d) => String(d.getUTCFullYear() % 100).padStart(2, '0'),
  MM: (d) => String(d.getUTCMonth() + 1).padStart(2, '0'),
  M: (d) => String(d.getUTCMonth() + 1),
  dd: (d) => String(d.getUTCDate()).padStart(2, '0'),
  d: (d) => String(d.getUTCDate()),
  HH: (d) => String(d.getUTCHours()).padStart(2, '0'),
  H: (d) => String(d.getUTCHours()),
  hh: (d) => String(d.getUTCHours() % 12 || 12).padStart(2, '0'),
  mm: (d) => String(d.getUTCMinutes()).padStart(2, '0'),
  ss: (d) => String(d.getUTCSeconds()).padStart(2, '0'),
  fff: (d) => String(d.getUTCMilliseconds()).padStart(3, '0'),
}

/**
 * A date in a custom .NET format; without one, ISO 8601:
 * https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
 */
function formatDate(date: Date, format: string | undefined): string {
  if (format === undefined || format === '') return date.toISOString().replace(/\.\d+Z$/, 'Z')
  return format.replace(/yyyy|yy|MM|M|dd|d|HH|H|hh|mm|ss|fff/g, (part) => DATE_PARTS[part]?.(date) ?? part)
}
