import type { Content } from './content.ts'
import { createContentSource, type ContentSource } from './contentSource.ts'
import type { FileLine } from './ledger.ts'
import type { Random } from './random.ts'

/** How an order is sent. */
export type Way = 'sync' | 'async' | 'push'

/** An order that one client sends, with up to `maxAttempts` attempts until it has a response. */
export interface OrderSend {
  readonly kind: 'order'
  readonly way: Way
  /** Undefined: the service or the queue assigns one. */
  readonly id: string | undefined
  /** Where an HTTP client puts the id. */
  readonly idIn: 'body' | 'header' | 'both'
  readonly content: Content
  /** The order as the client writes it: JSON. */
  readonly text: string
  readonly maxAttempts: number
  /** The client reads the order as soon as it has a response. */
  readonly readsBack: boolean
  /** Milliseconds after the start of the task. */
  readonly after: number
}

/** A message that cannot be processed: its text on the queue, Base64 or not. */
export interface BadMessage {
  readonly kind: 'badMessage'
  readonly text: string
}

/** A request body that must be refused with this status. */
export interface BadCall {
  readonly kind: 'badCall'
  readonly body: string
  readonly status: 400 | 413 | 422
}

/** A file of orders that a client uploads, and waits for its report. */
export interface FileSend {
  readonly kind: 'file'
  readonly name: string
  readonly lines: readonly FileLine[]
}

export type Send = OrderSend | BadMessage | BadCall | FileSend

/** What is sent together, concurrently. */
export type Task = readonly Send[]

/** The number of orders, and the fractions of special cases. */
export interface WorkloadSize {
  readonly orders: number
  /** Fraction of the orders that is sent more than once, with the same id and content. */
  readonly duplicates: number
  /** Fraction of the orders that conflicts with another order: same id, other content. */
  readonly conflicts: number
  /** Fraction of the orders that is sent in files. */
  readonly files: number
  /** Fraction of the messages and calls that is malformed, invalid, oversized or not Base64. */
  readonly poison: number
}

const MAX_FILE_LINES = 60
const MAX_CONCURRENT_COPIES = 3
/** Less than the maximum of a queue message, which is 64 KiB as Base64 text. */
const OVERSIZED_BYTES = 48 * 1024
const OVERSIZED_BODY_BYTES = 33 * 1024

/** Everything that a run sends, in order. */
export function workload(random: Random, size: WorkloadSize): Task[] {
  const contents = createContentSource(random.fork())
  const send = (order: IdentifiedContent, after: number) => orderSend(random, contents, order, after)
  const tasks: { readonly at: number; readonly sends: Send[] }[] = []
  let previousId = ''
  let lines: FileLine[] = []
  let files = 0
  const finishFile = (at: number) => {
    if (lines.length === 0) return
    tasks.push({ at, sends: [{ kind: 'file', name: `file ${files++} & more.jsonl`, lines }] })
    lines = []
  }
  for (let number = 0; number < size.orders; number++) {
    if (random.chance(size.poison)) {
      const bad = random.chance(0.8) ? badMessage(random, number) : badCall(random, number)
      tasks.push({ at: number, sends: [bad] })
      continue
    }
    const id = random.chance(0.85) ? newId(random, number, previousId) : undefined
    if (id !== undefined) previousId = id
    const order = { id, content: contents.fresh(number) }
    if (random.chance(size.files)) {
      lines.push({ text: written(random, id, contents.written(order.content), false), order })
      if (id !== undefined && random.chance(size.duplicates)) {
        lines.push({ text: written(random, id, contents.written(order.content), false), order })
      }
      if (id !== undefined && random.chance(size.conflicts)) {
        const other = { id, content: contents.withOneChange(order.content) }
        lines.push({ text: written(random, id, contents.written(other.content), false), order: other })
      }
      if (random.chance(size.poison))
        lines.push({ text: `{"id":"bad-${number}","item":""}`, order: undefined })
      if (lines.length >= MAX_FILE_LINES) finishFile(number)
      continue
    }
    const together: Send[] = [send(order, 0)]
    tasks.push({ at: number, sends: together })
    if (id === undefined) continue

    if (random.chance(size.duplicates)) {
      for (let copies = random.integer(1, MAX_CONCURRENT_COPIES); copies > 0; copies--) {
        if (random.chance(0.6)) together.push(send(order, random.integer(0, 50)))
        else tasks.push({ at: number + random.integer(1, 400), sends: [send(order, 0)] })
      }
    }
    if (random.chance(size.conflicts)) {
      const conflicting = { id, content: contents.withOneChange(order.content) }
      together.push(send(conflicting, random.integer(0, 30)))
      if (random.chance(0.3)) together.push(send(conflicting, random.integer(0, 30)))
      if (random.chance(0.3)) {
        tasks.push({ at: number + random.integer(1, 400), sends: [send(conflicting, 0)] })
      }
    }
  }
  finishFile(size.orders)
  return tasks.sort((a, b) => a.at - b.at).map(({ sends }) => sends)
}

/** Ids are case-sensitive: some differ from the previous one only in case. */
function newId(random: Random, number: number, previous: string): string {
  if (random.chance(0.02) && previous.startsWith('o-')) return previous.toUpperCase()
  const id = `o-${number}-${random.pick(['a', 'B', '_', '-'])}${random.integer(0, 999)}`
  return random.chance(0.02) ? id.padEnd(64, 'x') : id
}

/** An order, however it is sent. */
interface IdentifiedContent {
  readonly id: string | undefined
  readonly content: Content
}

function orderSend(
  random: Random,
  contents: ContentSource,
  { id, content }: IdentifiedContent,
  after: number,
): OrderSend {
  const way = random.pick<Way>(['sync', 'async', 'push'])
  const idIn = way === 'push' ? 'body' : random.pick<OrderSend['idIn']>(['body', 'body', 'header', 'both'])
  return {
    kind: 'order',
    way,
    id,
    idIn,
    content,
    text: written(random, idIn === 'header' ? undefined : id, contents.written(content)),
    // Most clients retry; some give up after the first failure.
    maxAttempts: random.chance(0.9) ? 100 : 1,
    readsBack: way !== 'push' && random.chance(0.3),
    after,
  }
}

/** JSON of an order, in one of several equivalent forms. */
function written(
  random: Random,
  id: string | undefined,
  content: ReturnType<ContentSource['written']>,
  mayBreak = true,
): string {
  const fields = [...content]
  if (id !== undefined) fields.splice(random.integer(0, fields.length), 0, ['id', id])
  const order = Object.fromEntries(fields)
  return mayBreak && random.chance(0.2) ? JSON.stringify(order, null, 2) : JSON.stringify(order)
}

function badMessage(random: Random, number: number): BadMessage {
  const base64 = (content: string | Buffer) => Buffer.from(content).toString('base64')
  const text = random.pick([
    () => base64(`{"id":"bad-${number}","item":"half an ord`),
    () =>
      base64(
        Buffer.concat([Buffer.from(`{"item":"${number} `), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
      ),
    () => base64(JSON.stringify({ id: `bad-${number}`, item: '', quantity: 0 })),
    () => base64(JSON.stringify({ id: `bad-${number}`, item: 'widget', qty: 2 })),
    // The names of message metadata.
    () => base64(JSON.stringify({ id: `bad-${number}`, item: 'widget', dequeueCount: 99, popReceipt: 'x' })),
    () => base64(JSON.stringify({ id: `../${number}`, item: 'widget' })),
    () => base64(`[${number}]`),
    () => base64(oversized(number, OVERSIZED_BYTES)),
    () => `no Base64: order ${number} <item> & more`,
    () => JSON.stringify({ id: `bad-${number}`, item: 'sent without Base64' }),
  ])()
  return { kind: 'badMessage', text }
}

function badCall(random: Random, number: number): BadCall {
  return random.pick<BadCall>([
    { kind: 'badCall', body: `{"id":"bad-${number}","item":"half an ord`, status: 400 },
    {
      kind: 'badCall',
      body: JSON.stringify({ id: `bad-${number}`, item: ' ', quantity: 1001 }),
      status: 422,
    },
    { kind: 'badCall', body: oversized(number, OVERSIZED_BODY_BYTES), status: 413 },
  ])
}

function oversized(number: number, bytes: number): string {
  const frame = JSON.stringify({ id: `bad-${number}`, item: '' })
  return frame.replace('"item":""', `"item":"${'x'.repeat(bytes - frame.length)}"`)
}
