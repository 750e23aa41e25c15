import { Cron } from 'croner'
import { parseTimeSpan } from '../config/time-span.ts'
import { momentOf, momentsOf, wallClock, type TimeZone } from './timer-zone.ts'

/** When a timer fires. */
export interface Schedule {
  /** As the real host shows it, for example `Constant: 00:05:00`. */
  readonly description: string
  /** The first occurrence after a moment, `undefined` when there is none. */
  readonly next: (after: number) => number | undefined
  /** Whether it may fire more than once a minute. */
  readonly isFrequent: (now: number) => boolean
}

const MINUTE_MS = 60_000

/**
 * Reads a schedule: an NCRONTAB expression with six fields, or five without seconds, or a time span.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 *
 * `undefined` when it is none of them.
 */
export function parseSchedule(text: string, zone: TimeZone): Schedule | undefined {
  return cronSchedule(text, zone) ?? constantSchedule(text)
}

function constantSchedule(text: string): Schedule | undefined {
  // `24:00:00` is 24 days: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#timespan
  const days = /^\s*(\d+):(\d\d):(\d\d)\s*$/.exec(text)
  const interval =
    days !== null && Number(days[1]) >= 24
      ? parseTimeSpan(`${days[1]}.${days[2]}:${days[3]}:00`)
      : parseTimeSpan(text)
  if (interval === undefined || interval <= 0) return undefined
  return {
    description: `Constant: ${text.trim()}`,
    next: (after) => after + interval,
    isFrequent: () => interval < MINUTE_MS,
  }
}

/**
 * The rules for summer time are the real host's; the cron library only reckons in local time, as if that had none:
 * https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Scheduling/CronSchedule.cs
 */
function cronSchedule(text: string, zone: TimeZone): Schedule | undefined {
  const given = text.trim().split(/\s+/)
  if (given.length !== 5 && given.length !== 6) return undefined
  const six = given.length === 5 ? ['0', ...given] : given
  const fields = six.map((field, i) => valuesOf(field, FIELDS[i] ?? NO_FIELD))
  if (fields.includes(undefined)) return undefined
  const cron = new Cron(fields.join(' '), { mode: '6-part', domAndDow: true, timezone: 'UTC', paused: true })
  // A schedule that repeats within a day keeps its interval when clocks change; one at fixed times runs once a day.
  const repeats = given.slice(0, given.length === 6 ? 3 : 2).some((field) => /[*/-]/.test(field))

  const nextWall = (wall: number): number | undefined => cron.nextRun(new Date(wall))?.getTime()
  const isRepeated = (wall: number): boolean => momentsOf(wall, zone).length > 1

  const next = (after: number): number | undefined => {
    const wallNow = wallClock(after, zone)
    let wallNext = nextWall(wallNow)
    if (wallNext === undefined) return undefined
    const moment = momentOf(wallNext, zone)
    const nowRepeated = isRepeated(wallNow)
    const nextRepeated = isRepeated(wallNext)
    if (!nowRepeated && !nextRepeated) return moment
    const shift = (zone.offsetAt(moment) - zone.offsetAt(after)) * MINUTE_MS
    if (repeats) return moment + shift
    if (shift !== 0) return nextRepeated ? moment + shift : moment
    // The second time that clocks show it: it has fired the first time.
    while (wallNext !== undefined && isRepeated(wallNext)) wallNext = nextWall(wallNext)
    return wallNext === undefined ? undefined : momentOf(wallNext, zone)
  }
  return {
    description: `Cron: '${given.join(' ')}'`,
    next,
    isFrequent: (now) => {
      const first = next(now)
      const second = first === undefined ? undefined : next(first)
      return second !== undefined && second <= now + MINUTE_MS
    },
  }
}

interface Field {
  readonly min: number
  readonly max: number
  readonly names: readonly string[]
}

const MONTHS = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december'] // prettier-ignore
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const NO_FIELD: Field = { min: 0, max: 0, names: [] }
const FIELDS: readonly Field[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: WEEKDAYS },
]

/**
 * One NCRONTAB field as the list of its values. Read here, because cron libraries know more than NCRONTAB (`L`, `#`,
 * `@daily`, Sunday as 7), and what works locally must work in Azure:
 * https://github.com/atifaziz/NCrontab/wiki/Crontab-Expression
 */
function valuesOf(field: string, kind: Field): string | undefined {
  if (field === '*') return '*'
  const values = new Set<number>()
  for (const part of field.split(',')) {
    const match = /^(\*|[\p{L}\d]+)(?:-([\p{L}\d]+))?(?:\/(\d+))?$/u.exec(part)
    if (match === null) return undefined
    const [, first = '', last, every] = match
    if (first === '*' && last !== undefined) return undefined
    const step = every === undefined ? 1 : Number(every)
    const from = first === '*' ? kind.min : valueOf(first, kind)
    const to =
      last !== undefined ? valueOf(last, kind) : first === '*' || every !== undefined ? kind.max : from
    if (step < 1 || from === undefined || to === undefined) return undefined
    for (let value = Math.min(from, to); value <= Math.max(from, to); value += step) values.add(value)
  }
  return [...values].sort((a, b) => a - b).join(',')
}

function valueOf(text: string, { min, max, names }: Field): number | undefined {
  if (/^\d+$/.test(text)) {
    const value = Number(text)
    return value >= min && value <= max ? value : undefined
  }
  const index = names.findIndex((name) => name.startsWith(text.toLowerCase()))
  return index < 0 ? undefined : index + min
}
