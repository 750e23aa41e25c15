import type { StorageClients } from '../../src/storage/azure.ts'
import { columns, jsonLine, shortLine, type Entry } from './listing.ts'
import { canBeCopied } from './poisonQueue.ts'
import { printable } from './printable.ts'
import { means, refusal, type Selection } from './selection.ts'
import { PoisonCommandError, withPoisonQueue, type Session } from './session.ts'

/** What every command needs. */
export interface Work {
  readonly clients: StorageClients
  /** Seconds for which a message that is looked at stays hidden if the command is killed. */
  readonly holdSeconds: number
  /** Prints a line. */
  readonly print: (line: string) => void
}

/** Most messages that a report names one by one. */
const MAX_NAMED = 20

/** Shows every message, oldest first. Changes nothing. */
export async function list(
  { clients, holdSeconds, print }: Work,
  { json, full }: { readonly json: boolean; readonly full: boolean },
): Promise<void> {
  const entries: Entry[] = []
  const hidden = await withPoisonQueue(clients, holdSeconds, async (session) => {
    const seen = await session.each(async (message) => {
      entries.push(await session.diagnose(message))
    })
    return session.total - seen
  })
  entries.sort((a, b) => a.message.insertedAt.getTime() - b.message.insertedAt.getTime())
  if (json) for (const entry of entries) print(jsonLine(entry, full))
  else if (entries.length > 0) for (const line of columns(entries, full)) print(line)
  else if (hidden <= 0) print('orders-poison is empty.')
  if (hidden > 0) {
    console.error(
      `${counted(hidden)} hidden, because somebody else has them for the moment (another of these commands?).`,
    )
  }
}

/** Sends every message that would expire again, without expiry. */
export async function keep({ clients, holdSeconds, print }: Work): Promise<void> {
  const skipped: string[] = []
  let kept = 0
  let copied = 0
  await withPoisonQueue(clients, holdSeconds, (session) =>
    session.each(async (message) => {
      if (message.expiresAt === undefined) return
      if (canBeCopied(message)) {
        if ((await session.renew(message)) === 'copied') copied++
        kept++
      } else {
        skipped.push(
          `${printable(message.messageId)}: it is not Base64 and has characters that storage's client library does not copy ` +
            'exactly; save it with "list --full"',
        )
      }
    }),
  )
  print(`${counted(kept)} kept for good.`)
  reportCopies(copied, print)
  reportSkipped(skipped, print)
  if (skipped.length > 0) throw new PoisonCommandError(`${counted(skipped.length)} still going to expire.`)
}

/** Moves messages back to `orders`. */
export async function redrive(
  { clients, holdSeconds, print }: Work,
  selection: Selection,
  asNew: boolean,
): Promise<void> {
  const skipped: string[] = []
  let found = 0
  let moved = 0
  let copied = 0
  await withPoisonQueue(clients, holdSeconds, (session) =>
    session.each(async (message) => {
      const entry = await session.diagnose(message)
      if (selection.which === 'id' && !means(entry, selection.id)) return
      found++
      const why = refusal(entry, selection, asNew)
      if (why !== undefined) {
        skipped.push(`${shortLine(entry)}: ${printable(why)}`)
        return
      }
      if ((await session.redrive(message)) === 'copied') copied++
      moved++
    }),
  )
  if (selection.which === 'id' && found === 0) throw notFound(selection.id)
  print(`${counted(moved)} moved to orders.`)
  reportCopies(copied, print)
  reportSkipped(skipped, print)
  if (selection.which === 'id' && skipped.length > 0) {
    throw new PoisonCommandError(`${counted(skipped.length)} not moved.`)
  }
}

/** Deletes the message that an id means, and its copies. */
export async function drop(
  { clients, holdSeconds, print }: Work,
  id: string,
  { force, confirm }: { readonly force: boolean; readonly confirm: (question: string) => Promise<boolean> },
): Promise<void> {
  await withPoisonQueue(clients, holdSeconds, async (session) => {
    const found: Entry[] = []
    await session.each(async (message) => {
      const entry = await session.diagnose(message)
      if (means(entry, id)) found.push(entry)
    })
    const entries = theOneMeant(found, id)
    for (const line of columns(entries, false)) print(line)
    refuseToLose(entries, force)
    const what = entries.length === 1 ? 'this message' : `these ${entries.length} copies of one message`
    if (!(await confirm(`Delete ${what} for good? [y/N] `))) throw new PoisonCommandError('Nothing deleted.')
    // Somebody may have accepted the order while the question stood.
    refuseToLose(await Promise.all(entries.map(({ message }) => session.diagnose(message))), force)
    await removeAll(session, entries, print)
  })
}

function theOneMeant(found: readonly Entry[], id: string): readonly Entry[] {
  const [first, ...others] = found
  if (first === undefined) throw notFound(id)
  const exact = found.find(({ message }) => message.messageId === id)
  if (exact !== undefined) return [exact]
  if (others.some(({ message }) => message.text !== first.message.text)) {
    throw new PoisonCommandError(
      `${found.length} different messages are about order ${id}. Say which one, by the id of its message: ` +
        `${found.map(({ message }) => message.messageId).join(', ')}.`,
    )
  }
  return found
}

function refuseToLose(entries: readonly Entry[], force: boolean): void {
  if (force || !entries.some(({ diagnosis }) => diagnosis.acknowledged)) return
  throw new PoisonCommandError(
    'A client was told that this order is accepted, and it is not processed: dropping its message may lose it. ' +
      'Redrive it instead; --force drops it all the same.',
  )
}

async function removeAll(session: Session, entries: readonly Entry[], print: Work['print']): Promise<void> {
  let removed = 0
  for (const { message } of entries) if (await session.remove(message)) removed++
  print(`${counted(removed)} deleted.`)
  if (removed < entries.length) {
    throw new PoisonCommandError(
      `${counted(entries.length - removed)} not deleted: somebody else has them, or they are gone. List again.`,
    )
  }
}

function notFound(id: string): PoisonCommandError {
  return new PoisonCommandError(
    `No message on orders-poison has the id ${printable(id)}. "list" shows what is there; a message that somebody ` +
      'else looks at is hidden for a minute.',
  )
}

function reportCopies(copied: number, print: Work['print']): void {
  if (copied > 0) {
    print(
      `${counted(copied)} copied, not moved: the original was gone, or somebody else had it. A copy does no harm.`,
    )
  }
}

function reportSkipped(skipped: readonly string[], print: Work['print']): void {
  if (skipped.length === 0) return
  print(`${counted(skipped.length)} left on orders-poison:`)
  for (const line of skipped.slice(0, MAX_NAMED)) print(`  ${line}`)
  if (skipped.length > MAX_NAMED) print(`  … and ${skipped.length - MAX_NAMED} more; "list" shows why.`)
}

function counted(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}
