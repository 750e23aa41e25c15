import { SingleBar } from 'cli-progress'
import type { StorageClients } from '../../src/storage/azure.ts'
import { storageOrderQueues } from '../../src/storage/queues.ts'
import { tableOrderRecords } from '../../src/storage/tables.ts'
import { concurrently } from './concurrently.ts'
import { diagnoser } from './diagnosis.ts'
import type { Entry } from './listing.ts'
import { openPoisonQueue, type PoisonMessage } from './poisonQueue.ts'
import { STORAGE_CALL_MS, storageCall } from './storageCall.ts'

/** Something a person has to put right. Its message is all they see. */
export class PoisonCommandError extends Error {
  override readonly name = 'PoisonCommandError'
}

/** What a command can do with the poison queue. */
export interface Session {
  /** How many messages there were at the start, those that others hold included. */
  readonly total: number
  /** Goes through the messages, some at a time, and shows the progress. Answers how many there were. */
  each(work: (message: PoisonMessage) => Promise<void>): Promise<number>
  /** What the app would make of a message now. */
  diagnose(message: PoisonMessage): Promise<Entry>
  /** Sends a message to the end of the poison queue again, never to expire, then deletes it. */
  renew(message: PoisonMessage): Promise<Moved>
  /** Sends a message's exact bytes to `orders`, never to expire, then deletes it. */
  redrive(message: PoisonMessage): Promise<Moved>
  /** Deletes a message. Answers false when somebody else has it now, or it is gone. */
  remove(message: PoisonMessage): Promise<boolean>
}

/** `copied`: it was sent, but the original could not be deleted: somebody else has it, or it is gone. */
export type Moved = 'moved' | 'copied'

/**
 * Runs a command on the poison queue. Whatever it received and left is visible again when this returns; Ctrl-C ends it
 * between two messages.
 *
 * @throws StorageTroubleError
 */
export async function withPoisonQueue<T>(
  clients: StorageClients,
  holdSeconds: number,
  command: (session: Session) => Promise<T>,
): Promise<T> {
  let stopping = false
  const stop = () => {
    // The second Ctrl-C ends it at once: what is hidden comes back by itself.
    if (stopping) process.exit(130)
    stopping = true
    process.exitCode = 130
    console.error('\nStopping after the messages in hand.')
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)

  const queue = await openPoisonQueue(clients.queues, holdSeconds, () => stopping)
  // `orders` is consumed whatever the app's settings are: nothing that is redriven can be missed.
  const queues = storageOrderQueues(clients.queues, 1, STORAGE_CALL_MS)
  const diagnosis = diagnoser(tableOrderRecords(clients.table, STORAGE_CALL_MS))
  const diagnose = async (message: PoisonMessage) => ({ message, diagnosis: await diagnosis(message) })

  // Send, then delete: killed between the two, the message is there twice, and never not at all.
  async function move(message: PoisonMessage, send: () => Promise<void>): Promise<Moved> {
    await send()
    return (await queue.remove(message)) ? 'moved' : 'copied'
  }

  const session: Session = {
    total: queue.total,
    async each(work) {
      const bar = process.stderr.isTTY
        ? new SingleBar({ format: 'orders-poison {bar} {value}/{total}, {duration_formatted}', fps: 10 })
        : undefined
      bar?.start(queue.total, 0)
      let done = 0
      try {
        for await (const batch of queue.batches()) {
          await concurrently(batch, async (message) => {
            if (stopping) return
            await work(message)
            done++
            bar?.setTotal(Math.max(queue.total, done))
            bar?.update(done)
          })
        }
      } finally {
        bar?.stop()
      }
      return done
    },
    diagnose,
    renew: (message) => move(message, () => queue.keep(message)),
    redrive: (message) =>
      move(message, async () => {
        const { bytes } = message
        if (bytes === undefined) throw new Error('a message that is not Base64 can not be redriven')
        await storageCall('put a message on orders', () => queues.send(bytes))
      }),
    remove: (message) => queue.remove(message),
  }

  try {
    const result = await command(session)
    await queue.release()
    return result
  } catch (error) {
    // What failed first says more than that this fails, too; what stays hidden comes back by itself.
    await queue.release().catch(() => undefined)
    throw error
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
