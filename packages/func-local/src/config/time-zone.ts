import type { Settings } from './settings.ts'

/**
 * The time zone of the app, for its handlers and its timers: `WEBSITE_TIME_ZONE` where that is an IANA name, else `TZ`;
 * `undefined` means the machine's own.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-app-settings#website_time_zone
 */
export function timeZoneOf(settings: Settings): string | undefined {
  const website = settings.get('WEBSITE_TIME_ZONE') ?? ''
  if (website !== '' && isTimeZone(website)) return website
  const zone = settings.get('TZ') ?? ''
  return zone === '' ? undefined : zone
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}
