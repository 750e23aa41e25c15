import { resolveSettings } from '../binding-expression.ts'
import { systemClock } from '../clock.ts'
import {
  BindingError,
  positiveNumberOf,
  propertyOf,
  requiredInput,
  textOf,
  type NamedBinding,
} from '../host/function.ts'
import type { Listener, Services, TriggerEvent, TriggerType } from '../registry.ts'
import {
  cosmosConnectionName,
  findCosmosConnection,
  resolveCosmosConnection,
} from '../storage/cosmos-connection.ts'
import {
  containerIdentity,
  containerTarget,
  CosmosError,
  cosmosLeases,
  createContainer,
  openChangeFeed,
  type ContainerPlace,
  type FeedStart,
} from '../storage/cosmos.ts'
import { claimLease, newOwner } from './cosmos-lease.ts'
import { createCosmosListener } from './cosmos-listener.ts'
import { CALLED_VIA_HOST } from './http.ts'
import { elementsOf } from './on-call/hand-data.ts'

// Who develops should not wait the five seconds of the real host.
const POLL_DELAY_MS = 1000
// As in the real host: https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger#configuration
const RENEW_MS = 17_000
const EXPIRATION_MS = 60_000
/** The real host looks every 13 seconds; when an app is reloaded its old worker still has the lease for a moment. */
const ACQUIRE_MS = 1000
const NOT_FOUND = 404

/** The trigger of Cosmos DB: https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger */
export const cosmosTrigger: TriggerType = {
  type: 'cosmosDBTrigger',
  supportsRetry: true,
  bind: ({ fn, services, invoke }) => {
    const { trigger } = fn
    const event = (data: Buffer): TriggerEvent => ({
      ...changesEvent(elementsOf(data, 'a document or an array of documents')),
      reason: CALLED_VIA_HOST,
    })
    const byHand: Pick<Listener, 'adminEvent' | 'byHand'> = {
      adminEvent: (input) => event(Buffer.from(requiredInput(input))),
      byHand: {
        kind: 'event',
        sample: () => '[{"id":"1","name":"sample","_ts":1767225600,"_lsn":1}]',
        event,
      },
    }
    const connection = textOf(trigger, 'connection')
    if (findCosmosConnection(services.settings, connection) === undefined) {
      const because = `'${cosmosConnectionName(connection)}' is not set`
      return {
        ...byHand,
        start: () => undefined,
        stop: () => Promise.resolve(),
        onCall: { service: 'Cosmos DB', because, connection, packages: [] },
      }
    }
    const run = async (items: readonly unknown[]): Promise<boolean> => {
      const outcome = await invoke(changesEvent(items, place))
      return outcome.ok || outcome.endedWorker === true
    }
    const { place, ...listener } = listenerOf(trigger, services, run)
    return { ...listener, ...byHand }
  },
}

/** The changes as one JSON array; no metadata of their own. */
function changesEvent(items: readonly unknown[], place?: ContainerPlace): TriggerEvent {
  return {
    data: { string: JSON.stringify(items) },
    metadata: {},
    bindingData: () => ({}),
    reason: `New changes on collection ${place?.container ?? ''} at ${new Date().toISOString()}`,
  }
}

function listenerOf(
  trigger: NamedBinding,
  services: Services,
  run: (items: readonly unknown[]) => Promise<boolean>,
): Pick<Listener, 'start' | 'stop'> & { readonly place: ContainerPlace } {
  const { settings, log } = services
  const text = (property: string): string | undefined => {
    const value = textOf(trigger, property)
    return value === undefined ? undefined : resolveSettings(value, settings)
  }
  const required = (property: string): string => {
    const value = text(property)
    if (value === undefined)
      throw new BindingError(`'${property}' of its ${trigger.type} binding is missing.`)
    return value
  }
  const place: ContainerPlace = {
    connection: textOf(trigger, 'connection'),
    database: required('databaseName'),
    container: required('containerName'),
  }
  const leases: ContainerPlace = {
    connection: textOf(trigger, 'leaseConnection') ?? place.connection,
    database: text('leaseDatabaseName') ?? place.database,
    container: text('leaseContainerName') ?? 'leases',
  }
  const endpoints = [place, leases].map(
    ({ connection }) => resolveCosmosConnection(settings, connection).endpoint,
  )
  if (
    endpoints[0] === endpoints[1] &&
    place.database === leases.database &&
    place.container === leases.container
  )
    throw new BindingError('The container that it watches cannot be the one that has the leases.')
  const prefix = text('leaseContainerPrefix') ?? ''
  const start = startOf(trigger, text('startFromTime'))
  const most = positiveNumberOf(trigger, 'maxItemsPerInvocation')
  const expirationMs = positiveNumberOf(trigger, 'leaseExpirationInterval') ?? EXPIRATION_MS
  const throughput = positiveNumberOf(trigger, 'leasesContainerThroughput')
  const createsLeases = propertyOf(trigger, 'createLeaseContainerIfNotExists') === true
  let isCreated = !createsLeases
  const owner = newOwner()
  const listener = createCosmosListener({
    target: containerTarget(place),
    pollDelayMs: positiveNumberOf(trigger, 'feedPollDelay') ?? POLL_DELAY_MS,
    acquireMs: positiveNumberOf(trigger, 'leaseAcquireInterval') ?? ACQUIRE_MS,
    renewMs: positiveNumberOf(trigger, 'leaseRenewInterval') ?? RENEW_MS,
    claim: async () => {
      if (!isCreated) await createContainer(settings, leases, { partitionKey: '/id', throughput })
      isCreated = true
      const id = `${prefix}${await containerIdentity(settings, place)}..func-local`
      try {
        return await claimLease(cosmosLeases(settings, leases), id, owner, expirationMs, systemClock)
      } catch (error) {
        throw leaseError(error, leases)
      }
    },
    feed: (from) => openChangeFeed(settings, place, most, start, from),
    log,
    clock: systemClock,
    run,
  })
  return { ...listener, place }
}

/** An error of the container with the leases, which the trigger's messages do not name. */
function leaseError(error: unknown, { database, container }: ContainerPlace): unknown {
  if (!(error instanceof CosmosError)) return error
  const help =
    error.statusCode === NOT_FOUND ? '; createLeaseContainerIfNotExists: true in the trigger creates it' : ''
  const message = `the lease container '${container}' of database '${database}': ${error.message}${help}`
  return new CosmosError(message, error.statusCode, error.code, error)
}

function startOf(trigger: NamedBinding, time: string | undefined): FeedStart {
  const fromBeginning = propertyOf(trigger, 'startFromBeginning') === true
  if (time === undefined) return fromBeginning ? 'beginning' : 'now'
  if (fromBeginning)
    throw new BindingError("Only one of its 'startFromBeginning' and 'startFromTime' can be used.")
  const date = new Date(time)
  if (Number.isNaN(date.getTime()))
    throw new BindingError(
      `'startFromTime' of its ${trigger.type} binding must be in ISO 8601 with the UTC designator: 2026-01-31T12:00:00Z.`,
    )
  return date
}
