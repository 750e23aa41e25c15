import { SingleBar } from 'cli-progress'
import { storageClients } from '../src/storage/azure.ts'
import { cosmosConnection } from '../src/storage/cosmosConnection.ts'
import { orderStore } from '../src/storage/orderStore.ts'
import { StorageSettingsError } from '../src/storage/settingsError.ts'
import { exportOrders } from './orders/export.ts'
import { restoreOrders } from './orders/restore.ts'
import type { RecordStore } from './orders/store.ts'
import { tableStore } from './orders/tableStore.ts'
import { OrdersCommandError, type Work } from './orders/work.ts'
import { StorageTroubleError } from './poison/storageCall.ts'
import { parseCommandLine, runCommand, UsageError } from './commandLine.ts'
import { storageSettings, SettingsFileError } from './settings.ts'

const USAGE = `npm run orders -- export FILE     writes every order record to a file, a line of JSON each
npm run orders -- restore FILE    writes the records of a file back, into an empty or a half-filled store

Works on the store that the app's own settings name, a table or with ORDER_STORE=cosmos Cosmos DB: local.settings.json, and the
environment over it. A file from one goes into the other.

  --page N    records a request (default 1000, the most that storage gives)

Both can be killed and run again. "export" writes to FILE.STORE.part, with the address of the store; run again it goes on where
that ends (of Cosmos DB it begins again), and renames it when it is whole. "restore" changes nothing that is there: a processed
record never changes, an accepted one becomes processed if the file has it so. What it refuses is listed, and its exit code is then 1.`

interface CommandLine {
  readonly command: 'export' | 'restore'
  readonly file: string
  readonly pageSize: number
}

function readCommandLine(): CommandLine | 'help' {
  const { values, positionals } = parseCommandLine({
    page: { type: 'string', default: '1000' },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (values.help) return 'help'
  const [command, file, ...rest] = positionals
  if (command !== 'export' && command !== 'restore') {
    throw new UsageError(
      command === undefined ? 'Say what to do: export or restore.' : `There is no command "${command}".`,
    )
  }
  if (file === undefined) throw new UsageError('Name the file.')
  if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" is too much.`)
  const pageSize = Number(values.page)
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 1000) {
    throw new UsageError('--page is a number from 1 to 1000.')
  }
  return { command, file, pageSize }
}

/** The store that the settings name. The client library of Cosmos DB is loaded for it alone. */
async function recordStore(settings: NodeJS.ProcessEnv): Promise<RecordStore> {
  if (orderStore(settings) === 'tables') return tableStore((await storageClients(settings)).table)
  const [{ cosmosClient }, { cosmosStore }] = await Promise.all([
    import('../src/storage/cosmos.ts'),
    import('./orders/cosmosStore.ts'),
  ])
  const { endpoint, kind } = cosmosConnection(settings)
  return cosmosStore(await cosmosClient(settings), endpoint, kind === 'connectionString')
}

async function run({ command, file, pageSize }: CommandLine): Promise<void> {
  let stopping = false
  const stop = () => {
    // The second Ctrl-C ends it at once: both commands can be run again.
    if (stopping) process.exit(130)
    stopping = true
    process.exitCode = 130
    console.error('\nStopping after the requests in hand.')
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)

  const store = await recordStore(await storageSettings())
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: `${command} {value} records, {duration_formatted}`, fps: 5 })
    : undefined
  bar?.start(0, 0)
  const work: Work = {
    store,
    pageSize,
    stopped: () => stopping,
    progress: (records) => bar?.update(records),
    print: (line) => {
      console.error(line)
    },
  }
  try {
    if (command === 'export') {
      const { written, unreadable } = await exportOrders(work, file)
      bar?.stop()
      console.log(`${written} records in ${file}`)
      if (unreadable > 0) {
        console.error(`${unreadable} that can't be read are not in it.`)
        process.exitCode = 1
      }
    } else {
      const { created, advanced, unchanged, newer, refused } = await restoreOrders(work, file)
      bar?.stop()
      console.log(
        `${created} created, ${advanced} accepted ones now processed, ${unchanged} there already, ` +
          `${newer} processed since, ${refused} refused`,
      )
      if (refused > 0) process.exitCode = 1
    }
  } finally {
    bar?.stop()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

const succeeded = await runCommand(
  USAGE,
  [OrdersCommandError, StorageTroubleError, SettingsFileError, StorageSettingsError],
  readCommandLine,
  run,
)
if (!succeeded) process.exitCode ??= 1
