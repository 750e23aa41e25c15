import * as v from 'valibot'
import { parseTimeSpan } from './time-span.ts'

/*
 * Schemas for single configuration values. .NET's configuration holds every value as text, whether it comes from
 * host.json or from the environment, and converts that text to the type of the option:
 * https://learn.microsoft.com/dotnet/core/extensions/configuration and
 * https://learn.microsoft.com/dotnet/api/system.componentmodel.typeconverter
 */

const INT32_MIN = -(2 ** 31)
/** The largest number an option of the real host can hold. */
export const INT32_MAX = 2 ** 31 - 1
const DAY_MS = 24 * 60 * 60 * 1000

/** The text of a JSON value in .NET's configuration; `undefined` for an object or an array, which have none. */
export function configurationText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return String(value)
    case 'boolean':
      return value ? 'True' : 'False'
    default:
      return value === null ? '' : undefined
  }
}

/** A whole number between two bounds, both included. */
export function wholeNumber(min: number, max: number): v.GenericSchema<unknown, number> {
  const what = max === INT32_MAX ? `a whole number, at least ${min}` : `a whole number from ${min} to ${max}`
  return converted(what, (text) => {
    const value = int32(text)
    return value !== undefined && value >= min && value <= max ? value : undefined
  })
}

/** https://learn.microsoft.com/dotnet/api/system.componentmodel.int32converter: decimal, or hexadecimal behind a mark. */
function int32(text: string): number | undefined {
  const trimmed = text.trim()
  const hex = /^(?:#|0x|&h)([0-9a-f]{1,8})$/i.exec(trimmed)?.[1]
  if (hex !== undefined) return Number.parseInt(hex, 16) | 0
  if (!/^[+-]?\d+$/.test(trimmed)) return undefined
  const value = Number(trimmed)
  return value >= INT32_MIN && value <= INT32_MAX ? value : undefined
}

/** A time span such as `"00:01:00"`, as milliseconds, between two bounds, both included; without bounds any. */
export function timeSpan(min = -Infinity, max = Infinity): v.GenericSchema<unknown, number> {
  const bounds = [
    ...(min === -Infinity ? [] : [`at least ${written(min)}`]),
    ...(max === Infinity ? [] : [`at most ${written(max)}`]),
  ]
  return converted(['a time span such as "00:01:00"', ...bounds].join(', '), (text) => {
    const value = parseTimeSpan(text)
    return value !== undefined && value >= min && value <= max ? value : undefined
  })
}

function written(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY_MS)
  const rest = new Date(milliseconds % DAY_MS).toISOString().slice(11, 23).replace('.000', '')
  return `${days === 0 ? '' : `${days}.`}${rest}`
}

/** `true` or `false`, case-insensitive. */
export function flag(): v.GenericSchema<unknown, boolean> {
  return converted('true or false', (text) => {
    const word = text.trim().toLowerCase()
    return word === 'true' ? true : word === 'false' ? false : undefined
  })
}

/** One of some words, case-insensitive, or its number: `words` are in the order of the .NET enumeration. */
export function word<const T extends string>(words: readonly T[]): v.GenericSchema<unknown, T> {
  return converted(`one of ${words.map((w) => `"${w}"`).join(', ')}`, (text) => {
    const trimmed = text.trim()
    return /^\d+$/.test(trimmed)
      ? words[Number(trimmed)]
      : words.find((w) => w.toLowerCase() === trimmed.toLowerCase())
  })
}

/** A value that counts as absent when it is `null` or empty, as where an option of the real host may be null. */
export function nullable<T>(schema: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, T | undefined> {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      if (configurationText(dataset.value) === '') return undefined
      const parsed = v.safeParse(schema, dataset.value)
      if (parsed.success) return parsed.output
      addIssue({ message: parsed.issues[0].message })
      return NEVER
    }),
  )
}

/** Any text. */
export function text(): v.GenericSchema<unknown, string> {
  return converted('text', (value) => value)
}

/** An object of texts. */
export function textRecord(): v.GenericSchema<unknown, Record<string, string>> {
  return v.record(v.string(), text(), 'must be an object of texts')
}

function converted<T>(what: string, convert: (text: string) => T | undefined): v.GenericSchema<unknown, T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const text = configurationText(dataset.value)
      const value = text === undefined ? undefined : convert(text)
      if (value !== undefined) return value
      addIssue({ message: `must be ${what}` })
      return NEVER
    }),
  )
}
