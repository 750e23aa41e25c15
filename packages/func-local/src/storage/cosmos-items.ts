import type { QueryIterator, SqlQuerySpec } from '@azure/cosmos'
import type { Settings } from '../config/settings.ts'
import { CosmosError, onContainer, type ContainerPlace } from './cosmos.ts'

/** What was found under an id. */
export type FoundItem =
  { readonly kind: 'item'; readonly item: unknown } | { readonly kind: 'no item' | 'no container' }

// A URL would lead to another resource with them, `.` to the list of all items for example.
const NOT_IN_URL = /^\.{1,2}$|^\s*$|[/\\#?]/

/**
 * Reads the item with an id in a partition.
 *
 * @param partitionKey without one, among the items that have no value at the container's partition key path
 * @throws {CosmosError}
 */
export async function readItem(
  settings: Settings,
  place: ContainerPlace,
  id: string,
  partitionKey: string | undefined,
): Promise<FoundItem> {
  try {
    if (NOT_IN_URL.test(id) || !id.isWellFormed()) {
      const byId = { query: 'SELECT * FROM c WHERE c.id = @id', parameters: [{ name: '@id', value: id }] }
      // An empty object stands for the absence of a value.
      const [item] = await queryItems(settings, place, byId, partitionKey ?? {})
      return item === undefined ? { kind: 'no item' } : { kind: 'item', item }
    }
    const { resource, substatus } = await onContainer(settings, place, (container) =>
      container.item(id, partitionKey).read<object>(),
    )
    if (resource !== undefined) return { kind: 'item', item: resource }
    return { kind: (substatus ?? 0) === 0 ? 'no item' : 'no container' }
  } catch (error) {
    if (error instanceof CosmosError && error.statusCode === 404) return { kind: 'no container' }
    throw error
  }
}

/**
 * Everything that a query finds, page by page.
 *
 * @param partitionKey without one, in all partitions
 * @throws {CosmosError}
 */
export async function queryItems(
  settings: Settings,
  place: ContainerPlace,
  query: SqlQuerySpec,
  partitionKey: string | Record<string, never> | undefined,
): Promise<readonly unknown[]> {
  let pages: QueryIterator<unknown> | undefined
  const found: (readonly unknown[])[] = []
  do {
    // Each page has a time of its own: how many there are, nobody knows.
    const page = await onContainer(settings, place, async ({ items }) => {
      pages ??= items.query<unknown>(query, partitionKey === undefined ? {} : { partitionKey })
      const { resources } = (await pages.fetchNext()) as { readonly resources?: readonly unknown[] }
      return resources ?? []
    })
    found.push(page)
  } while (pages?.hasMoreResults())
  return found.flat()
}

/** Creates or replaces an item. @throws {CosmosError} */
export async function upsertItem(settings: Settings, place: ContainerPlace, item: object): Promise<void> {
  await onContainer(settings, place, ({ items }) =>
    items.upsert(item, { disableAutomaticIdGeneration: true }),
  )
}
