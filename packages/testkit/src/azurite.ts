import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const SERVICES = ['blob', 'queue', 'table'] as const
type Service = (typeof SERVICES)[number]

/** Azurite's default ports, which `UseDevelopmentStorage=true` stands for. */
export const USUAL_PORTS: Readonly<Record<Service, number>> = { blob: 10000, queue: 10001, table: 10002 }

// Azurite's account is public knowledge, not a secret:
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite#use-a-well-known-storage-account-and-key
const ACCOUNT = 'devstoreaccount1'
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

const START_TIMEOUT_MS = 30_000

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

/** Azurite did not start. The message says why. */
export class AzuriteStartError extends Error {
  override readonly name = 'AzuriteStartError'
}

/**
 * Starts Azurite, the emulator of Azure Storage, as a process.
 *
 * @param options.ports ports to listen on; 0 selects a free one
 * @param options.location folder for its data; without one it keeps everything in memory, including deleted data
 * @param options.extraArguments further options of Azurite
 * @param options.flatQueues in memory only: queue operations take the same time however many messages wait
 * @throws AzuriteStartError
 */
export async function startAzurite(options: {
  readonly ports?: Readonly<Record<Service, number>>
  readonly location?: string
  readonly extraArguments?: readonly string[]
  readonly flatQueues?: boolean
}): Promise<Azurite> {
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
      execArgv: [
        PARENT_WATCHDOG,
        ...(options.location === undefined
          ? [moduleUrl(`azuriteInternals.ts${options.flatQueues === true ? '?flatQueues' : ''}`)]
          : []),
      ].flatMap((url) => ['--import', url]),
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
  const first = await Promise.race([listening, ended.then(() => 'ended' as const), late])
  timeout.abort()
  if (first !== undefined) {
    child.kill('SIGKILL')
    const why = output.findLast((line) => line.trim() !== '') ?? 'no output'
    throw new AzuriteStartError(`Azurite did not start (${why}).`)
  }

  const { blob = 0, queue = 0, table = 0 } = ports
  return {
    ports: { blob, queue, table },
    connectionString: connectionString({ blob, queue, table }),
    ended,
    async stop() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** The connection string of an Azurite on these ports. */
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
 * What listens on Azurite's default ports.
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
