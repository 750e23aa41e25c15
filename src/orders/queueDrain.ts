/** One delivery of a queue message, and what is known of it. */
export interface QueuedMessage {
  /** The message's exact bytes. */
  readonly message: Uint8Array
  /** The queue message's own id. A text that the host's admin API delivers has none. */
  readonly messageId: string | undefined
  /** How often it was delivered, this time included. */
  readonly dequeueCount: number | undefined
  readonly insertedAt: Date | undefined
}

/** A queue, and how many messages left it. */
export interface DrainedQueue {
  readonly queue: string
  readonly messages: number
}

/** Port: the queues that no function consumes, such as those above a number of queues that was lowered. Ends in bounded time. */
export interface QueueDrain {
  /**
   * Receives the messages of those of the queues that no function consumes. Each is deleted when `deliver` has returned, and
   * received again later when it has thrown.
   *
   * @throws what kept storage from responding, when everything else is done
   */
  drain(
    queues: readonly string[],
    deliver: (message: QueuedMessage) => Promise<void>,
  ): Promise<readonly DrainedQueue[]>
}
