import type { HostConfig } from '../config/host-config.ts'
import { flag, text, textRecord, wholeNumber } from '../config/value-schemas.ts'
import type { ThrottleLimits } from './throttle.ts'

const DEFAULT_PREFIX = 'api'
const NO_LIMIT = -1
const LARGEST_INT = 2 ** 31 - 1

const SHAPE = {
  routePrefix: text(),
  customHeaders: textRecord(),
  maxConcurrentRequests: wholeNumber(-LARGEST_INT - 1, LARGEST_INT),
  maxOutstandingRequests: wholeNumber(-LARGEST_INT - 1, LARGEST_INT),
  dynamicThrottlesEnabled: flag(),
}
const IGNORED = ['hsts']

/** The section of `host.json`: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook#hostjson-settings */
function httpOptions(hostConfig: HostConfig): {
  readonly routePrefix?: string
  readonly customHeaders?: Record<string, string>
  readonly maxConcurrentRequests?: number
  readonly maxOutstandingRequests?: number
} {
  return hostConfig.section('extensions.http', SHAPE, IGNORED)
}

/** Headers for every response of a function. */
export function customHeaders(hostConfig: HostConfig): Readonly<Record<string, string>> {
  return httpOptions(hostConfig).customHeaders ?? {}
}

/** How many HTTP requests may run at once. */
export function throttleLimits(hostConfig: HostConfig): ThrottleLimits {
  const { maxConcurrentRequests = NO_LIMIT, maxOutstandingRequests = NO_LIMIT } = httpOptions(hostConfig)
  return { concurrent: maxConcurrentRequests, outstanding: maxOutstandingRequests }
}

/** What stands before every route. `null` is nothing; a number or a truth value is its text, as .NET's configuration has it. */
export function routePrefix(hostConfig: HostConfig): string {
  return httpOptions(hostConfig).routePrefix ?? DEFAULT_PREFIX
}
