import host from '../../host.json' with { type: 'json' }
import { settingValues } from '../settings.ts'

const SETTING = ['extensions', 'queues', 'maxDequeueCount']
// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
const DEFAULT = 5

/**
 * How often the host delivers a queue message at most: `maxDequeueCount` of the environment, which takes precedence, or
 * of host.json. With a value that is not a whole number from 1 on, the host does not start.
 * https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values
 */
export function maxDequeueCount(environment: NodeJS.ProcessEnv, hostJson: unknown = host): number {
  const overrides = settingValues(environment, ['AzureFunctionsJobHost', ...SETTING].join(':'))
  // The host takes one of several spellings, and which one is not defined (.NET enumerates a hash table). With the smallest
  // value the last delivery is never missed.
  const counts = overrides.map(count).filter((value) => value !== undefined)
  return counts.length > 0 ? Math.min(...counts) : (count(valueAt(hostJson, SETTING)) ?? DEFAULT)
}

function count(value: unknown): number | undefined {
  const number = typeof value === 'string' ? numberIn(value.trim()) : value
  return isCount(number) ? number : undefined
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0
}

/** .NET also takes hexadecimal digits: https://learn.microsoft.com/dotnet/api/system.componentmodel.int32converter */
function numberIn(text: string): number | undefined {
  const hex = /^(?:#|0x|&h)([0-9a-f]{1,8})$/i.exec(text)?.[1]
  if (hex !== undefined) return Number.parseInt(hex, 16)
  return /^\+?\d+$/.test(text) ? Number(text) : undefined
}

/** The host compares the keys of host.json case-insensitively. */
function valueAt(json: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return json
  const entry = Object.entries(Object(json) as object).find(
    ([key]) => key.toLowerCase() === name.toLowerCase(),
  )
  return entry === undefined ? undefined : valueAt(entry[1], rest)
}
