import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'

const SERVICES = ['blob', 'queue', 'table'] as const
type Service = (typeof SERVICES)[number]

/** Azurite's default ports, which `UseDevelopmentStorage=true` stands for. */
export const USUAL_PORTS: Readonly<Record<Service, number>> = { blob: 10000, queue: 10001, table: 10002 }

// Azurite's account is public knowledge, not a secret:
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite#use-a-well-known-storage-account-and-key
const ACCOUNT = 'devstoreaccount1'
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

// It reads all that is stored first: with 60,000 orders and a busy machine more than half a minute.
const START_TIMEOUT_MS = 120_000
// A clean stop writes everything to the disk: well under a second, or some seconds with a hundred thousand records.
const STOP_TIMEOUT_MS = 60_000

const moduleUrl = (name: string) => new URL(name, import.meta.url).href

/** A module for `node --import` that stops a process cleanly when its parent process is gone. */
export const PARENT_WATCHDOG = moduleUrl('parentWatchdog.ts')

/** A running Azurite. */
export interface Azurite {
  readonly ports: Readonly<Record<Service, number>>
  readonly connectionString: string
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Stops it cleanly: everything it has acknowledged is on disk (unless it runs in memory). */
  stop(): Promise<void>
}

/** Azurite did not start. The message says why, and what to do about it. */
export class AzuriteStartError extends Error {
  override readonly name = 'AzuriteStartError'
}

/**
 * Starts Azurite, the emulator of Azure Storage, as a process.
 *
 * @param options.ports to listen on; 0 picks a free one
 * @param options.location folder of its data; without one it keeps everything in memory, also what was deleted
 * @param options.extraArguments more of Azurite's own flags
 * @param options.flatQueues whether storage in memory is to be as fast when many messages wait as when there are few
 * @param options.saveOnlyAtStop whether data in a folder is written only by `stop`: with many records the usual save every
 * 5 s blocks Azurite for seconds. What was acknowledged is lost if the process is killed.
 * @param options.signal stops a start that is under way; nothing is left of it when the promise rejects
 * @throws AzuriteStartError, or the signal's reason
 */
export async function startAzurite(options: {
  readonly ports?: Readonly<Record<Service, number>>
  readonly location?: string
  readonly extraArguments?: readonly string[]
  readonly flatQueues?: boolean
  readonly saveOnlyAtStop?: boolean
  readonly signal?: AbortSignal
}): Promise<Azurite> {
  options.signal?.throwIfAborted()
  const requested = options.ports ?? { blob: 0, queue: 0, table: 0 }
  const child = fork(
    createRequire(import.meta.url).resolve('azurite/dist/src/azurite.js'),
    [
      ...SERVICES.flatMap((service) => [`--${service}Port`, String(requested[service])]),
      '--silent',
      '--skipApiVersionCheck',
      '--disableTelemetry',
      ...(options.location === undefined ? ['--inMemoryPersistence'] : ['--location', options.location]),
      ...(options.extraArguments ?? []),
    ],
    {
      // Its own process group: Ctrl-C in the terminal must not stop it before the host has finished.
      detached: process.platform !== 'win32',
      execArgv: [PARENT_WATCHDOG, ...internals(options)].flatMap((url) => ['--import', url]),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  )
  const ended = once(child, 'exit').then(() => undefined)
  const output: string[] = []
  const ports: Partial<Record<Service, number>> = {}

  const listening = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface(stream).on('line', (line) => {
        output.push(line)
        const match =
          /Azurite (Blob|Queue|Table) service is successfully listening at https?:\/\/[^ ]+:(\d+)/.exec(line)
        if (match === null) return
        const [, service = '', port] = match
        ports[service.toLowerCase() as Service] = Number(port)
        if (SERVICES.every((name) => ports[name] !== undefined)) resolve()
      })
    }
  })
  const timeout = new AbortController()
  const late = new Promise<'late'>((resolve) => {
    const timer = setTimeout(resolve, START_TIMEOUT_MS, 'late')
    timeout.signal.addEventListener('abort', () => {
      clearTimeout(timer)
    })
  })
  const aborted = new Promise<'aborted'>((resolve) => {
    options.signal?.addEventListener('abort', () => {
      resolve('aborted')
    })
  })
  const first = await Promise.race([listening, ended.then(() => 'ended' as const), late, aborted])
  timeout.abort()
  if (first === 'aborted') {
    // While it loads, Azurite has no handler yet: the signal ends it at once. Afterwards it stops cleanly.
    child.kill('SIGTERM')
    await ended
    options.signal?.throwIfAborted()
  }
  if (first !== undefined) {
    child.kill('SIGKILL')
    await ended
    throw new AzuriteStartError(await startFault(output, options.location))
  }

  const { blob = 0, queue = 0, table = 0 } = ports
  return {
    ports: { blob, queue, table },
    connectionString: connectionString({ blob, queue, table }),
    ended,
    async stop() {
      if (child.connected) child.disconnect()
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

/** The module that replaces parts of Azurite, if any are to be replaced. */
function internals({
  location,
  flatQueues = false,
  saveOnlyAtStop = false,
}: {
  readonly location?: string
  readonly flatQueues?: boolean
  readonly saveOnlyAtStop?: boolean
}): readonly string[] {
  if (location !== undefined) return saveOnlyAtStop ? [moduleUrl('azuriteInternals.ts?saveOnlyAtStop')] : []
  return [moduleUrl(`azuriteInternals.ts${flatQueues ? '?flatQueues' : ''}`)]
}

/** Why Azurite did not start, and what to do. A damaged data file is named: Azurite itself does not say which one it is. */
async function startFault(output: readonly string[], location: string | undefined): Promise<string> {
  const said = output.findLast((line) => line.trim() !== '') ?? 'it printed nothing'
  const damaged = location === undefined ? undefined : await damagedDataFile(location)
  if (damaged !== undefined) {
    return (
      `Azurite did not start: its data file ${damaged} is damaged (after a crash, or when the disk was full). ` +
      'Restore it, or move it away: Azurite then starts without the data that was in it.'
    )
  }
  const folder = location === undefined ? '' : ` Check that its data folder ${location} can be written to.`
  return `Azurite did not start: ${said.replace(/^Exit due to unhandled error: /, '')}.${folder}`
}

/** Azurite keeps what it knows in JSON files: https://github.com/Azure/Azurite#workspace-structure */
async function damagedDataFile(location: string): Promise<string | undefined> {
  for (const name of await readdir(location).catch(() => [])) {
    if (!/^__azurite_db_.*\.json$/.test(name)) continue
    const file = path.join(location, name)
    try {
      const text = await readFile(file, 'utf8')
      // To Azurite an empty file is an empty database.
      if (text === '') continue
      const json: unknown = JSON.parse(text)
      if (typeof json !== 'object' || json === null) return file
    } catch {
      return file
    }
  }
  return undefined
}

/** The connection string of an Azurite at these ports. */
export function connectionString(ports: Readonly<Record<Service, number>>): string {
  const endpoint = (name: string, service: Service) =>
    `${name}Endpoint=http://127.0.0.1:${ports[service]}/${ACCOUNT}`
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${ACCOUNT}`,
    `AccountKey=${ACCOUNT_KEY}`,
    endpoint('Blob', 'blob'),
    endpoint('Queue', 'queue'),
    endpoint('Table', 'table'),
  ].join(';')
}

/**
 * The ports of the Azurite on this machine that a connection string names; undefined if it names other storage.
 * https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
 */
export function azuritePorts(connection: string): Readonly<Record<Service, number>> | undefined {
  const fields = new Map(
    connection.split(';').flatMap((field) => {
      const [name = '', ...value] = field.split('=')
      return name.trim() === '' ? [] : [[name.trim().toLowerCase(), value.join('=').trim()]]
    }),
  )
  if (fields.get('usedevelopmentstorage')?.toLowerCase() === 'true') {
    return fields.has('developmentstorageproxyuri') ? undefined : USUAL_PORTS
  }
  if (fields.get('accountname') !== ACCOUNT) return undefined
  const port = (service: Service) => {
    const endpoint = URL.parse(fields.get(`${service}endpoint`) ?? '')
    const local = endpoint?.protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(endpoint.hostname)
    return local ? Number(endpoint.port || 80) : undefined
  }
  const [blob, queue, table] = [port('blob'), port('queue'), port('table')]
  return blob === undefined || queue === undefined || table === undefined ? undefined : { blob, queue, table }
}

/**
 * Who answers at Azurite's usual ports.
 *
 * @returns `azurite` if all its services do, `nobody` if all ports are free, else a port that another program, or an
 * incomplete Azurite, uses
 */
export async function whoAnswers(
  ports = USUAL_PORTS,
): Promise<'azurite' | 'nobody' | { readonly port: number }> {
  const found = await Promise.all(
    SERVICES.map(async (service) => ({ port: ports[service], server: await serverAt(ports[service]) })),
  )
  if (found.every(({ server }) => server === undefined)) return 'nobody'
  const other = found.find(({ server }) => server?.startsWith('Azurite-') === false)
  const free = found.find(({ server }) => server === undefined)
  if (other === undefined && free === undefined) return 'azurite'
  return { port: (other ?? found.find(({ server }) => server !== undefined) ?? found[0])?.port ?? 0 }
}

/** The `Server` header of what listens on a port: empty if it sends none, undefined if nothing listens. */
async function serverAt(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) })
    return response.headers.get('server') ?? ''
  } catch (error) {
    const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined
    return cause?.code === 'ECONNREFUSED' ? undefined : ''
  }
}
