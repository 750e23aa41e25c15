import { settingValues } from '../settings.ts'

/** App setting: how many lines of a file are on their way at a time. */
export const IMPORT_CONCURRENCY = 'IMPORT_CONCURRENCY'

/**
 * The fastest where a table responds at once; with 10 ms more for each request, 64 are 13 % faster and 256 are 28 %
 * (docs/performance.md, j). It is also what one instance takes from the queue at a time.
 */
const DEFAULT = 32
const MAX = 256

/** The setting has a value that it cannot have. */
export class ImportSettingsError extends Error {
  override readonly name = 'ImportSettingsError'
}

/**
 * How many lines of a file are on their way to storage at a time.
 *
 * @throws ImportSettingsError for a value that is no whole number from 1 to 256
 */
export function importConcurrency(environment: NodeJS.ProcessEnv): number {
  const [value] = settingValues(environment, IMPORT_CONCURRENCY)
  if (value === undefined) return DEFAULT
  const count = /^\d+$/.test(value.trim()) ? Number(value) : 0
  if (count >= 1 && count <= MAX) return count
  throw new ImportSettingsError(`${IMPORT_CONCURRENCY} is a whole number from 1 to ${MAX}.`)
}

/** App setting: how the host finds files to import. */
export const IMPORT_SOURCE = 'IMPORT_SOURCE'

const SOURCES = ['LogsAndContainerScan', 'EventGrid'] as const

/**
 * How the host finds files: by looking at the container, which a local host does, or by events, without which Flex Consumption
 * finds none. https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations
 *
 * A value that is neither goes to the host as it is, which refuses this function and no other.
 */
export function importSource(environment: NodeJS.ProcessEnv): (typeof SOURCES)[number] {
  const [value] = settingValues(environment, IMPORT_SOURCE)
  const wanted = value?.trim().toLowerCase()
  return (
    SOURCES.find((source) => source.toLowerCase() === wanted) ??
    ((value ?? SOURCES[0]) as (typeof SOURCES)[0])
  )
}
