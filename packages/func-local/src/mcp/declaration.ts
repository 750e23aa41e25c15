import { isObject, type JsonObject } from '../config/json-file.ts'
import { BindingError, propertyOf, textOf, type NamedBinding } from '../host/function.ts'
import { jsonIn } from '../json-text.ts'

/** Properties that the app's library sends as JSON text. */

/** The object in a property; `undefined` when it is absent. @throws {BindingError} when it holds anything else. */
export function objectIn(trigger: NamedBinding, property: string): JsonObject | undefined {
  const value = jsonOf(trigger, property)
  if (value === undefined || isObject(value)) return value
  throw new BindingError(`'${property}' of its ${trigger.type} binding must be a JSON object, as text.`)
}

/** The objects in a property's array; empty when it is absent. @throws {BindingError} when it holds anything else. */
export function objectsIn(trigger: NamedBinding, property: string): readonly JsonObject[] {
  const value = jsonOf(trigger, property)
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every(isObject)) return value
  throw new BindingError(
    `'${property}' of its ${trigger.type} binding must be a JSON array of objects, as text.`,
  )
}

function jsonOf(trigger: NamedBinding, property: string): unknown {
  const text = textOf(trigger, property)
  if (text === undefined || text.trim() === '') return undefined
  const value = jsonIn(text)
  if (value === undefined)
    throw new BindingError(`'${property}' of its ${trigger.type} binding is not valid JSON.`)
  return value
}

/** A field of a declaration by its case-insensitive name. */
export function fieldOf(declaration: JsonObject, name: string): unknown {
  const key = Object.keys(declaration).find((one) => one.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : declaration[key]
}

/** Text of a field; `undefined` when it is absent or no text. */
export function textField(declaration: JsonObject, name: string): string | undefined {
  const value = fieldOf(declaration, name)
  return typeof value === 'string' ? value : undefined
}

/** Whether a property of the trigger is true. */
export function isSet(trigger: NamedBinding, property: string): boolean {
  const value = propertyOf(trigger, property)
  return value === true || (typeof value === 'string' && value.toLowerCase() === 'true')
}

/** An object without the properties that are `undefined`. */
export function present<T extends Record<string, unknown>>(
  properties: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
