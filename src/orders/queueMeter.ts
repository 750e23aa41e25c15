/** What waits in one queue at one moment. */
export interface QueueMeasurement {
  readonly queue: string
  /** How many messages there are, those in process included; storage calls it approximate. */
  readonly depth: number
  /** Age in seconds of the oldest message that can be seen; absent when none can. */
  readonly oldestSeconds?: number
}

/** Port: what waits in the queues, the poison queue included. Ends in bounded time. */
export interface QueueMeter {
  /** Throws when storage gives no answer. */
  measure(): Promise<readonly QueueMeasurement[]>
}
