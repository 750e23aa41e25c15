import type { Diagnosis } from './diagnosis.ts'
import type { PoisonMessage } from './poisonQueue.ts'
import { printable, printableJson, shortened } from './printable.ts'

/** A message and what would become of it. */
export interface Entry {
  readonly message: PoisonMessage
  readonly diagnosis: Diagnosis
}

const MAX_REASON_LENGTH = 300

const HEADINGS = ['QUEUE', 'MESSAGE', 'ORDER', 'INSERTED', 'EXPIRES', 'RECEIVED', 'TODAY', 'WHY']

/** The entries in columns under headings, a line each. With `full`, each line ends in the message's whole text. */
export function columns(entries: readonly Entry[], full: boolean): readonly string[] {
  const rows = entries.map(({ message, diagnosis }) => [
    message.queue,
    printable(message.messageId),
    diagnosis.orderId ?? '-',
    time(message.insertedAt),
    message.expiresAt === undefined ? 'never' : time(message.expiresAt),
    String(message.dequeueCount),
    diagnosis.verdict,
    shortened(printable(diagnosis.reason), full ? Number.POSITIVE_INFINITY : MAX_REASON_LENGTH),
    ...(full ? [printable(content(message))] : []),
  ])
  const table = [full ? [...HEADINGS, 'TEXT'] : HEADINGS, ...rows]
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** An entry as a line of JSON. With `full`, with its content: as text, and byte for byte as Base64. */
export function jsonLine({ message, diagnosis }: Entry, full: boolean): string {
  const { queue, messageId, insertedAt, expiresAt, dequeueCount, bytes } = message
  return printableJson({
    queue,
    messageId,
    orderId: diagnosis.orderId ?? null,
    insertedAt,
    expiresAt: expiresAt ?? null,
    dequeueCount,
    verdict: diagnosis.verdict,
    reason: diagnosis.reason,
    acknowledged: diagnosis.acknowledged,
    ...(full && {
      text: content(message),
      base64: bytes === undefined ? null : Buffer.from(bytes).toString('base64'),
    }),
  })
}

/** An entry in a line for reports. */
export function shortLine({ message, diagnosis }: Entry): string {
  const order = diagnosis.orderId === undefined ? '' : ` (order ${diagnosis.orderId})`
  return `${printable(message.messageId)}${order}`
}

function content({ bytes, text }: PoisonMessage): string {
  return bytes === undefined ? text : Buffer.from(bytes).toString('utf8')
}

function time(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}
