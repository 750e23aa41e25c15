import * as v from 'valibot'
import { parseTimeSpan } from './time-span.ts'

/*
 * Schemas for single configuration values. Every value may come as text, because the environment may override it.
 */

/** A whole number between two bounds, both included. */
export function wholeNumber(min: number, max: number): v.GenericSchema<unknown, number> {
  const what = `a whole number from ${min} to ${max}`
  return v.pipe(
    v.union(
      [v.number(), v.pipe(v.string(), v.regex(/^\s*-?\d+\s*$/), v.transform(Number))],
      `must be ${what}`,
    ),
    v.integer(`must be ${what}`),
    v.minValue(min, `must be ${what}`),
    v.maxValue(max, `must be ${what}`),
  )
}

/** A time span such as `"00:01:00"`, as milliseconds, between two bounds. */
export function timeSpan(min: number, max: number): v.GenericSchema<unknown, number> {
  return v.pipe(
    v.string('must be a time span such as "00:01:00"'),
    v.transform(parseTimeSpan),
    v.number('must be a time span such as "00:01:00"'),
    v.minValue(min, `must be at least ${min / 1000} s`),
    v.maxValue(max, `must be at most ${max / 1000} s`),
  )
}

/** `true` or `false`, also as text. */
export function flag(): v.GenericSchema<unknown, boolean> {
  return v.union(
    [
      v.boolean(),
      v.pipe(
        v.string(),
        v.toLowerCase(),
        v.trim(),
        v.picklist(['true', 'false']),
        v.transform((text) => text === 'true'),
      ),
    ],
    'must be true or false',
  )
}

/** One of some words, in any case. */
export function word<const T extends string>(words: readonly T[]): v.GenericSchema<unknown, T> {
  const message = `must be one of ${words.map((w) => `"${w}"`).join(', ')}`
  return v.pipe(
    v.string(message),
    v.transform((text) => words.find((w) => w.toLowerCase() === text.toLowerCase())),
    v.picklist(words, message),
  )
}

/** Any text. */
export function text(): v.GenericSchema<unknown, string> {
  return v.string('must be text')
}

/** An object of texts. */
export function textRecord(): v.GenericSchema<unknown, Record<string, string>> {
  return v.record(v.string(), v.string(), 'must be an object of texts')
}
