import type { BlobServiceClient } from '@azure/storage-blob'
import { isObject } from '../config/json-file.ts'
import { isoWithOffset } from '../date-text.ts'
import { HOST_CONTAINER } from '../storage/blobs.ts'
import { isCode, statusOf } from '../storage/errors.ts'
import type { Schedule } from './timer-schedule.ts'
import type { TimeZone } from './timer-zone.ts'
import { jsonIn } from '../json-text.ts'

/** What is known of a timer's occurrences; `undefined` where there was none yet. */
export interface ScheduleStatus {
  readonly last: number | undefined
  readonly next: number
  readonly lastUpdated: number | undefined
}

/** Keeps the schedule status of one timer over restarts. */
export interface StatusStore {
  readonly read: () => Promise<ScheduleStatus | undefined>
  readonly write: (status: ScheduleStatus) => Promise<void>
}

const NO_DATE = '0001-01-01T00:00:00+00:00'

/** A status as JSON for the app and for storage, in the real host's names. */
export function statusJson(status: ScheduleStatus, zone: TimeZone): Readonly<Record<string, string>> {
  const text = (moment: number | undefined): string =>
    moment === undefined ? NO_DATE : isoWithOffset(new Date(moment), zone.offsetAt(moment))
  return { Last: text(status.last), Next: text(status.next), LastUpdated: text(status.lastUpdated) }
}

/**
 * The status lives where the real host keeps it, in `azure-webjobs-hosts/timers/<host id>/<function>/status`:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Host/AzureStorageScheduleMonitor.cs
 */
export function createStatusStore(
  service: () => Promise<BlobServiceClient>,
  hostId: string,
  functionId: string,
  zone: TimeZone,
): StatusStore {
  const name = `timers/${hostId}/${functionId}/status`
  return {
    read: async () => {
      const blob = (await service()).getContainerClient(HOST_CONTAINER).getBlobClient(name)
      try {
        return parse((await blob.downloadToBuffer()).toString('utf8'))
      } catch (error) {
        if (statusOf(error) === 404) return undefined
        throw error
      }
    },
    write: async (status) => {
      const container = (await service()).getContainerClient(HOST_CONTAINER)
      const blob = container.getBlockBlobClient(name)
      const body = JSON.stringify(statusJson(status, zone))
      try {
        await blob.upload(body, Buffer.byteLength(body))
      } catch (error) {
        if (!isCode(error, 'ContainerNotFound')) throw error
        await container.createIfNotExists()
        await blob.upload(body, Buffer.byteLength(body))
      }
    },
  }
}

function parse(text: string): ScheduleStatus | undefined {
  const value = jsonIn(text)
  if (!isObject(value)) return undefined
  const read = (key: string): number | undefined => {
    const found = value[key]
    const moment = typeof found === 'string' && !found.startsWith('0001-') ? Date.parse(found) : NaN
    return Number.isNaN(moment) ? undefined : moment
  }
  const next = read('Next')
  return next === undefined ? undefined : { last: read('Last'), next, lastUpdated: read('LastUpdated') }
}

/**
 * What a start makes of the stored status: whether an occurrence was missed, and the status from here on. A schedule
 * that was changed meanwhile misses nothing:
 * https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Scheduling/ScheduleMonitor.cs
 *
 * `undefined` when the schedule has no further occurrence.
 */
export function resume(
  stored: ScheduleStatus | undefined,
  schedule: Schedule,
  now: number,
): { status: ScheduleStatus; isPastDue: boolean; isChanged: boolean } | undefined {
  const upcoming = schedule.next(now)
  if (stored === undefined) {
    if (upcoming === undefined) return undefined
    const status = { last: undefined, next: upcoming, lastUpdated: now }
    return { status, isPastDue: false, isChanged: true }
  }
  const basis = stored.last ?? stored.lastUpdated ?? now
  const expected = schedule.next(basis)
  if (expected === stored.next) {
    return { status: stored, isPastDue: now > stored.next, isChanged: false }
  }
  const isLate = expected === undefined || now > expected
  const next = isLate ? upcoming : expected
  if (next === undefined) return undefined
  const status = { last: undefined, next, lastUpdated: isLate ? now : basis }
  return { status, isPastDue: false, isChanged: true }
}
