import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { InvalidOrderError } from '../src/orders/errors.ts'
import { parseOrder } from '../src/orders/order.ts'
import { azureStorage } from '../src/storage/azure.ts'
import { StorageSettingsError } from '../src/storage/connection.ts'
import { appSettings, SettingsFileError } from './settings.ts'

const USAGE = `npm run push-order -- '{"item":"widget"}' …     pushes orders onto the queue
npm run push-order -- --raw 'any text' …        pushes texts as they are
npm run push-order < orders.jsonl               one a line, from standard input

An order without an id gets a new one, which is printed.`

/** How many messages are on their way at a time. */
const CONCURRENCY = 16

/** Something a person has to put right. Its message is all they see. */
class PushError extends Error {
  override readonly name = 'PushError'
}

interface Message {
  /** The order's id, unless the text goes as it is. */
  readonly id?: string
  readonly text: string
  /** Why the order can't be processed, if it can't. */
  readonly warning?: string
}

function toMessage(text: string, raw: boolean): Message {
  if (raw) return { text }
  let order: unknown
  try {
    order = JSON.parse(text)
  } catch (error) {
    throw new PushError(`not JSON (${(error as Error).message}); --raw pushes it as it is`)
  }
  if (typeof order !== 'object' || order === null || Array.isArray(order)) {
    throw new PushError('not a JSON object; --raw pushes it as it is')
  }
  const warning = faultsOf(order)
  const more = warning === undefined ? {} : { warning }
  // An order with an id goes exactly as it was typed.
  if ('id' in order) return { id: String(order.id), text, ...more }
  const id = randomUUID()
  return { id, text: JSON.stringify({ id, ...order }), ...more }
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
  send(message: Uint8Array): Promise<void>
}

async function push(message: Message, queue: Sender): Promise<void> {
  try {
    await queue.send(new TextEncoder().encode(message.text))
  } catch (error) {
    throw new PushError(`storage did not take it (${(error as Error).message}); is "npm start" running?`)
  }
}

function report({ id, warning }: Message): void {
  console.log(id ?? 'pushed')
  if (warning !== undefined) console.error(`${id ?? ''}: will go to orders-poison. ${warning}`)
}

async function pushArguments(texts: readonly string[], raw: boolean, queue: Sender): Promise<boolean> {
  // All are read before the first is pushed: a typo in the last must not leave half of them behind.
  const messages = texts.map((text) => toMessage(text, raw))
  for (const message of messages) {
    await push(message, queue)
    report(message)
  }
  return true
}

/** Pushes the lines of standard input. A bad line is said and passed over. Answers whether all went well. */
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
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() === '') continue
    const number = ++read
    const one = (async () => {
      try {
        const message = toMessage(line, raw)
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
    const { queues } = await azureStorage(await appSettings())
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
