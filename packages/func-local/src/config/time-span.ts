const PATTERN = /^\s*(-)?(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?\s*$/
const DAYS_ONLY = /^\s*(-)?(\d+)\s*$/
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/**
 * Reads a .NET time span (`[-][d.]hh:mm[:ss[.fffffff]]`, or a number of days) as milliseconds; `undefined` when it is
 * none: https://learn.microsoft.com/dotnet/standard/base-types/standard-timespan-format-strings
 */
export function parseTimeSpan(text: string): number | undefined {
  const days = DAYS_ONLY.exec(text)
  if (days !== null) return Number(days[2]) * DAY * (days[1] === undefined ? 1 : -1)
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [, sign, d = '0', h = '0', m = '0', s = '0', fraction = '0'] = match
  if (Number(h) > 23 || Number(m) > 59 || Number(s) > 59) return undefined
  const milliseconds = Number(`0.${fraction}`) * SECOND
  const total = Number(d) * DAY + Number(h) * HOUR + Number(m) * MINUTE + Number(s) * SECOND + milliseconds
  return sign === undefined ? total : -total
}
