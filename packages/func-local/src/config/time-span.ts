const WITH_DAYS_APART = /^(?:(\d{1,8})\.)?(\d{1,8}):(\d{1,8})(?::(\d{1,8})(?:\.(\d{1,7}))?)?$/
const FOUR_PARTS = /^(\d{1,8}):(\d{1,8}):(\d{1,8}):(\d{1,8})(?:\.(\d{1,7}))?$/
const DAYS_ONLY = /^\d{1,8}$/
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** .NET's `TimeSpan.MaxValue`, in whole days. */
const MOST_DAYS = 10_675_199

/**
 * Reads a .NET time span (`[-][d.]hh:mm[:ss[.fffffff]]`, `[-]d:hh:mm:ss`, or a number of days) as milliseconds;
 * `undefined` when it is not a time span: https://learn.microsoft.com/dotnet/api/system.timespan.parse
 *
 * As there, `24:00:00` is 24 days: what cannot be hours, minutes and seconds is read as days, hours and minutes.
 */
export function parseTimeSpan(text: string): number | undefined {
  const trimmed = text.trim()
  const negative = trimmed.startsWith('-')
  const total = magnitude(negative ? trimmed.slice(1) : trimmed)
  return total === undefined || !negative ? total : -total
}

function magnitude(text: string): number | undefined {
  if (DAYS_ONLY.test(text)) return total(text, '0', '0', '0')
  const four = FOUR_PARTS.exec(text)
  if (four !== null) return total(four[1], four[2], four[3], four[4], four[5])
  const match = WITH_DAYS_APART.exec(text)
  if (match === null) return undefined
  const [, days, first, second, third, fraction] = match
  return (
    total(days ?? '0', first, second, third ?? '0', fraction) ??
    (days === undefined && third !== undefined && fraction === undefined
      ? total(first, second, third, '0')
      : undefined)
  )
}

function total(d = '0', h = '0', m = '0', s = '0', fraction = '0'): number | undefined {
  if (Number(d) > MOST_DAYS || Number(h) > 23 || Number(m) > 59 || Number(s) > 59) return undefined
  const milliseconds = Number(`0.${fraction}`) * SECOND
  return Number(d) * DAY + Number(h) * HOUR + Number(m) * MINUTE + Number(s) * SECOND + milliseconds
}
