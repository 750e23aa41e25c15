import { BindingError } from '../host/function.ts'
import { looksLikeJson, NetJsonError, parseNetJson, writeNetJson, type NetJson } from '../net-json.ts'
import { netDateJson, netDateOf } from '../net-date.ts'
import type { TypedData } from '../protocol.ts'
import { outputValueOf } from './output-value.ts'

const EXPECTED = 'A cosmosDB output takes an object, an array of objects, or either as JSON text'

/**
 * The values that an output value stands for, one for each item. Text in brackets or braces is read as JSON; an array is one item
 * for each element:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Binding/FunctionBinding.cs (`ReadAsEnumerable`)
 *
 * @throws {BindingError} when such text is no JSON.
 */
export function valuesOf(data: TypedData): readonly NetJson[] {
  const value = outputValueOf(data)
  if (value === undefined) return []
  if (value.kind === 'bytes') throw new BindingError(`${EXPECTED}, not bytes.`)
  const json = value.kind === 'text' && looksLikeJson(value.value) ? parsed(value.value) : value
  return json.kind === 'array' ? json.items : [json]
}

function parsed(text: string): NetJson {
  try {
    return parseNetJson(text, 'dates')
  } catch (error) {
    if (!(error instanceof NetJsonError)) throw error
    throw new BindingError(`${EXPECTED}. ${error.message}`, { cause: error })
  }
}

/**
 * The item that a value is.
 *
 * @throws {BindingError} when it is no object, or has no id that an item can have:
 * https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits
 */
export function itemOf(value: NetJson): { readonly id: string } {
  if (value.kind !== 'object') throw new BindingError(`${EXPECTED}, not ${named(value)}.`)
  const id = value.properties.get('id')
  if (id === undefined)
    throw new BindingError("The item has no 'id' (in lower case). Give it one: none is made for it.")
  if (id.kind !== 'text' && id.kind !== 'date') throw new BindingError("The 'id' of the item must be text.")
  const item = plain(value) as { readonly id: string }
  if (item.id === '') throw new BindingError("The 'id' of the item is empty.")
  if (/[/\\#]/.test(item.id))
    throw new BindingError(
      `The 'id' of the item is ${JSON.stringify(item.id)}. '/', '\\' and '#' cannot be part of it.`,
    )
  return item
}

function named(value: NetJson): string {
  switch (value.kind) {
    case 'text':
    case 'date':
      return 'text'
    case 'integer':
    case 'double':
      return 'a number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'an array in an array'
    default:
      return value.kind
  }
}

function plain(value: NetJson): unknown {
  try {
    return JSON.parse(writeNetJson(value, 'compact'))
  } catch (error) {
    // Newtonsoft.Json reads `undefined`, and writes it too.
    throw new BindingError(`${EXPECTED}: a value in it is undefined.`, { cause: error })
  }
}

/**
 * What the function gets of items, as JSON. Text that looks like a date is written as .NET writes that date, unless `host.json` says
 * otherwise: `2026-01-02T03:04:05.000Z` without its zeros, and a time with an offset as UTC.
 *
 * https://github.com/Azure/azure-functions-host/issues/9610
 */
export function itemJson(item: unknown, changesDates: boolean): string {
  return JSON.stringify(item, (_name, value: unknown) => {
    const date = changesDates && typeof value === 'string' ? netDateOf(value) : undefined
    return date === undefined ? value : netDateJson(date)
  })
}
