/** A `DateTime` of .NET. */
export interface NetDate {
  /** Milliseconds since 1970, of UTC or of a local time without a zone. */
  readonly milliseconds: number
  /** What is below a millisecond, in units of 100 ns. */
  readonly ticks: number
  readonly kind: 'utc' | 'local' | 'unspecified'
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7})\d*)?(Z|[+-]\d\d(?::?\d\d)?)?$/
const MICROSOFT = /^\/Date\((-?\d+)([+-]\d{4})?\)\/$/
const MINUTE_MS = 60_000
// .NET's DateTime begins with the year 1 and ends with the year 9999.
const EARLIEST = Date.parse('0001-01-01T00:00:00Z')
const LATEST = Date.UTC(10000, 0, 1)

/**
 * The date that Newtonsoft.Json sees in a text, ISO 8601 with a time or `/Date(0)/`; `undefined` when it sees none. A time with
 * an offset becomes the host's local time, which is UTC, as it is in Azure:
 * https://www.newtonsoft.com/json/help/html/DatesInJSON.htm
 */
export function netDateOf(text: string): NetDate | undefined {
  const microsoft = MICROSOFT.exec(text)
  if (microsoft !== null) {
    const milliseconds = Number(microsoft[1])
    if (milliseconds < EARLIEST || milliseconds >= LATEST) return undefined
    return { milliseconds, ticks: 0, kind: microsoft[2] === undefined ? 'utc' : 'local' }
  }
  const iso = ISO.exec(text)
  if (iso === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', zone] = iso
  const wall = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  // `Date.parse` lets the 31st of April be the 1st of May.
  if (Number.isNaN(wall) || new Date(wall).getUTCDate() !== Number(day) || year === '0000') return undefined
  const units = Number(fraction.padEnd(7, '0'))
  const offset = offsetOf(zone)
  if (offset === undefined) return undefined
  return {
    milliseconds: wall + Math.floor(units / 10_000) - offset * MINUTE_MS,
    ticks: units % 10_000,
    kind: zone === undefined ? 'unspecified' : zone === 'Z' ? 'utc' : 'local',
  }
}

function offsetOf(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3).replace(':', ''))
  if (minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

/** A date as .NET's `ToString` writes it in the invariant culture: `01/02/2026 03:04:05`. */
export function netDateText({ milliseconds }: NetDate): string {
  const [day = '', time = ''] = new Date(milliseconds).toISOString().split('T')
  const [year, month, date] = day.split('-')
  return `${month}/${date}/${year} ${time.slice(0, 8)}`
}

/** A date as Newtonsoft.Json writes it: ISO 8601, a fraction without trailing zeros. */
export function netDateJson({ milliseconds, ticks, kind }: NetDate): string {
  const iso = new Date(milliseconds).toISOString()
  const fraction = (iso.slice(20, 23) + String(ticks).padStart(4, '0')).replace(/0+$/, '')
  const zone = { utc: 'Z', local: '+00:00', unspecified: '' }[kind]
  return `${iso.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}${zone}`
}
