import type { Settings } from './settings.ts'

/** The time zone that an app's settings name. */
export interface ChosenTimeZone {
  /** The value of `TZ` for the app's process; `undefined` means the machine's own zone. */
  readonly name: string | undefined
  /** Why a setting has no effect, in one line. */
  readonly problem: string | undefined
}

/**
 * The time zone of the app, for its handlers and its timers: `WEBSITE_TIME_ZONE` where that is an IANA name, else `TZ`,
 * else the machine's own.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-app-settings#website_time_zone
 */
export function timeZoneOf(settings: Settings): ChosenTimeZone {
  const website = settings.get('WEBSITE_TIME_ZONE') ?? ''
  if (website !== '' && isTimeZone(website)) return { name: website, problem: undefined }
  const zone = settings.get('TZ') ?? ''
  const used = zone === '' ? "this machine's" : `TZ, '${zone}'`
  return {
    name: zone === '' ? undefined : zone,
    problem:
      website === ''
        ? undefined
        : `WEBSITE_TIME_ZONE is '${website}', which is not an IANA time zone ('Europe/Berlin' for example); the time zone is ${used}.`,
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}
