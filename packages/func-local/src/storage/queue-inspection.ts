import type { Settings } from '../config/settings.ts'
import { isCode } from './errors.ts'
import { queueService } from './queues.ts'

/** A message that stays on its queue: https://learn.microsoft.com/rest/api/storageservices/peek-messages */
export interface PeekedMessage {
  readonly messageId: string
  readonly messageText: string
  readonly dequeueCount: number
  readonly insertedOn: Date
}

/** A queue that is looked at, and stays as it is. */
export interface QueueInspection {
  /** Approximate, with the messages that are hidden; `undefined` when there is no such queue. */
  readonly depth: () => Promise<number | undefined>
  /** The first messages that are not hidden, 32 at most; `undefined` when there is no such queue. */
  readonly peek: (count: number) => Promise<readonly PeekedMessage[] | undefined>
}

/** Opens a queue of a connection for a look. Nothing is sent yet. */
export async function inspectQueue(
  settings: Settings,
  connection: string | undefined,
  name: string,
): Promise<QueueInspection> {
  const queue = (await queueService(settings, connection)).getQueueClient(name)
  return {
    depth: () => ifThere(async () => (await queue.getProperties()).approximateMessagesCount ?? 0),
    peek: (count) =>
      ifThere(async () => (await queue.peekMessages({ numberOfMessages: count })).peekedMessageItems),
  }
}

async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (isCode(error, 'QueueNotFound')) return undefined
    throw error
  }
}
