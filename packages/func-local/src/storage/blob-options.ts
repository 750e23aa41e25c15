import { availableParallelism } from 'node:os'
import type { HostConfig } from '../config/host-config.ts'
import { INT32_MAX, wholeNumber } from '../config/value-schemas.ts'

/** How blob triggers run. */
export interface BlobOptions {
  /** How many blobs a function handles at a time. */
  readonly maxDegreeOfParallelism: number
  /** How often a function may fail for a version of a blob. */
  readonly poisonBlobThreshold: number
}

const PER_PROCESSOR = 8
const DEFAULT_THRESHOLD = 5
const read = new WeakMap<HostConfig, BlobOptions>()

/**
 * The `extensions.blobs` section of `host.json`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob#hostjson-settings
 */
export function readBlobOptions(hostConfig: HostConfig): BlobOptions {
  let options = read.get(hostConfig)
  if (options === undefined) {
    options = {
      maxDegreeOfParallelism: PER_PROCESSOR * availableParallelism(),
      poisonBlobThreshold: DEFAULT_THRESHOLD,
      ...hostConfig.section('extensions.blobs', {
        maxDegreeOfParallelism: wholeNumber(1, INT32_MAX),
        poisonBlobThreshold: wholeNumber(1, INT32_MAX),
      }),
    }
    read.set(hostConfig, options)
  }
  return options
}
