import { describe, expect, test } from '@jest/globals'
import { settingsOf } from '../src/config/settings.ts'
import { timeZoneOf } from '../src/config/time-zone.ts'
import { zoneNamed, zoneOf } from '../src/triggers/timer-zone.ts'

const SUMMER = Date.UTC(2026, 6, 1)
const WINTER = Date.UTC(2026, 0, 1)

// https://learn.microsoft.com/azure/azure-functions/functions-app-settings#website_time_zone
describe('the zone of an app, for its handlers and its timers', () => {
  test.each([
    [{ WEBSITE_TIME_ZONE: 'Europe/Berlin', TZ: 'Asia/Tokyo' }, 'Europe/Berlin', 60, 120],
    [{ TZ: 'Asia/Tokyo' }, 'Asia/Tokyo', 540, 540],
    [{ WEBSITE_TIME_ZONE: '', TZ: 'America/St_Johns' }, 'America/St_Johns', -210, -150],
    [{ TZ: 'UTC' }, 'UTC', 0, 0],
  ])('%j is %s', (settings, name, winter, summer) => {
    const chosen = timeZoneOf(settingsOf(new Map(Object.entries(settings))))
    expect(chosen).toEqual({ name, problem: undefined })
    const zone = zoneOf(chosen.name)
    expect(zone.name).toBe(name)
    expect(zone.offsetAt(WINTER)).toBe(winter)
    expect(zone.offsetAt(SUMMER)).toBe(summer)
  })

  test("is the machine's own without settings", () => {
    expect(timeZoneOf(settingsOf(new Map()))).toEqual({ name: undefined, problem: undefined })
    const zone = zoneOf(undefined)
    expect(zone.name).toBe('local time')
    expect(zone.offsetAt(SUMMER)).toBe(-new Date(SUMMER).getTimezoneOffset())
  })

  test.each([
    [{ WEBSITE_TIME_ZONE: 'W. Europe Standard Time' }, undefined, "this machine's"],
    [{ WEBSITE_TIME_ZONE: 'W. Europe Standard Time', TZ: 'Asia/Tokyo' }, 'Asia/Tokyo', "TZ, 'Asia/Tokyo'"],
  ])('a Windows name is not a zone here: %j is warned of', (settings, name, used) => {
    expect(timeZoneOf(settingsOf(new Map(Object.entries(settings))))).toEqual({
      name,
      problem: `WEBSITE_TIME_ZONE is 'W. Europe Standard Time', which is not an IANA time zone ('Europe/Berlin' for example); the time zone is ${used}.`,
    })
  })

  test("a TZ that is not an IANA name is left to the process's own clock", () => {
    expect(zoneOf('nowhere').name).toBe('local time')
  })

  test('a name of no zone', () => {
    expect(zoneNamed('nowhere')).toBeUndefined()
    expect(zoneNamed('')).toBeUndefined()
  })
})
