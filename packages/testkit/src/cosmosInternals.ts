import { createRequire } from 'node:module'
import { ChangeLog, type StoredItem } from './cosmosChanges.ts'

// Only this file uses private classes of @vercel/cosmosdb-server, and it is written for one version of them.
//
// - Its change feed responds with all items once, and then with 304 for ever. Here every write of an item is put into a log of its
//   container (`Items._set`, `Items.delete`), which the feed is read from (cosmosServer.ts). The same few lines in its class
//   `Documents` would give it a feed of its own: we would gladly contribute them, if upstream wants them.
// - It keeps everything in memory. Here every write is told to a journal, from which it can be made again.
// - It says that it is reached by https, also when it is not, and at its own port, also when something is in front of it.

const KNOWN_VERSION = '1.0.'

const require = createRequire(import.meta.url)
const { version } = require('@vercel/cosmosdb-server/package.json') as { readonly version: string }
if (!version.startsWith(KNOWN_VERSION)) {
  throw new Error(
    `packages/testkit/src/cosmosInternals.ts is written for @vercel/cosmosdb-server ${KNOWN_VERSION}x, but ${version} is ` +
      'installed. Check the private classes it uses against that version, then change KNOWN_VERSION.',
  )
}

/** What is stored: an item, or the definition of a container or database. */
type Resource = StoredItem & { readonly _self: string }

interface Entry {
  read(): Resource | undefined
}

interface Container extends Entry {
  readonly documents: Items
}

interface Database extends Entry {
  readonly collections: Items
  collection(idOrRid: string): Container
}

interface Account {
  readonly databases: Items
  read(): Readonly<Record<string, unknown>>
  database(idOrRid: string): Database
}

/** The databases of the account, the containers of a database, or the items of a container. */
interface Items {
  readonly _parent: Entry
  readonly _data: ReadonlyMap<string, Entry>
  _ridCount: number
  _item(path: string, value: string, partition: string): Entry
  _set(data: Resource): Resource
  delete(idOrRid: string, partition: string): void
}

interface ItemsClass {
  readonly prototype: Items
}

/** A write, and enough to make it again: in which database and container, by their `_self`, and how many there were. */
export type Write =
  | { readonly in: string; readonly count: number; readonly lsn: number; readonly data: Resource }
  | { readonly in: string; readonly count: number; readonly lsn: number; readonly deleted: string }

const lib = (file: string) =>
  require(`@vercel/cosmosdb-server/lib/account/${file}.js`) as { default: unknown }

/** The account of the server that is started next. */
export interface CosmosAccount {
  /**
   * What the account says of itself.
   *
   * @param host where the client has reached it
   */
  description(host: string): Readonly<Record<string, unknown>>
  /** The log of a container's changes; undefined if there is no such container. */
  changesOf(database: string, container: string): ChangeLog | undefined
  /** The definition of a container; undefined if there is none. */
  definitionOf(database: string, container: string): Readonly<Record<string, unknown>> | undefined
  /** Everything there is, as the writes that would make it. */
  contents(): Iterable<Write>
  /** Makes a write again. */
  restore(write: Write): void
}

/**
 * Changes the classes of the server that this process starts next.
 *
 * @param written is told every write, before it is acknowledged
 * @returns its account, as soon as it listens
 */
export function instrumentedAccount(written: (write: Write) => void): Promise<CosmosAccount> {
  const { promise, resolve } = Promise.withResolvers<CosmosAccount>()
  const logs = new WeakMap<Items, ChangeLog>()
  const logOf = (items: Items) => {
    const log = logs.get(items) ?? new ChangeLog()
    logs.set(items, log)
    return log
  }
  let restoring = false
  const isDocuments = (items: Items) => items.constructor.name === 'Documents'
  const isKept = (items: Items) => ['Documents', 'Collections', 'Databases'].includes(items.constructor.name)

  const { prototype } = lib('items').default as ItemsClass
  // eslint-disable-next-line @typescript-eslint/unbound-method -- both are called with the items they belong to
  const { _set, delete: remove } = prototype
  let replacing = 0
  const placeOf = (items: Items) => ({
    in: items.constructor.name === 'Databases' ? '' : (items._parent.read()?._self ?? ''),
    count: items._ridCount,
    lsn: isDocuments(items) ? logOf(items).last : 0,
  })
  prototype._set = function (this: Items, data) {
    const stored = _set.call(this, data)
    if (!isKept(this) || restoring) return stored
    if (isDocuments(this)) logOf(this).written(data)
    written({ ...placeOf(this), data })
    return stored
  }
  prototype.delete = function (this: Items, idOrRid, partition) {
    const rid = this._item('/id', idOrRid, partition).read()?._rid
    remove.call(this, idOrRid, partition)
    // A replacement deletes what it replaces, and writes it.
    if (!isKept(this) || replacing > 0 || rid === undefined) return
    if (isDocuments(this)) logOf(this).deleted(rid)
    written({ ...placeOf(this), deleted: rid })
  }
  const withReplace = prototype as unknown as { replace: (...args: unknown[]) => unknown }
  const { replace } = withReplace
  withReplace.replace = function (this: Items, ...args) {
    replacing++
    try {
      return replace.apply(this, args)
    } finally {
      replacing--
    }
  }

  const module = lib('index')
  const Original = module.default as new (host: string, port: number) => Account
  module.default = class extends Original {
    constructor(host: string, port: number) {
      super(host, port)
      resolve(opened(this))
    }
  }

  function opened(account: Account): CosmosAccount {
    // A `_self` is /dbs/<rid>/colls/<rid>, and a _rid is Base64, which has slashes.
    const itemsIn = (self: string) => {
      const [, database, container] = /^\/dbs\/(.+?)(?:\/colls\/(.+))?$/.exec(self) ?? []
      if (database === undefined) return account.databases
      const found = account.database(database)
      return container === undefined ? found.collections : found.collection(container).documents
    }
    const definitionOf = (database: string, container: string) =>
      account.database(database).collection(container).read()
    return {
      description(host) {
        const locations = [{ name: 'Here', databaseAccountEndpoint: `http://${host}/` }]
        return {
          ...account.read(),
          writableLocations: locations,
          readableLocations: locations,
          // What was written is seen by every read after it.
          userConsistencyPolicy: { defaultConsistencyLevel: 'Strong' },
        }
      },
      definitionOf,
      changesOf: (database, container) =>
        definitionOf(database, container) &&
        logOf(account.database(database).collection(container).documents),
      *contents() {
        for (const database of account.databases._data.values()) {
          const data = database.read()
          if (data === undefined) continue
          yield { ...placeOf(account.databases), data }
          const { collections } = account.database(data._rid)
          for (const container of collections._data.values()) {
            const definition = container.read()
            if (definition === undefined) continue
            yield { ...placeOf(collections), data: definition }
            const { documents } = container as Container
            const log = logOf(documents)
            for (const { lsn, item } of log.current) {
              yield { ...placeOf(documents), lsn, data: item as Resource }
            }
            // The number of the last change counts also if what was changed is gone.
            yield { ...placeOf(documents), deleted: '' }
          }
        }
      },
      restore(write) {
        const items = itemsIn(write.in)
        items._ridCount = Math.max(items._ridCount, write.count)
        const log = isDocuments(items) ? logOf(items) : undefined
        log?.skipTo(write.lsn)
        restoring = true
        try {
          if ('data' in write) {
            items._set(write.data)
            log?.written(write.data, write.lsn)
          } else {
            const gone = items._data.get(write.deleted)?.read()
            if (gone !== undefined) remove.call(items, gone.id, partitionOf(items, gone))
            log?.deleted(write.deleted)
          }
        } finally {
          restoring = false
        }
      },
    }
  }
  return promise
}

function partitionOf(items: Items, data: Resource): string {
  return (items as unknown as { _getPartition: (data: Resource) => string })._getPartition(data)
}
