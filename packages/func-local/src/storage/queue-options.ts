import { availableParallelism } from 'node:os'
import type { HostConfig } from '../config/host-config.ts'
import { timeSpan, wholeNumber, word } from '../config/value-schemas.ts'
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
      newBatchThreshold: wholeNumber(0, 1_000_000),
      visibilityTimeout: timeSpan(0, 7 * DAY),
      maxDequeueCount: wholeNumber(1, 1_000_000),
      maxPollingInterval: timeSpan(100, DAY),
      messageEncoding: word(['base64', 'none']),
    })
    const batchSize = section.batchSize ?? DEFAULTS.batchSize
    options = {
      ...DEFAULTS,
      newBatchThreshold: Math.floor(batchSize / 2) * availableParallelism(),
      ...section,
    }
    read.set(hostConfig, options)
  }
  return options
}
