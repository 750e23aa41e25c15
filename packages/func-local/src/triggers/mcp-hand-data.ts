import { isObject, type JsonObject } from '../config/json-file.ts'
import { BindingError } from '../host/function.ts'
import { jsonOf } from './on-call/hand-data.ts'

/**
 * The context of a call by hand: the data is the arguments, or the whole context.
 *
 * @throws {BindingError} when it is neither.
 */
export function callOf(data: Buffer, name: string): JsonObject {
  const given = jsonOf(data, 'the arguments')
  if (!isObject(given)) throw new BindingError('its data must be the arguments, a JSON object.')
  return typeof given['name'] === 'string' && isObject(given['arguments'])
    ? given
    : { name, arguments: given }
}
