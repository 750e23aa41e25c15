import type { HostConfig } from '../config/host-config.ts'
import type { Settings } from '../config/settings.ts'
import { resolveSettings } from '../binding-expression.ts'
import { queueNameOf } from '../bindings/queue.ts'
import { BindingError, requiredText, textOf, type NamedBinding } from '../host/function.ts'
import type { LoadedFunction } from '../host/generation.ts'
import { connectionKey, connectionName, connectionSetting } from '../storage/connection.ts'
import { nextStepOf, reasonOf, withTarget } from '../storage/errors.ts'
import { decodeMessage, encodeMessage } from '../storage/queue-encoding.ts'
import { inspectQueue } from '../storage/queue-inspection.ts'
import { readQueueOptions } from '../storage/queue-options.ts'
import { openQueue } from '../storage/queues.ts'
import { poisonQueueOf } from '../triggers/queue-listener.ts'
import type { QueueLook, ShownMessage, ShownQueue } from './messages.ts'
import { previewOfBytes, previewOfText, type Redact } from './preview.ts'

/** What says where queues are, and how their messages are written. */
export interface QueueConfiguration {
  readonly settings: Settings
  readonly hostConfig: HostConfig
}

/** A queue that functions name. */
export interface NamedQueue {
  readonly id: string
  readonly name: string
  /** As the binding names it. */
  readonly connection: string | undefined
  readonly readers: string[]
  readonly writers: string[]
  readonly isPattern: boolean
}

type Functions = readonly Pick<LoadedFunction, 'definition'>[]

const MOST_MESSAGES = 32

/** The queues that functions read and write, each once; one whose name is only known when a function runs is a pattern. */
export function namedQueues(functions: Functions, settings: Settings): readonly NamedQueue[] {
  const found = new Map<string, NamedQueue>()
  for (const { definition } of functions) {
    const { name, trigger, outputs } = definition
    if (trigger.type.toLowerCase() === 'queuetrigger') queueOf(trigger)?.readers.push(name)
    for (const output of outputs) {
      const queue = output.type.toLowerCase() === 'queue' ? queueOf(output) : undefined
      if (queue?.writers.includes(name) === false) queue.writers.push(name)
    }
  }
  return [...found.values()]

  function queueOf(binding: NamedBinding): NamedQueue | undefined {
    try {
      const given = resolveSettings(requiredText(binding, 'queueName'), settings)
      const isPattern = given.includes('{')
      const name = isPattern ? given : queueNameOf(given, binding)
      const connection = textOf(binding, 'connection')
      // Two names may lead to one account.
      const key = `${connectionKey(settings, connection)} ${name}`
      let queue = found.get(key)
      if (queue === undefined) {
        const id = `${connectionSetting(settings, connection)}/${name}`
        queue = { id, name, connection, readers: [], writers: [], isPattern }
        found.set(key, queue)
      }
      return queue
    } catch (error) {
      // The start has said that an output's name, or its connection, cannot be used.
      if (error instanceof BindingError) return undefined
      throw error
    }
  }
}

/** The id of the queue that a trigger reads. */
export function queueIdOf(queues: readonly NamedQueue[], functionName: string): string | undefined {
  return queues.find(({ readers }) => readers.includes(functionName))?.id
}

/** How many messages each queue and its poison queue have. */
export async function depthsOf(
  queues: readonly NamedQueue[],
  { settings }: QueueConfiguration,
): Promise<readonly ShownQueue[]> {
  return await Promise.all(
    queues.map(async ({ id, name, connection, readers, writers, isPattern }) => {
      const about = { id, name, connection: connectionName(connection), readers, writers, isPattern }
      const poisonName = isPattern || readers.length === 0 ? undefined : poisonQueueOf(name)
      const unknown = {
        depth: null,
        poison: poisonName === undefined ? undefined : { name: poisonName, depth: null },
        error: undefined,
      }
      if (isPattern) return { ...about, ...unknown }
      const depth = async (of: string): Promise<number | null> =>
        (await (await inspectQueue(settings, connection, of)).depth()) ?? null
      try {
        const [own, poison] = await Promise.all([
          depth(name),
          poisonName === undefined ? null : depth(poisonName),
        ])
        return {
          ...about,
          depth: own,
          poison: poisonName === undefined ? undefined : { name: poisonName, depth: poison },
          error: undefined,
        }
      } catch (error) {
        return { ...about, ...unknown, error: whyNot(error, name, connection) }
      }
    }),
  )
}

/** The first messages of a queue, or of its poison queue; they stay where they are. */
export async function lookInto(
  queue: NamedQueue,
  isPoison: boolean,
  { settings, hostConfig }: QueueConfiguration,
  redact: Redact,
): Promise<QueueLook> {
  const name = isPoison ? poisonQueueOf(queue.name) : queue.name
  if (name === undefined || queue.isPattern) return { kind: 'failed', reason: 'There is no such queue.' }
  try {
    const messages = await (await inspectQueue(settings, queue.connection, name)).peek(MOST_MESSAGES)
    if (messages === undefined)
      return { kind: 'failed', reason: `There is no queue '${name}' yet: the first message creates it.` }
    const { messageEncoding } = readQueueOptions(hostConfig)
    return {
      kind: 'messages',
      messages: messages.map(({ messageId, messageText, dequeueCount, insertedOn }): ShownMessage => {
        const bytes = decodeMessage(messageText, messageEncoding)
        return {
          ...{ id: messageId, dequeueCount, insertedAt: insertedOn.getTime() },
          body: bytes === undefined ? previewOfText(messageText, redact) : previewOfBytes(bytes, redact),
          isDecoded: bytes !== undefined,
        }
      }),
    }
  } catch (error) {
    return { kind: 'failed', reason: whyNot(error, name, queue.connection) }
  }
}

/**
 * Puts a message on a queue, which is created when it is missing.
 *
 * @throws {BindingError} when it could not be sent; the message says why, and what to do.
 */
export async function sendTo(
  { name, connection }: NamedQueue,
  body: Uint8Array,
  { settings, hostConfig }: QueueConfiguration,
): Promise<void> {
  const text = encodeMessage(body, readQueueOptions(hostConfig).messageEncoding)
  await withTarget({ kind: 'queue', name, connection: connectionName(connection) }, async () => {
    await (await openQueue(settings, connection, name)).send(text)
  })
}

function whyNot(error: unknown, name: string, connection: string | undefined): string {
  const target = { kind: 'queue', name, connection: connectionName(connection) } as const
  return [`${reasonOf(error).replace(/\.$/, '')}.`, nextStepOf(error, target)].filter(Boolean).join(' ')
}
