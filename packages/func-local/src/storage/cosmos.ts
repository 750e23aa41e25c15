import type { ChangeFeedPullModelIterator, Container, CosmosClient } from '@azure/cosmos'
import { Agent } from 'node:https'
import type { Settings } from '../config/settings.ts'
import type { Lease, LeaseStore } from '../triggers/cosmos-lease.ts'
import type { ChangeFeed } from '../triggers/cosmos-listener.ts'
import { cosmosConnectionName, resolveCosmosConnection, type CosmosConnection } from './cosmos-connection.ts'

/** A container of Cosmos DB, and how it is reached. */
export interface ContainerPlace {
  readonly connection: string | undefined
  readonly database: string
  readonly container: string
  /** The regions to read from, the best first; by default the account's own order. */
  readonly preferredLocations?: readonly string[]
}

/** Where the changes of a container are read from the first time. */
export type FeedStart = 'beginning' | 'now' | Date

/** An error of Cosmos DB, in the form of the storage SDKs' errors. */
export class CosmosError extends Error {
  override readonly name = 'CosmosError'
  readonly statusCode: number | undefined
  readonly code: string | undefined

  constructor(message: string, statusCode: number | undefined, code: string | undefined, cause?: unknown) {
    super(message, { cause })
    this.statusCode = statusCode
    this.code = code
  }
}

const REQUEST_TIMEOUT_MS = 10_000
/** Several requests: what a container's partitions are, and one for each of them. */
const OPERATION_TIMEOUT_MS = 30_000

const clients = new Map<string, Promise<CosmosClient>>()

async function cosmosClient(settings: Settings, place: ContainerPlace): Promise<CosmosClient> {
  const { connection: name, preferredLocations = [] } = place
  const connection = resolveCosmosConnection(settings, name)
  const access = 'key' in connection ? connection.key : connection.identity
  const key = [connection.endpoint, access, ...preferredLocations].join(' ')
  let client = clients.get(key)
  if (client === undefined) {
    client = open(connection, preferredLocations)
    clients.set(key, client)
    client.catch(() => clients.delete(key))
  }
  return await client
}

/** Loaded on first use: the SDK is a third of the host. */
async function open(
  connection: CosmosConnection,
  preferredLocations: readonly string[],
): Promise<CosmosClient> {
  const { CosmosClient } = await import('@azure/cosmos')
  const { endpoint } = connection
  const { hostname, protocol } = new URL(endpoint)
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  const options = {
    endpoint,
    connectionPolicy: {
      requestTimeout: REQUEST_TIMEOUT_MS,
      // As often as the real host's client, but not for as long.
      retryOptions: { maxRetryAttemptCount: 9, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 5 },
      // An emulator in a container says addresses that only hold inside of it.
      enableEndpointDiscovery: !isLocal,
      preferredLocations: [...preferredLocations],
    },
    // Microsoft's emulator has a certificate of its own making.
    ...(isLocal && protocol === 'https:' && { agent: new Agent({ rejectUnauthorized: false }) }),
  }
  return 'key' in connection
    ? new CosmosClient({ ...options, key: connection.key })
    : new CosmosClient({ ...options, aadCredentials: await connection.credential() })
}

/** Does something with a container. @throws {CosmosError} */
export async function onContainer<T>(
  settings: Settings,
  place: ContainerPlace,
  work: (container: Container) => Promise<T>,
): Promise<T> {
  const client = await cosmosClient(settings, place)
  return await answered(() => work(client.database(place.database).container(place.container)))
}

/** Creates a container, and its database, unless they exist. @throws {CosmosError} */
export async function createContainer(
  settings: Settings,
  place: ContainerPlace,
  options: { readonly partitionKey: string; readonly throughput?: number | undefined },
): Promise<void> {
  const client = await cosmosClient(settings, place)
  const { partitionKey, throughput } = options
  const database = client.database(place.database)
  await unlessCreated(() => client.databases.createIfNotExists({ id: place.database }))
  await unlessCreated(() =>
    database.containers.createIfNotExists({
      id: place.container,
      partitionKey: { paths: [partitionKey] },
      ...(throughput !== undefined && { throughput }),
    }),
  )
}

/** Creates something that somebody else may be creating at the same time. */
async function unlessCreated(create: () => Promise<unknown>): Promise<void> {
  try {
    await answered(create)
  } catch (error) {
    if (!(error instanceof CosmosError) || error.statusCode !== 409) throw error
  }
}

/** What tells a container from others, also from one of the same name that was deleted. @throws {CosmosError} */
export async function containerIdentity(settings: Settings, place: ContainerPlace): Promise<string> {
  const { endpoint } = resolveCosmosConnection(settings, place.connection)
  const { resource } = await onContainer(settings, place, (container) => container.read())
  return `${new URL(endpoint).hostname}_${place.database}_${resource?._rid ?? ''}`
}

/**
 * The continuation of a page, with the milliseconds of the time that the feed began at. Until every partition has been read once,
 * the SDK's own has nothing of the others, and would begin them with what was there before.
 */
const SINCE = /^since=(\d+);/
/** Clocks of this machine and of an account are not this far apart. */
const CLOCKS_MS = 60_000

/**
 * Reads a container's changes, all partitions, each item as it is since its last change. After an error it goes on from the page
 * that was read last.
 *
 * https://learn.microsoft.com/azure/cosmos-db/change-feed-modes#latest-version-change-feed-mode
 *
 * @param most items in a page, unless more were written in one transaction
 * @param from the continuation of a page; `undefined` begins at `start`
 */
export function openChangeFeed(
  settings: Settings,
  place: ContainerPlace,
  most: number | undefined,
  start: FeedStart,
  from: string | undefined,
): ChangeFeed {
  const [prefix = '', given] = SINCE.exec(from ?? '') ?? []
  const since = given === undefined ? beginningOf(start, from) : Number(given)
  let continuation = from?.slice(prefix.length)
  let iterator: ChangeFeedPullModelIterator<unknown> | undefined
  return {
    next: async () => {
      for (;;) {
        const all = await read()
        const items = since === undefined ? all : all.filter((item) => !isBefore(item, since))
        // A page of nothing but older changes is not the end of the feed.
        if (items.length > 0 || all.length === 0) {
          const own = continuation ?? ''
          return { items, continuation: since === undefined ? own : `since=${since};${own}` }
        }
      }
    },
  }

  async function read(): Promise<readonly unknown[]> {
    const { ChangeFeedStartFrom } = await import('@azure/cosmos')
    const startFrom = (): object => {
      if (continuation !== undefined) return ChangeFeedStartFrom.Continuation(continuation)
      if (start === 'beginning') return ChangeFeedStartFrom.Beginning()
      return start === 'now' ? ChangeFeedStartFrom.Now() : ChangeFeedStartFrom.Time(start)
    }
    try {
      return await onContainer(settings, place, async (container) => {
        iterator ??= container.items.getChangeFeedIterator<unknown>({
          changeFeedStartFrom: startFrom(),
          ...(most !== undefined && { maxItemCount: most }),
        })
        const { statusCode, result, continuationToken } = await iterator.readNext()
        if (statusCode !== 200 && statusCode !== 304)
          throw new CosmosError(`The change feed was responded to with ${statusCode}.`, statusCode, undefined)
        continuation = continuationToken
        return statusCode === 304 ? [] : result
      })
    } catch (error) {
      // What it has read of some partitions it would not read again.
      iterator = undefined
      throw error
    }
  }
}

/** Milliseconds of the time that a feed begins at; `undefined` when all changes count, or when it is not known any more. */
function beginningOf(start: FeedStart, from: string | undefined): number | undefined {
  if (start instanceof Date) return start.getTime()
  return start === 'now' && from === undefined ? Date.now() - CLOCKS_MS : undefined
}

/** Whether an item was changed last before a time; `_ts` has whole seconds. */
function isBefore(item: unknown, milliseconds: number): boolean {
  const { _ts } = item as { readonly _ts?: unknown }
  return typeof _ts === 'number' && _ts < Math.floor(milliseconds / 1000)
}

/** Leases as items of a container, whose partition key is `/id`. */
export function cosmosLeases(settings: Settings, place: ContainerPlace): LeaseStore {
  const unlessRefused = async (work: Promise<string>): Promise<string | undefined> => {
    try {
      return await work
    } catch (error) {
      if (error instanceof CosmosError && [409, 412].includes(error.statusCode ?? 0)) return undefined
      throw error
    }
  }
  return {
    read: async (id) => {
      const { resource, etag, statusCode, substatus } = await onContainer(settings, place, (container) =>
        container.item(id, id).read<Lease>(),
      )
      if (resource !== undefined) return { lease: resource, etag }
      // The SDK gives no item also where there is no container.
      if (statusCode === 404 && (substatus ?? 0) === 0) return undefined
      throw new CosmosError('Owner resource does not exist', statusCode, 'NotFound')
    },
    create: (lease) =>
      unlessRefused(
        onContainer(settings, place, async ({ items }) => (await items.create<Lease>(lease)).etag),
      ),
    replace: (lease, etag) =>
      unlessRefused(
        onContainer(settings, place, async (container) => {
          const accessCondition = { type: 'IfMatch', condition: etag }
          return (await container.item(lease.id, lease.id).replace<Lease>(lease, { accessCondition })).etag
        }),
      ),
  }
}

/** How a binding's container is named in messages. */
export function containerTarget({ connection, container }: ContainerPlace) {
  return {
    kind: 'container',
    name: container,
    connection: cosmosConnectionName(connection),
    service: 'Cosmos DB',
  } as const
}

/** The SDK's own retries take up to minutes, and cannot be ended. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new CosmosError(`no response within ${OPERATION_TIMEOUT_MS / 1000} s`, undefined, undefined))
  }, OPERATION_TIMEOUT_MS)
  try {
    return await Promise.race([work(), late])
  } catch (error) {
    throw cosmosErrorOf(error)
  } finally {
    clearTimeout(timer)
  }
}

/** The partition is moving, or something else wrote at the same time. https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb */
const MOVING = [410, 449]

function cosmosErrorOf(error: unknown): unknown {
  if (error instanceof CosmosError || !(error instanceof Error)) return error
  const { code, body } = error as { readonly code?: unknown; readonly body?: { readonly code?: string } }
  if (typeof code === 'number') {
    const status = MOVING.includes(code) ? 503 : code
    return new CosmosError(wordsOf(error.message), status, body?.code, error)
  }
  const refused = code === 'ECONNREFUSED' || error.message.includes('ECONNREFUSED')
  return new CosmosError(error.message, undefined, refused ? 'ECONNREFUSED' : undefined, error)
}

/** The service's own words, without the request's id and time. */
function wordsOf(message: string): string {
  const text = message.replaceAll('\\"', '"')
  // The second form is that of a query.
  const [, inner] =
    /"Errors":\["(.*?)"\]/.exec(text) ?? /"errors":\[\{.*?"message":"(.*?)"\}/.exec(text) ?? []
  return inner ?? message
}
