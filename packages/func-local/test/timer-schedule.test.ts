import { describe, expect, test } from '@jest/globals'
import { parseSchedule, type Schedule } from '../src/triggers/timer-schedule.ts'
import { zoneNamed, type TimeZone } from '../src/triggers/timer-zone.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
describe('timer schedules', () => {
  test.each([
    ['0 */5 * * * *', '2026-03-01T10:01:00Z', '2026-03-01T10:05:00.000Z'],
    ['0 0 * * * *', '2026-03-01T10:00:00Z', '2026-03-01T11:00:00.000Z'],
    ['0 0 9-17 * * *', '2026-03-01T17:30:00Z', '2026-03-02T09:00:00.000Z'],
    ['0 30 9 * * 1-5', '2026-02-27T10:00:00Z', '2026-03-02T09:30:00.000Z'],
    ['0 30 9 * Jan Mon', '2026-03-01T00:00:00Z', '2027-01-04T09:30:00.000Z'],
    ['0 30 9 * january monday', '2026-03-01T00:00:00Z', '2027-01-04T09:30:00.000Z'],
    ['5/15 0 0 * * *', '2026-03-01T00:00:05Z', '2026-03-01T00:00:20.000Z'],
    ['0 5,8,10 * * * *', '2026-03-01T10:05:00Z', '2026-03-01T10:08:00.000Z'],
    // Five fields have no seconds.
    ['*/5 * * * *', '2026-03-01T10:01:00Z', '2026-03-01T10:05:00.000Z'],
    // A day of the month and a day of the week must both match, unlike in cron.
    ['0 0 0 13 * 5', '2026-03-14T00:00:00Z', '2026-11-13T00:00:00.000Z'],
    ['  0   0  12 * *  * ', '2026-03-01T10:00:00Z', '2026-03-01T12:00:00.000Z'],
    // The ends of each field, and a range that is written the other way round.
    ['59 59 23 31 12 *', '2026-03-01T00:00:00Z', '2026-12-31T23:59:59.000Z'],
    ['0 0 0 1 1 *', '2026-03-01T00:00:00Z', '2027-01-01T00:00:00.000Z'],
    ['0 0 0 * * 6', '2026-03-01T00:00:00Z', '2026-03-07T00:00:00.000Z'],
    ['0 0 0 * * 0', '2026-03-01T00:00:00Z', '2026-03-08T00:00:00.000Z'],
    ['0 0 0 * * Mon-Wed', '2026-03-04T00:00:00Z', '2026-03-09T00:00:00.000Z'],
    ['0 0 17-9 * * *', '2026-03-01T17:30:00Z', '2026-03-02T09:00:00.000Z'],
    ['0 0 10-14/2 * * *', '2026-03-01T12:30:00Z', '2026-03-01T14:00:00.000Z'],
    ['0 0 10-14/2 * * *', '2026-03-01T14:30:00Z', '2026-03-02T10:00:00.000Z'],
    ['0 50/5 * * * *', '2026-03-01T10:56:00Z', '2026-03-01T11:50:00.000Z'],
    ['0 */1 * * * *', '2026-03-01T10:01:00Z', '2026-03-01T10:02:00.000Z'],
    ['0 10,9,2 * * * *', '2026-03-01T10:03:00Z', '2026-03-01T10:09:00.000Z'],
    ['0 0 0 1 */6 *', '2026-03-01T00:00:00Z', '2026-07-01T00:00:00.000Z'],
  ])('%s after %s is %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected)
  })

  test.each([
    ['00:00:10', '2026-03-01T10:00:00Z', '2026-03-01T10:00:10.000Z'],
    ['01:00', '2026-03-01T10:00:00Z', '2026-03-01T11:00:00.000Z'],
    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#timespan
    ['24:00:00', '2026-03-01T10:00:00Z', '2026-03-25T10:00:00.000Z'],
    ['1.00:00:00', '2026-03-01T10:00:00Z', '2026-03-02T10:00:00.000Z'],
    ['23:59:59', '2026-03-01T10:00:00Z', '2026-03-02T09:59:59.000Z'],
    ['30:10:20', '2026-03-01T10:00:00Z', '2026-03-31T20:20:00.000Z'],
    [' 25:00:00 ', '2026-03-01T10:00:00Z', '2026-03-26T10:00:00.000Z'],
  ])('the time span %s after %s is %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected)
  })

  test.each(['', '* * *', '* * * * * * *', '60 * * * * *', '0 0 0 * * 7', '0 0 0 L * *', '0 0 0 * * 5#1', '@daily', '0 0 0 ? * *', '*/0 * * * * *', 'a b c d e f', '-00:00:01', '00:00:00', '0 0 0 32 * *', '0 0 0 0 * *', '0 0 0 * 13 *', '0 0 0 * 0 *', '0 0 24 * * *', '0 60 * * * *', '*-5 * * * * *', '1-x * * * * *', '1-60 * * * * *', '0 0 0 * x1 *', '0 0 0 * 1x *', '1/0 * * * * *', '1,,2 * * * * *', '1-2-3 * * * * *', '1- * * * * *', '/5 * * * * *', 'x0 * * * * *', '0 0 0 * Jänner *', '0 0 0 * * Someday', 'Mon 0 0 * * *', '24:60:00', '25:00:0x', 'x25:00:00', '25:00:00x'])(
    "'%s' is no schedule",
    (expression) => {
      expect(parseSchedule(expression, zone('UTC'))).toBeUndefined()
    },
  ) // prettier-ignore

  test.each([
    [' 0  */5 * * * * ', "Cron: '0 */5 * * * *'"],
    ['*/5 * * * *', "Cron: '*/5 * * * *'"],
    [' 00:05:00 ', 'Constant: 00:05:00'],
  ])('%j is shown as %s', (text, description) => {
    expect(parsed(text, zone('UTC')).description).toBe(description)
  })

  test('a date that never comes has no occurrence', () => {
    expect(next('0 0 0 30 2 *', '2026-03-01T00:00:00Z')).toBeUndefined()
  })

  // https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Scheduling/CronSchedule.cs
  describe('in a zone with summer time', () => {
    test('fixed times follow local time', () => {
      expect(series('0 30 9 * * *', '2026-03-27T12:00:00Z', 3)).toEqual([
        '2026-03-28T08:30:00.000Z',
        '2026-03-29T07:30:00.000Z',
        '2026-03-30T07:30:00.000Z',
      ])
    })

    test('a fixed time that clocks skip comes an hour later', () => {
      expect(series('0 30 2 * * *', '2026-03-28T12:00:00Z', 2)).toEqual([
        '2026-03-29T01:30:00.000Z',
        '2026-03-30T00:30:00.000Z',
      ])
    })

    test('a fixed time that clocks show twice comes the first time only', () => {
      expect(series('0 30 2 * * *', '2026-10-24T12:00:00Z', 2)).toEqual([
        '2026-10-25T00:30:00.000Z',
        '2026-10-26T01:30:00.000Z',
      ])
      // Started between the two: it has been there.
      expect(series('0 30 2 * * *', '2026-10-25T01:10:00Z', 1)).toEqual(['2026-10-26T01:30:00.000Z'])
    })

    test('five fields follow the same rules', () => {
      expect(series('30 2 * * *', '2026-10-24T12:00:00Z', 2)).toEqual([
        '2026-10-25T00:30:00.000Z',
        '2026-10-26T01:30:00.000Z',
      ])
      expect(series('*/30 * * * *', '2026-10-25T00:15:00Z', 3)).toEqual([
        '2026-10-25T00:30:00.000Z',
        '2026-10-25T01:00:00.000Z',
        '2026-10-25T01:30:00.000Z',
      ])
      // The hour repeats, the minute does not.
      expect(series('30 * * * *', '2026-10-24T23:45:00Z', 3)).toEqual(
        series('0 30 * * * *', '2026-10-24T23:45:00Z', 3),
      )
    })

    test('a time that is only in the repeated hour, and never again, has no further occurrence', () => {
      const once = parsed('0 30 2 25 10 *', zone('Europe/Berlin'))
      expect(isoOf(once.next(Date.parse('2026-10-25T01:10:00Z')))).toBe('2027-10-25T00:30:00.000Z')
    })

    test('an interval goes on through the repeated hour', () => {
      expect(series('0 */30 * * * *', '2026-10-24T23:45:00Z', 6)).toEqual([
        '2026-10-25T00:00:00.000Z',
        '2026-10-25T00:30:00.000Z',
        '2026-10-25T01:00:00.000Z',
        '2026-10-25T01:30:00.000Z',
        '2026-10-25T02:00:00.000Z',
        '2026-10-25T02:30:00.000Z',
      ])
    })
  })

  // https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Scheduling/TimerSchedule.cs
  test.each([
    ['*/30 * * * * *', true],
    ['0 * * * * *', false],
    ['00:00:59', true],
    ['00:01:00', false],
    ['0,59 * * * * *', true],
    ['0 0 0 30 2 *', false],
    ['0 0 0 29 2 *', false],
  ])('%s: more than once a minute is %s', (expression, expected) => {
    const now = Date.parse('2026-03-01T10:00:00Z')
    expect(parsed(expression, zone('UTC')).isFrequent(now)).toBe(expected)
  })
})

function series(expression: string, after: string, count: number): (string | undefined)[] {
  const schedule = parsed(expression, zone('Europe/Berlin'))
  let moment: number | undefined = Date.parse(after)
  return Array.from({ length: count }, () => {
    moment = moment === undefined ? undefined : schedule.next(moment)
    return isoOf(moment)
  })
}

function next(expression: string, after: string): string | undefined {
  return isoOf(parsed(expression, zone('UTC')).next(Date.parse(after)))
}

function isoOf(moment: number | undefined): string | undefined {
  return moment === undefined ? undefined : new Date(moment).toISOString()
}

function parsed(expression: string, timeZone: TimeZone): Schedule {
  const schedule = parseSchedule(expression, timeZone)
  if (schedule === undefined) throw new Error(`'${expression}' is no schedule.`)
  return schedule
}

function zone(name: string): TimeZone {
  const found = zoneNamed(name)
  if (found === undefined) throw new Error(`There is no time zone '${name}'.`)
  return found
}
