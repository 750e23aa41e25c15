/** A time zone: the system's own, or a named one. */
export interface TimeZone {
  readonly name: string
  /** Minutes that local time is ahead of UTC at a moment. */
  readonly offsetAt: (moment: number) => number
}

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** The zone of this process. */
export const SYSTEM_ZONE: TimeZone = {
  name: 'local time',
  offsetAt: (moment) => -new Date(moment).getTimezoneOffset(),
}

/** The zone of the app's timers, which is that of its handlers. */
export function zoneOf(name: string | undefined): TimeZone {
  return (name === undefined ? undefined : zoneNamed(name)) ?? SYSTEM_ZONE
}

/** A zone by its IANA name, `Europe/Berlin` for example; `undefined` when there is none of that name. */
export function zoneNamed(name: string): TimeZone | undefined {
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
    return {
      name,
      offsetAt: (moment) => {
        const text = format.formatToParts(moment).find(({ type }) => type === 'timeZoneName')?.value ?? ''
        const match = /GMT([+-])(\d\d):(\d\d)/.exec(text)
        if (match === null) return 0
        const minutes = Number(match[2]) * 60 + Number(match[3])
        return match[1] === '-' ? -minutes : minutes
      },
    }
  } catch {
    return undefined
  }
}

/** Local time at a moment, as the moment at which UTC shows the same. */
export function wallClock(moment: number, zone: TimeZone): number {
  return moment + zone.offsetAt(moment) * MINUTE_MS
}

/** The moments at which the zone's clocks show a local time: one, none (skipped) or two (repeated), earliest first. */
export function momentsOf(wall: number, zone: TimeZone): readonly number[] {
  return candidates(wall, zone).filter((moment) => wallClock(moment, zone) === wall)
}

/** The moment of a local time as .NET reads it: of a repeated or skipped one in standard time. */
export function momentOf(wall: number, zone: TimeZone): number {
  const [latest] = [...candidates(wall, zone)].reverse()
  return momentsOf(wall, zone).at(-1) ?? latest ?? wall
}

function candidates(wall: number, zone: TimeZone): readonly number[] {
  const offsets = new Set([zone.offsetAt(wall - DAY_MS), zone.offsetAt(wall + DAY_MS)])
  return [...offsets].map((offset) => wall - offset * MINUTE_MS).sort((a, b) => a - b)
}
