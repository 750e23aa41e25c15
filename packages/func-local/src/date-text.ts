/*
 * Dates as .NET writes them: bindings, trigger metadata and log lines show them to apps.
 */

/** ISO 8601 with an offset, as a `DateTimeOffset` is written in JSON: trailing zeros of the fraction are left out. */
export function isoWithOffset(date: Date, offsetMinutes = 0): string {
  const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString()
  const sign = offsetMinutes < 0 ? '-' : '+'
  const hours = pad(Math.floor(Math.abs(offsetMinutes) / 60), 2)
  const minutes = pad(Math.abs(offsetMinutes) % 60, 2)
  return `${local.replace(/\.?0*Z$/, '')}${sign}${hours}:${minutes}`
}

/** As the `Trigger Details` of an invocation show it. */
export function detailTime(date: Date | undefined): string {
  return date === undefined ? '' : (formatDate(date, 'yyyy-MM-ddTHH:mm:ss.fffzzz') ?? '')
}

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'] // prettier-ignore
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

// https://learn.microsoft.com/dotnet/standard/base-types/standard-date-and-time-format-strings, invariant culture
const STANDARD: Readonly<Record<string, string>> = {
  d: 'MM/dd/yyyy',
  D: 'dddd, dd MMMM yyyy',
  f: 'dddd, dd MMMM yyyy HH:mm',
  F: 'dddd, dd MMMM yyyy HH:mm:ss',
  g: 'MM/dd/yyyy HH:mm',
  G: 'MM/dd/yyyy HH:mm:ss',
  m: 'MMMM dd',
  M: 'MMMM dd',
  o: 'yyyy-MM-ddTHH:mm:ss.fffffffK',
  O: 'yyyy-MM-ddTHH:mm:ss.fffffffK',
  r: "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
  R: "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
  s: 'yyyy-MM-ddTHH:mm:ss',
  t: 'HH:mm',
  T: 'HH:mm:ss',
  u: "yyyy-MM-dd HH:mm:ss'Z'",
  U: 'dddd, dd MMMM yyyy HH:mm:ss',
  y: 'yyyy MMMM',
  Y: 'yyyy MMMM',
}

const TOKEN = /'[^']*'|"[^"]*"|\\.|%|y+|M+|d+|H+|h+|m+|s+|f+|F+|t+|z+|K/g

/**
 * A date, in UTC, in a standard or custom .NET format:
 * https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
 *
 * `undefined` when the format is one .NET refuses.
 */
export function formatDate(date: Date, format: string): string | undefined {
  if (format.length === 1) {
    const custom = STANDARD[format]
    return custom === undefined ? undefined : formatCustom(date, custom)
  }
  return formatCustom(date, format)
}

function formatCustom(date: Date, format: string): string {
  return format.replace(TOKEN, (token) => {
    const first = token.charAt(0)
    if (first === "'" || first === '"') return token.slice(1, -1)
    if (first === '\\') return token.slice(1)
    return part(date, first, token.length)
  })
}

function part(date: Date, kind: string, length: number): string {
  const year = date.getUTCFullYear()
  const hour = date.getUTCHours()
  switch (kind) {
    case 'y':
      return length <= 2 ? pad(year % 100, length) : pad(year, length)
    case 'M':
      return named(MONTHS, date.getUTCMonth(), date.getUTCMonth() + 1, length)
    case 'd':
      return named(DAYS, date.getUTCDay(), date.getUTCDate(), length)
    case 'H':
      return pad(hour, Math.min(length, 2))
    case 'h':
      return pad(hour % 12 === 0 ? 12 : hour % 12, Math.min(length, 2))
    case 'm':
      return pad(date.getUTCMinutes(), Math.min(length, 2))
    case 's':
      return pad(date.getUTCSeconds(), Math.min(length, 2))
    case 'f':
      return fraction(date, length)
    case 'F':
      return fraction(date, length).replace(/0+$/, '')
    case 't':
      return (hour < 12 ? 'AM' : 'PM').slice(0, length)
    case 'z':
      return length === 1 ? '+0' : length === 2 ? '+00' : '+00:00'
    case 'K':
      return 'Z'
    default:
      return '' // `%` only marks the next letter as a custom format.
  }
}

function named(names: readonly string[], index: number, number: number, length: number): string {
  if (length <= 2) return pad(number, length)
  const name = names[index] ?? ''
  return length === 3 ? name.slice(0, 3) : name
}

function fraction(date: Date, digits: number): string {
  return pad(date.getUTCMilliseconds(), 3).padEnd(7, '0').slice(0, digits)
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}
