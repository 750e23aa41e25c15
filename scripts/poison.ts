import { createInterface } from 'node:readline/promises'
import { storageClients } from '../src/storage/azure.ts'
import { StorageSettingsError } from '../src/storage/settingsError.ts'
import { drop, keep, list, redrive, type Work } from './poison/commands.ts'
import type { Selection } from './poison/selection.ts'
import { PoisonCommandError } from './poison/session.ts'
import { StorageTroubleError } from './poison/storageCall.ts'
import { parseCommandLine, runCommand, UsageError } from './commandLine.ts'
import { SettingsFileError, storageSettings } from './settings.ts'

const USAGE = `npm run poison -- list [--json] [--full]      shows every message of orders-poison, and why it is there
npm run poison -- keep                        sends those that would expire again, without expiry
npm run poison -- redrive --id X              moves messages back to orders: those of one order, or one message
npm run poison -- redrive --fixed             … those that would succeed today
npm run poison -- redrive --all               … all that may ever succeed, whatever the app of this checkout says
npm run poison -- drop --id X                 deletes one message (and its exact copies), after asking

Works on the storage that the app's own settings name: local.settings.json, and the environment over it.

  --id X      an order's id, or a message's own id, as "list" shows them
  --as-new    redrive: also messages without an order id of their own. Each becomes a new order, and its copies more.
  --force     drop: even the message of an order that was accepted and is not processed
  --yes       drop: don't ask
  --full      list: the whole text of each message, too
  --json      list: a line of JSON per message
  --hold N    seconds for which messages stay hidden if this command is killed (default 60)

Never redriven are messages that no app could process: text that is not Base64 (the host never shows it to the app), and
another order under an id that is taken. All of it is safe to kill: a message is sent before it is deleted.`

const COMMANDS = {
  list: ['json', 'full'],
  keep: [],
  redrive: ['id', 'all', 'fixed', 'as-new'],
  drop: ['id', 'force', 'yes'],
} as const
type Command = keyof typeof COMMANDS

interface Options {
  readonly id?: string
  readonly all: boolean
  readonly fixed: boolean
  readonly asNew: boolean
  readonly json: boolean
  readonly full: boolean
  readonly force: boolean
  readonly yes: boolean
  readonly holdSeconds: number
}

function readCommandLine(): 'help' | { readonly command: Command; readonly options: Options } {
  const { values, positionals } = parseCommandLine({
    id: { type: 'string' },
    all: { type: 'boolean' },
    fixed: { type: 'boolean' },
    'as-new': { type: 'boolean' },
    json: { type: 'boolean' },
    full: { type: 'boolean' },
    force: { type: 'boolean' },
    yes: { type: 'boolean', short: 'y' },
    hold: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  })
  if (values.help === true) return 'help'
  const [command, ...rest] = positionals
  if (command === undefined) throw new UsageError(`Say what to do: ${Object.keys(COMMANDS).join(', ')}.`)
  if (!isCommand(command)) throw new UsageError(`There is no command "${command}".`)
  if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" is too much.`)
  const known: readonly string[] = [...COMMANDS[command], 'hold']
  const foreign = Object.keys(values).find((name) => !known.includes(name))
  if (foreign !== undefined) throw new UsageError(`"${command}" knows no --${foreign}.`)
  const holdSeconds = Number(values.hold ?? 60)
  // https://learn.microsoft.com/rest/api/storageservices/get-messages: at most 7 days
  if (!Number.isInteger(holdSeconds) || holdSeconds < 1 || holdSeconds > 7 * 24 * 60 * 60) {
    throw new UsageError('--hold is a number of seconds, from 1 on.')
  }
  return {
    command,
    options: {
      ...(values.id !== undefined && { id: values.id }),
      all: values.all === true,
      fixed: values.fixed === true,
      asNew: values['as-new'] === true,
      json: values.json === true,
      full: values.full === true,
      force: values.force === true,
      yes: values.yes === true,
      holdSeconds,
    },
  }
}

function isCommand(name: string): name is Command {
  return Object.hasOwn(COMMANDS, name)
}

function selectionOf({ id, all, fixed }: Options): Selection {
  if (Number(id !== undefined) + Number(all) + Number(fixed) !== 1) {
    throw new UsageError('Say which messages to redrive: one of --id X, --fixed and --all.')
  }
  if (id !== undefined) return { which: 'id', id }
  return { which: all ? 'all' : 'fixed' }
}

async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new PoisonCommandError('Nothing deleted: there is nobody to ask. --yes answers the question.')
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const closed = new Promise<string>((resolve) => {
    terminal.once('close', () => {
      resolve('')
    })
  })
  // Ctrl-C and Ctrl-D at the question mean no.
  const answer = await Promise.race([terminal.question(question).catch(() => ''), closed])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}

async function run(command: Command, options: Options): Promise<void> {
  const selection = command === 'redrive' ? selectionOf(options) : undefined
  const { id = '' } = options
  if (command === 'drop' && id === '') throw new UsageError('Say which message to drop: --id X.')

  const work: Work = {
    clients: await storageClients(await storageSettings()),
    holdSeconds: options.holdSeconds,
    print: (line) => {
      process.stdout.write(`${line}\n`)
    },
  }
  if (selection !== undefined) await redrive(work, selection, options.asNew)
  else if (command === 'list') await list(work, options)
  else if (command === 'keep') await keep(work)
  else
    await drop(work, id, { force: options.force, confirm: options.yes ? () => Promise.resolve(true) : ask })
}

// `list | head` is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

const succeeded = await runCommand(
  USAGE,
  [PoisonCommandError, StorageTroubleError, SettingsFileError, StorageSettingsError],
  readCommandLine,
  ({ command, options }) => run(command, options),
)
if (!succeeded) process.exitCode = 1
