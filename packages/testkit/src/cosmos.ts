import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PARENT_WATCHDOG } from './azurite.ts'

/** The port of Microsoft's emulator of Cosmos DB, and of this one under `npm start`. */
export const USUAL_COSMOS_PORT = 8081

// The emulator's key is public knowledge, not a secret:
// https://learn.microsoft.com/azure/cosmos-db/emulator#authentication
const KEY = 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=='

// It loads a hundred small packages: three seconds, or a minute on a machine that has much else to do.
const START_TIMEOUT_MS = 120_000

/** A running emulator of Cosmos DB. */
export interface CosmosEmulator {
  readonly port: number
  readonly connectionString: string
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>
  stop(): Promise<void>
  /** Ends it without warning. What it has acknowledged is in its folder, if it has one. */
  kill(): Promise<void>
}

/** The emulator did not start. */
export class CosmosStartError extends Error {
  override readonly name = 'CosmosStartError'
}

/** The connection string of an emulator at a port of this machine. */
export function cosmosConnectionString(port: number): string {
  return `AccountEndpoint=http://127.0.0.1:${port}/;AccountKey=${KEY};`
}

/**
 * The port of the emulator on this machine that a connection string names; undefined if it names another account, or one that is
 * reached by https, as Microsoft's emulator is.
 */
export function cosmosPort(connection: string): number | undefined {
  const endpoint = URL.parse(/(?:^|;)\s*AccountEndpoint=([^;]*)/i.exec(connection)?.[1] ?? '')
  const local = endpoint?.protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(endpoint.hostname)
  return local ? Number(endpoint.port || 80) : undefined
}

/**
 * Starts an emulator of Cosmos DB, as a process: databases, containers, items, queries, and the change feed.
 *
 * @param options.port to listen on; by default a free one
 * @param options.location folder of its data; without one it keeps everything in memory
 * @param options.signal stops a start that is under way
 * @throws CosmosStartError, or the signal's reason
 */
export async function startCosmos(
  options: { readonly port?: number; readonly location?: string; readonly signal?: AbortSignal } = {},
): Promise<CosmosEmulator> {
  options.signal?.throwIfAborted()
  const script = fileURLToPath(new URL('cosmosServer.ts', import.meta.url))
  const child = fork(script, [String(options.port ?? 0), options.location ?? ''], {
    // Its own process group: Ctrl-C in the terminal must not stop it before the host has finished.
    detached: process.platform !== 'win32',
    execArgv: ['--import', PARENT_WATCHDOG],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let output = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-2000)
  })
  const ended = once(child, 'exit').then(() => undefined)
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  const aborted = new Promise<'aborted'>((resolve) => {
    options.signal?.addEventListener('abort', () => {
      resolve('aborted')
    })
  })
  const listening = once(child, 'message').then(([message]) => (message as { port: number }).port)
  const waiting = new AbortController()
  const late = delay(START_TIMEOUT_MS, 'late' as const, { signal: waiting.signal }).catch(
    () => 'late' as const,
  )
  const first = await Promise.race([listening, ended, aborted, late])
  waiting.abort()
  if (first === 'aborted') {
    await kill()
    options.signal?.throwIfAborted()
  }
  if (typeof first !== 'number') {
    await kill()
    throw new CosmosStartError(
      `The emulator of Cosmos DB did not start: ${output.trim() || 'it printed nothing'}`,
    )
  }
  return {
    port: first,
    connectionString: cosmosConnectionString(first),
    ended,
    kill,
    async stop() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}
