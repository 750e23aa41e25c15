import { describe, expect, test } from '@jest/globals'
import { settingsOf } from '../src/config/settings.ts'
import { timerZone, zoneNamed } from '../src/triggers/timer-zone.ts'
import { createFakeLog } from './harness/fake-log.ts'

const SUMMER = Date.UTC(2026, 6, 1)
const WINTER = Date.UTC(2026, 0, 1)

// https://learn.microsoft.com/azure/azure-functions/functions-app-settings#website_time_zone
describe("the zone of an app's timers", () => {
  test.each([
    [{ WEBSITE_TIME_ZONE: 'Europe/Berlin', TZ: 'Asia/Tokyo' }, 'Europe/Berlin', 60, 120],
    [{ TZ: 'Asia/Tokyo' }, 'Asia/Tokyo', 540, 540],
    [{ WEBSITE_TIME_ZONE: '', TZ: 'America/St_Johns' }, 'America/St_Johns', -210, -150],
    [{ TZ: 'UTC' }, 'UTC', 0, 0],
  ])('%j is %s', (settings, name, winter, summer) => {
    const log = createFakeLog()
    const zone = timerZone(settingsOf(new Map(Object.entries(settings))), log)
    expect(zone.name).toBe(name)
    expect(zone.offsetAt(WINTER)).toBe(winter)
    expect(zone.offsetAt(SUMMER)).toBe(summer)
    expect(log.lines).toEqual([])
  })

  test("is the machine's own without settings", () => {
    const zone = timerZone(settingsOf(new Map()), createFakeLog())
    expect(zone.name).toBe('local time')
    expect(zone.offsetAt(SUMMER)).toBe(-new Date(SUMMER).getTimezoneOffset())
  })

  test.each([
    [{ WEBSITE_TIME_ZONE: 'W. Europe Standard Time' }, 'the local time of this machine'],
    [{ WEBSITE_TIME_ZONE: 'W. Europe Standard Time', TZ: 'Asia/Tokyo' }, "TZ, 'Asia/Tokyo'"],
    [{ WEBSITE_TIME_ZONE: 'W. Europe Standard Time', TZ: 'nowhere' }, 'the local time of this machine'],
  ])('a Windows name is no zone here: %j is warned of', (settings, used) => {
    const log = createFakeLog()
    timerZone(settingsOf(new Map(Object.entries(settings))), log)
    expect(log.lines).toEqual([
      `warning WEBSITE_TIME_ZONE is 'W. Europe Standard Time', which is not an IANA time zone ('Europe/Berlin' for example); timers use ${used}.`,
    ])
  })

  test('a name of no zone', () => {
    expect(zoneNamed('nowhere')).toBeUndefined()
    expect(zoneNamed('')).toBeUndefined()
  })
})
