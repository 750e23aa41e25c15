import path from 'node:path'
import { azuritePorts, startAzurite, whoAnswers } from 'testkit/azurite'
import { cosmosConnectionString, cosmosPort, startCosmos, USUAL_COSMOS_PORT } from 'testkit/cosmos'
import { settingValues } from '../src/settings.ts'
import { storageConnection } from '../src/storage/connection.ts'
import { cosmosConnection } from '../src/storage/cosmosConnection.ts'
import { COSMOS_CONNECTION } from '../src/storage/names.ts'
import type { OrderStore } from '../src/storage/orderStore.ts'
import { StorageSettingsError } from '../src/storage/settingsError.ts'
import { ROOT } from './build.ts'
import { StartError } from './startError.ts'

/** An emulator that `npm start` has started. */
export interface Emulator {
  readonly name: string
  /** Resolves when its process has ended, for whatever reason. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

const DATA = '.azurite'

/** The setting that the app reaches the emulator of Cosmos DB by, where no other account is named. */
export function cosmosSetting(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const named = [
    COSMOS_CONNECTION,
    `ConnectionStrings:${COSMOS_CONNECTION}`,
    `${COSMOS_CONNECTION}__accountEndpoint`,
  ]
  if (named.some((name) => settingValues(environment, name).length > 0)) return {}
  return { [COSMOS_CONNECTION]: cosmosConnectionString(USUAL_COSMOS_PORT) }
}

/**
 * Starts the emulators of the app's stores on this machine that do not run yet.
 *
 * @throws StartError | AzuriteStartError | CosmosStartError, and what was started is stopped
 */
export async function ensureEmulators(
  environment: NodeJS.ProcessEnv,
  store: OrderStore,
  signal: AbortSignal,
): Promise<readonly Emulator[]> {
  const starting = [
    ensureAzurite(environment, signal),
    ...(store === 'cosmos' ? [ensureCosmos(environment, signal)] : []),
  ]
  const results = await Promise.allSettled(starting)
  const running = results.flatMap((result) => (result.status === 'fulfilled' ? (result.value ?? []) : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed === undefined) return running
  for (const emulator of running) await emulator.stop()
  throw failed.reason
}

async function ensureAzurite(
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Emulator | undefined> {
  const ports = azuritePorts(storageConnectionString(environment))
  if (ports === undefined) return undefined
  const present = await whoAnswers(ports)
  const shown = Object.values(ports).join(', ')
  if (present === 'azurite') {
    console.log(`Azurite: already running on ports ${shown}`)
    return undefined
  }
  if (present !== 'nobody') {
    throw new StartError(
      `Port ${present.port} is in use, but not by an Azurite with all its services (ports ${shown}). ` +
        'Stop the process that uses it, or set AzureWebJobsStorage in local.settings.json to other storage.',
    )
  }
  const azurite = await startAzurite({ ports, location: path.join(ROOT, DATA), signal })
  console.log(`Azurite: started on ports ${shown}, data in ${DATA}/`)
  return { name: 'Azurite', ended: azurite.ended, stop: () => azurite.stop() }
}

/** Empty if the app uses an identity, or no storage at all. */
function storageConnectionString(environment: NodeJS.ProcessEnv): string {
  try {
    const connection = storageConnection(environment)
    return connection.kind === 'connectionString' ? connection.connectionString : ''
  } catch (error) {
    if (!(error instanceof StorageSettingsError)) throw error
    console.error(`${error.message} Until then the response to an order is 503.`)
    return ''
  }
}

async function ensureCosmos(
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Emulator | undefined> {
  const port = cosmosEmulatorPort(environment)
  if (port === undefined) return undefined
  const present = await cosmosAnswers(port)
  let started: Emulator | undefined
  if (present === 'other') {
    throw new StartError(
      `Port ${port} is in use, but not by an emulator of Cosmos DB. Stop the process that uses it, or set ` +
        `${COSMOS_CONNECTION} in local.settings.json to another account.`,
    )
  }
  if (present === 'cosmos') {
    console.log(`Cosmos DB emulator: already running on port ${port}`)
  } else {
    const emulator = await startCosmos({ port, location: path.join(ROOT, DATA, 'cosmos'), signal })
    console.log(`Cosmos DB emulator: started on port ${port}, data in ${DATA}/cosmos/`)
    started = { name: 'The emulator of Cosmos DB', ended: emulator.ended, stop: () => emulator.stop() }
  }
  try {
    // The app creates the container with the first order, and the trigger wants it at the start.
    const { cosmosClient, createContainer } = await import('../src/storage/cosmos.ts')
    const client = await cosmosClient(environment)
    await createContainer(client, signal)
    client.dispose()
  } catch (error) {
    await started?.stop()
    throw error
  }
  return started
}

/** The port of an emulator like this one, if that is what the settings name. */
function cosmosEmulatorPort(environment: NodeJS.ProcessEnv): number | undefined {
  try {
    const connection = cosmosConnection(environment)
    if (connection.kind === 'identity') return undefined
    return cosmosPort(`AccountEndpoint=${connection.endpoint}`)
  } catch (error) {
    throw error instanceof StorageSettingsError ? new StartError(error.message) : error
  }
}

/** Who answers at a port: an account of Cosmos DB says where it is. */
async function cosmosAnswers(port: number): Promise<'cosmos' | 'other' | 'nobody'> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) })
    return (await response.text()).includes('databaseAccountEndpoint') ? 'cosmos' : 'other'
  } catch (error) {
    const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined
    return cause?.code === 'ECONNREFUSED' ? 'nobody' : 'other'
  }
}
