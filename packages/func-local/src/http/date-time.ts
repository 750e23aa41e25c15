const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
// Month before day, as in the invariant culture.
const DATES = [
  /^(?<year>\d{4})[-/](?<month>\d{1,2})(?:[-/](?<day>\d{1,2}))?(?!\d)/,
  /^(?<month>\d{1,2})[-/](?<day>\d{1,2})(?:[-/](?<year>\d{2}|\d{4}))?(?!\d)/,
  /^(?<day>\d{1,2})[ -](?<name>[a-z]{3,9})(?:[ ,-]+(?<year>\d{2}|\d{4}))?(?!\d)/i,
  /^(?<name>[a-z]{3,9}),? (?<year>\d{4})(?!\d)/i,
  /^(?<name>[a-z]{3,9}) (?<day>\d{1,2})(?:,? (?<year>\d{4}))?(?!\d)/i,
]
const TIME =
  /^(?:(?<hour>\d{1,2}):(?<minute>\d{1,2})(?::(?<second>\d{1,2})(?:\.\d+)?)?(?:\s*(?<half>am|pm))?|(?<only>\d{1,2})\s*(?:am|pm))\s*(?:z|gmt|[+-]\d{1,2}(?::?\d{2})?)?$/i
const WEEKDAY = /^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,\s*/i

/**
 * Whether .NET's `DateTime.TryParse` takes a text, in the invariant culture, as far as people write dates into URLs: a
 * date with a time or without, months as numbers or by name, or a time alone.
 *
 * https://learn.microsoft.com/dotnet/api/system.datetime.tryparse
 */
export function isDateTime(value: string): boolean {
  const text = value.trim().replace(WEEKDAY, '')
  if (isTime(text)) return true
  for (const form of DATES) {
    const match = form.exec(text)
    if (match?.groups === undefined || !isDate(match.groups)) continue
    const rest = text.slice(match[0].length)
    if (rest === '' || isTime(rest.replace(/^(?:T|[ ,]+)/i, ''))) return true
  }
  return false
}

function isDate(groups: Readonly<Record<string, string | undefined>>): boolean {
  const { year, name } = groups
  const month =
    name === undefined ? Number(groups['month']) : MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1
  const day = Number(groups['day'] ?? 1)
  // Without a year it is this one; a year of two digits has the same leap years.
  const date = new Date(0)
  date.setUTCFullYear(year === undefined ? new Date().getUTCFullYear() : Number(year), month - 1, day)
  return (
    month >= 1 &&
    Number(year ?? 1) >= (year?.length === 4 ? 1 : 0) &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day
  )
}

function isTime(text: string): boolean {
  const groups = TIME.exec(text)?.groups
  if (groups === undefined) return false
  const { hour = groups['only'], minute = '0', second = '0', half } = groups
  const most = half === undefined && groups['only'] === undefined ? 23 : 12
  return Number(hour) <= most && Number(minute) <= 59 && Number(second) <= 59
}
