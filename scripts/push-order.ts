import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { InvalidOrderError } from '../src/orders/errors.ts'
import { parseOrder } from '../src/orders/order.ts'
import { azureStorage } from '../src/storage/azure.ts'
import { StorageSettingsError } from '../src/storage/settingsError.ts'
import { byteLines } from './byteLines.ts'
import { printable } from './poison/printable.ts'
import { SettingsFileError, storageSettings } from './settings.ts'

const USAGE = `npm run push-order -- '{"item":"widget"}' …     pushes orders onto the queue
npm run push-order -- --raw 'any text' …        pushes texts unchanged, onto "orders"
npm run push-order < orders.jsonl               reads standard input, one order per line

The queue is "orders"; with the setting ORDER_QUEUES, it is the one that the order's id belongs to.
Prints the id of each order. An order without an id gets a new one. Input is UTF-8; with --raw, any bytes.
A line that cannot be pushed is reported with its number and skipped; the exit code is then 1.
The storage is the one in local.settings.json; environment variables take precedence.`

/** How many messages are sent at the same time. */
const CONCURRENCY = 16

// https://learn.microsoft.com/rest/api/storageservices/put-message: 64 KiB, of which Base64 leaves three quarters
const MAX_BYTES = 48 * 1024

const BLANK = /^[ \t\r]*$/

/** Something a person has to put right. Its message is all they see. */
class PushError extends Error {
  override readonly name = 'PushError'
}

interface Message {
  /** The order's id, unless the message is pushed unchanged. */
  readonly id?: string
  readonly bytes: Uint8Array
  /** Why the order can't be processed, if it can't. */
  readonly warning?: string
}

function toMessage(bytes: Uint8Array, raw: boolean): Message {
  const message = raw ? { bytes } : toOrder(bytes)
  if (message.bytes.length > MAX_BYTES) {
    throw new PushError(
      `too large: ${message.bytes.length} bytes, and a queue message holds at most ${MAX_BYTES}`,
    )
  }
  return message
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function toOrder(bytes: Uint8Array): Message {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new PushError('not UTF-8; convert the input, or use --raw to push the bytes unchanged')
  }
  let order: unknown
  try {
    order = JSON.parse(text)
  } catch (error) {
    throw new PushError(
      `not JSON (${printable((error as Error).message)}); use --raw to push the text unchanged`,
    )
  }
  if (typeof order !== 'object' || order === null || Array.isArray(order)) {
    throw new PushError('not a JSON object; use --raw to push the text unchanged')
  }
  const warning = faultsOf(order)
  const more = warning === undefined ? {} : { warning }
  // An order with an id is pushed exactly as it was typed.
  if ('id' in order) return { id: String(order.id), bytes, ...more }
  const id = randomUUID()
  return { id, bytes: Buffer.from(JSON.stringify({ id, ...order })), ...more }
}

function faultsOf(order: unknown): string | undefined {
  try {
    parseOrder(order)
    return undefined
  } catch (error) {
    return error instanceof InvalidOrderError ? error.message : String(error)
  }
}

interface Sender {
  send(message: Uint8Array, orderId?: string): Promise<void>
}

async function push(message: Message, queue: Sender): Promise<void> {
  try {
    await queue.send(message.bytes, message.id)
  } catch (error) {
    const { code } = error as { code?: unknown }
    const hint = code === 'ECONNREFUSED' || code === 'REQUEST_SEND_ERROR' ? ' Is "npm start" running?' : ''
    throw new PushError(`storage did not accept it: ${printable((error as Error).message)}.${hint}`)
  }
}

function report({ id, warning }: Message): void {
  const name = id === undefined ? 'pushed' : printable(id)
  console.log(name)
  if (warning !== undefined) {
    console.error(`${name}: cannot be processed, and will be moved to orders-poison. ${printable(warning)}`)
  }
}

async function pushArguments(texts: readonly string[], raw: boolean, queue: Sender): Promise<boolean> {
  // All are read before the first is pushed: a typo in the last must not leave half of them behind.
  const messages = texts.map((text) => toMessage(Buffer.from(text), raw))
  for (const message of messages) {
    await push(message, queue)
    report(message)
  }
  return true
}

/** Pushes the lines of standard input; a bad line is reported and skipped. Returns whether all lines were pushed. */
async function pushLines(raw: boolean, queue: Sender): Promise<boolean> {
  const bar = process.stderr.isTTY
    ? new SingleBar({
        format: 'Pushing {bar} {value} pushed, {failed} failed, {duration_formatted}',
        fps: 10,
      })
    : undefined
  let pushed = 0
  let failed = 0
  let read = 0
  const show = () => {
    bar?.setTotal(read)
    bar?.update(pushed, { failed })
  }
  bar?.start(0, 0, { failed })
  const running = new Set<Promise<void>>()
  for await (const line of byteLines(process.stdin)) {
    const { number } = line
    const bytes = number === 1 && !raw ? withoutByteOrderMark(line.bytes) : line.bytes
    if (BLANK.test(Buffer.from(bytes).toString('latin1'))) continue
    read++
    const one = (async () => {
      try {
        const message = toMessage(bytes, raw)
        await push(message, queue)
        pushed++
        if (!process.stdout.isTTY || bar === undefined) report(message)
      } catch (error) {
        failed++
        console.error(`Line ${number}: ${error instanceof PushError ? error.message : String(error)}`)
      }
      show()
    })()
    running.add(one)
    void one.finally(() => running.delete(one))
    if (running.size >= CONCURRENCY) await Promise.race(running)
  }
  await Promise.all(running)
  show()
  bar?.stop()
  console.error(`${pushed} pushed, ${failed} failed.`)
  return failed === 0
}

/** @throws PushError for UTF-16, which is what Windows PowerShell 5 writes redirected output as. */
function withoutByteOrderMark(bytes: Uint8Array): Uint8Array {
  const mark = Buffer.from(bytes.subarray(0, 3)).toString('hex')
  if (mark.startsWith('fffe') || mark.startsWith('feff')) {
    throw new PushError('The input is UTF-16. Save it as UTF-8 and try again; nothing was pushed.')
  }
  return mark === 'efbbbf' ? bytes.subarray(3) : bytes
}

// `push-order | head -1` closes the pipe; the remaining orders must still be pushed.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      raw: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help || (positionals.length === 0 && process.stdin.isTTY)) {
    console.log(USAGE)
  } else {
    const { queues } = await azureStorage(await storageSettings())
    const ok =
      positionals.length > 0
        ? await pushArguments(positionals, values.raw, queues)
        : await pushLines(values.raw, queues)
    process.exitCode = ok ? 0 : 1
  }
} catch (error) {
  const usage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true
  const known =
    error instanceof PushError || error instanceof SettingsFileError || error instanceof StorageSettingsError
  console.error(usage ? `${(error as Error).message}\n\n${USAGE}` : known ? error.message : error)
  process.exitCode = 1
}
