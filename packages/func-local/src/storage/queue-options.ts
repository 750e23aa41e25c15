import { availableParallelism } from 'node:os'
import type { HostConfig } from '../config/host-config.ts'
import { INT32_MAX, timeSpan, wholeNumber, word } from '../config/value-schemas.ts'
import type { MessageEncoding } from './queue-encoding.ts'

/** How queues are read and written; durations in milliseconds. */
export interface QueueOptions {
  readonly batchSize: number
  readonly newBatchThreshold: number
  readonly visibilityTimeout: number
  readonly maxDequeueCount: number
  readonly maxPollingInterval: number
  readonly messageEncoding: MessageEncoding
}

const DAY = 24 * 60 * 60 * 1000
const DEFAULTS = {
  batchSize: 16,
  visibilityTimeout: 0,
  maxDequeueCount: 5,
  // A minute in Azure; under a local start the host polls at least every two seconds.
  maxPollingInterval: 2000,
  messageEncoding: 'base64',
} as const
const read = new WeakMap<HostConfig, QueueOptions>()

/**
 * The `extensions.queues` section of `host.json`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
 */
export function readQueueOptions(hostConfig: HostConfig): QueueOptions {
  let options = read.get(hostConfig)
  if (options === undefined) {
    const section = hostConfig.section('extensions.queues', {
      batchSize: wholeNumber(1, 32),
      newBatchThreshold: wholeNumber(0, INT32_MAX),
      visibilityTimeout: timeSpan(),
      maxDequeueCount: wholeNumber(1, INT32_MAX),
      maxPollingInterval: timeSpan(100),
      messageEncoding: word(['none', 'base64']),
    })
    const batchSize = section.batchSize ?? DEFAULTS.batchSize
    options = {
      ...DEFAULTS,
      newBatchThreshold: Math.floor(batchSize / 2) * availableParallelism(),
      ...section,
      // The real host starts with any time span; the service takes these.
      visibilityTimeout: Math.min(
        7 * DAY,
        Math.max(0, section.visibilityTimeout ?? DEFAULTS.visibilityTimeout),
      ),
      maxPollingInterval: Math.min(DAY, section.maxPollingInterval ?? DEFAULTS.maxPollingInterval),
    }
    read.set(hostConfig, options)
  }
  return options
}
