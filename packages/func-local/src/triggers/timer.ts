import { resolveSettings } from '../binding-expression.ts'
import { systemClock } from '../clock.ts'
import { timeZoneOf } from '../config/time-zone.ts'
import { formatDate, isoWithOffset } from '../date-text.ts'
import { BindingError, propertyOf, requiredText, type NamedBinding } from '../host/function.ts'
import { hostIdOf } from '../host-id.ts'
import { isObject } from '../config/json-file.ts'
import type { TypedData } from '../protocol.ts'
import type { Services, TriggerEvent, TriggerType } from '../registry.ts'
import { blobService } from '../storage/blobs.ts'
import { resolveConnection } from '../storage/connection.ts'
import { CALLED_VIA_HOST } from './http.ts'
import { jsonOf } from './on-call/hand-data.ts'
import { createTimerListener } from './timer-listener.ts'
import { parseSchedule } from './timer-schedule.ts'
import { createStatusStore, statusJson, type ScheduleStatus, type StatusStore } from './timer-status.ts'
import { zoneOf, type TimeZone } from './timer-zone.ts'

const CATEGORY = 'Host.Triggers.Timer'

/** The timer trigger: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer */
export const timerTrigger: TriggerType = {
  type: 'timerTrigger',
  supportsRetry: true,
  bind: ({ fn, services, invoke }) => {
    const { settings, log } = services
    const zone = zoneOf(timeZoneOf(settings).name)
    const text = resolveSettings(requiredText(fn.trigger, 'schedule'), settings)
    const schedule = parseSchedule(text, zone)
    if (schedule === undefined) {
      throw new BindingError(
        `The schedule expression '${text}' was not recognized as a valid cron expression or timespan string. ` +
          "Write six fields, '{second} {minute} {hour} {day} {month} {day of week}', for example '0 */5 * * * *'.",
      )
    }
    // Timers that fire more than once a minute keep no status.
    const isMonitored = flagOf(fn.trigger, 'useMonitor', true) && !schedule.isFrequent(Date.now())
    const event = (status: ScheduleStatus | undefined, isPastDue: boolean): TriggerEvent =>
      timerEvent(isMonitored ? status : undefined, isPastDue, zone)
    const listener = createTimerListener({
      name: fn.name,
      schedule,
      zone,
      runOnStartup: flagOf(fn.trigger, 'runOnStartup', false),
      store: isMonitored ? statusStore(fn.name, services, zone) : undefined,
      clock: systemClock,
      log: (level, message) => {
        log.write(CATEGORY, level, message)
      },
      run: async (firing) => {
        await invoke({
          ...event(firing.status, firing.isPastDue),
          ...(firing.details === undefined ? {} : { details: firing.details }),
        })
      },
    })
    return {
      ...listener,
      adminEvent: () => ({ ...event(listener.status(), false), reason: CALLED_VIA_HOST }),
      byHand: {
        kind: 'event',
        sample: () => SAMPLE_TIMER,
        event: (data, { isGiven }) => {
          const now = event(listener.status(), false)
          const called = { ...now, reason: CALLED_VIA_HOST }
          return isGiven ? { ...called, data: timerData(data) } : called
        },
      },
    }
  },
}

const SAMPLE_TIMER = '{"schedule":{"adjustForDST":true},"scheduleStatus":null,"isPastDue":false}'

/** The handler's timer is the data, whatever of it there is. @throws {BindingError} */
function timerData(data: Buffer): TypedData {
  const timer = jsonOf(data, `a timer, ${SAMPLE_TIMER} for example`)
  if (!isObject(timer)) throw new BindingError('its data must be a timer, a JSON object.')
  // Keys reach the app in camel case, whatever they are here.
  const whole = { Schedule: { AdjustForDST: true }, ScheduleStatus: null, IsPastDue: false }
  const given = Object.entries(timer).map(([name, value]) => [pascal(name), value] as const)
  return { json: JSON.stringify({ ...whole, ...Object.fromEntries(given) }) }
}

function pascal(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`
}

/** What the library makes the handler's `Timer` of: https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/types/timer.d.ts */
function timerEvent(status: ScheduleStatus | undefined, isPastDue: boolean, zone: TimeZone): TriggerEvent {
  const now = new Date()
  const timer = {
    Schedule: { AdjustForDST: true },
    ScheduleStatus: status === undefined ? null : statusJson(status, zone),
    IsPastDue: isPastDue,
  }
  return {
    data: { json: JSON.stringify(timer) },
    metadata: {},
    bindingData: () => ({ timerTrigger: formatDate(now, 'G') }),
    reason: `Timer fired at ${fullTime(now, zone)}`,
  }
}

/** .NET's round-trip format, in local time. */
function fullTime(date: Date, zone: TimeZone): string {
  const [whole = '', offset = ''] = isoWithOffset(
    new Date(Math.floor(date.getTime() / 1000) * 1000),
    zone.offsetAt(date.getTime()),
  ).split(/(?=[+-]\d\d:\d\d$)/)
  return `${whole}.${String(date.getUTCMilliseconds()).padStart(3, '0')}0000${offset}`
}

/** Where the status is kept; without host storage nowhere, and the timer still runs. */
function statusStore(name: string, services: Services, zone: TimeZone): StatusStore | undefined {
  const { settings, hostConfig, log } = services
  try {
    resolveConnection(settings, undefined)
  } catch (error) {
    if (!(error instanceof BindingError)) throw error
    log.warn(
      `The schedule of '${name}' is not kept over restarts, because AzureWebJobsStorage is not set. Set it in local.settings.json (UseDevelopmentStorage=true for Azurite).`,
    )
    return undefined
  }
  return createStatusStore(
    () => blobService(settings, undefined),
    hostIdOf(settings, hostConfig),
    `Host.Functions.${name}`,
    zone,
  )
}

function flagOf(trigger: NamedBinding, property: string, fallback: boolean): boolean {
  const value = propertyOf(trigger, property)
  if (value === undefined || value === null) return fallback
  if (typeof value === 'boolean') return value
  throw new BindingError(`'${property}' of its timer trigger must be true or false.`)
}
