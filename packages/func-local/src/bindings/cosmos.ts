import { resolveSettings } from '../binding-expression.ts'
import {
  BindingError,
  positiveNumberOf,
  propertyOf,
  requiredText,
  textOf,
  type NamedBinding,
} from '../host/function.ts'
import type { TypedData } from '../protocol.ts'
import type { Settings } from '../config/settings.ts'
import type { BindingScope, BindingType, Captured, Services } from '../registry.ts'
import {
  cosmosConnectionName,
  findCosmosConnection,
  resolveCosmosConnection,
} from '../storage/cosmos-connection.ts'
import { queryItems, readItem, upsertItem } from '../storage/cosmos-items.ts'
import { changesDates } from '../storage/cosmos-options.ts'
import { containerTarget, createContainer, type ContainerPlace } from '../storage/cosmos.ts'
import { reasonOf, statusOf, withTarget } from '../storage/errors.ts'
import { cosmosNameFault } from '../storage/names.ts'
import { capturedBinding } from './captured.ts'
import { itemJson, itemOf, valuesOf } from './cosmos-items.ts'
import { parameterized } from './cosmos-query.ts'
import { warnOfInvalidName } from './name-warning.ts'

const elsewhere = capturedBinding('cosmosDB')
const NAMES = ['databaseName', 'containerName'] as const

/**
 * Cosmos DB input and output, as version 4 of the extension has them:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-input and
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-output
 *
 * An input is one item (`undefined` when it does not exist), or with `sqlQuery`, or without `id`, an array. An output creates or
 * replaces each item.
 */
export const cosmosBinding: BindingType = {
  type: 'cosmosDB',
  captured,
  check: (binding, services) => {
    const { settings } = services
    for (const property of NAMES) requiredText(binding, property)
    if (binding.direction === 'out') positiveNumberOf(binding, 'containerThroughput')
    else checkInput(binding, services)
    if (captured(binding, settings) !== undefined) return
    warnOfInvalidName(services, () => {
      resolveCosmosConnection(settings, textOf(binding, 'connection'))
    })
    for (const property of NAMES)
      warnOfInvalidName(services, () => {
        const name = resolveSettings(requiredText(binding, property), settings)
        if (!name.includes('{')) checkName(binding, property, name)
      })
  },
  input: async (scope) => {
    if (isCaptured(scope)) return undefined
    const place = placeOf(scope)
    return await withTarget(containerTarget(place), async () => {
      const id = resolved(scope, 'id')
      return id === undefined ? await list(scope, place) : await readOne(scope, place, id)
    })
  },
  output: async (scope, value) => {
    if (isCaptured(scope)) {
      await elsewhere.output?.(scope, value)
      return
    }
    const values = valuesOf(value)
    if (values.length === 0) return
    const place = placeOf(scope)
    for (const [index, each] of values.entries()) {
      try {
        await withTarget(containerTarget(place), () => write(scope, place, itemOf(each)))
      } catch (error) {
        if (!(error instanceof BindingError) || values.length === 1) throw error
        throw new BindingError(
          `Item ${index + 1} of ${values.length} is not written, nor are those after it; those before it are. ${error.message}`,
          { cause: error },
        )
      }
    }
  },
}

/** Where its connection is not set, as with a trigger, which is on call then. */
function captured(binding: NamedBinding, settings: Settings): Captured | undefined {
  const connection = textOf(binding, 'connection')
  try {
    if (findCosmosConnection(settings, connection) !== undefined) return undefined
  } catch (error) {
    // One that is not valid fails each invocation.
    if (error instanceof BindingError) return undefined
    throw error
  }
  return { because: `'${cosmosConnectionName(connection)}' is not set` }
}

function isCaptured({ binding, services }: BindingScope): boolean {
  return captured(binding, services.settings) !== undefined
}

function checkInput(binding: NamedBinding, services: Services): void {
  const id = valueOf(binding, 'id')
  const sqlQuery = textOf(binding, 'sqlQuery')
  if (id !== undefined && sqlQuery !== undefined)
    throw new BindingError("Only one of 'id' and 'sqlQuery' of its cosmosDB input can be used.")
  if (id !== undefined && valueOf(binding, 'partitionKey') === undefined)
    services.log.warn(
      `A cosmosDB input has an 'id' ('${id}') and no 'partitionKey': as in Azure, it finds only items that have no value at the container's partition key path.`,
    )
  changesDates(services.hostConfig)
  warnOfInvalidName(services, () => {
    if (id === '') throw new BindingError(EMPTY_ID)
    if (sqlQuery !== undefined) parameterized(sqlQuery, services.settings, () => '')
  })
}

const EMPTY_ID = "'id' of its cosmosDB input is empty."

function placeOf({ binding, resolve }: BindingScope): ContainerPlace {
  const [database, container] = NAMES.map((property) => {
    const name = resolve(requiredText(binding, property))
    checkName(binding, property, name)
    return name
  }) as [string, string]
  const locations = textOf(binding, 'preferredLocations')
  return {
    connection: textOf(binding, 'connection'),
    database,
    container,
    ...(locations !== undefined && { preferredLocations: regionsIn(resolve(locations)) }),
  }
}

function regionsIn(text: string): string[] {
  return text
    .split(',')
    .map((region) => region.trim())
    .filter((region) => region !== '')
}

function checkName(binding: NamedBinding, property: string, name: string): void {
  const fault = cosmosNameFault(name)
  if (fault !== undefined)
    throw new BindingError(`'${property}' of its ${binding.type} binding is '${name}'. ${fault}`)
}

/** A value that the extension reads as text, also where it is given as a number. */
function valueOf(binding: NamedBinding, property: string): string | undefined {
  const value = propertyOf(binding, property)
  return value === '' || typeof value === 'number' ? String(value) : textOf(binding, property)
}

function resolved({ binding, resolve }: BindingScope, property: string): string | undefined {
  const template = valueOf(binding, property)
  return template === undefined ? undefined : resolve(template)
}

async function readOne(
  scope: BindingScope,
  place: ContainerPlace,
  id: string,
): Promise<TypedData | undefined> {
  const { fn, binding, services } = scope
  if (id === '') throw new BindingError(EMPTY_ID)
  const found = await readItem(services.settings, place, id, resolved(scope, 'partitionKey'))
  if (found.kind === 'item') return { string: itemJson(found.item, changesDates(services.hostConfig)) }
  if (found.kind === 'no container')
    services.log.write(
      `Function.${fn.name}`,
      'warning',
      `Input '${binding.name}' of 'Functions.${fn.name}' is undefined, as in Azure: there is no container '${place.container}' in a database '${place.database}'.`,
    )
  return undefined
}

async function list(scope: BindingScope, place: ContainerPlace): Promise<TypedData> {
  const { binding, services, resolve } = scope
  const sqlQuery = textOf(binding, 'sqlQuery')
  const query =
    sqlQuery === undefined
      ? { query: 'SELECT * FROM c' }
      : parameterized(sqlQuery, services.settings, resolve)
  // An empty one is none here: https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions.CosmosDB/Bindings/CosmosDBEnumerableBuilder.cs
  const partitionKey = resolved(scope, 'partitionKey') || undefined // eslint-disable-line @typescript-eslint/prefer-nullish-coalescing
  try {
    const items = await queryItems(services.settings, place, query, partitionKey)
    return { json: itemJson(items, changesDates(services.hostConfig)) }
  } catch (error) {
    if (statusOf(error) !== 400) throw error
    throw new BindingError(`The query '${query.query}' failed: ${reasonOf(error)}`, { cause: error })
  }
}

async function write(scope: BindingScope, place: ContainerPlace, item: object): Promise<void> {
  const { binding, services } = scope
  const { settings } = services
  try {
    await upsertItem(settings, place, item)
  } catch (error) {
    if (statusOf(error) !== 404) throw error
    const { database, container } = place
    const missing = `The container '${container}' (in database '${database}') does not exist.`
    if (propertyOf(binding, 'createIfNotExists') !== true)
      throw new BindingError(
        `${missing} To automatically create the container, set 'createIfNotExists' to true.`,
        { cause: error },
      )
    const partitionKey = resolved(scope, 'partitionKey')
    if (partitionKey === undefined || partitionKey === '')
      throw new BindingError(
        `${missing} To create it, the output needs its 'partitionKey', a path: '/id' for example.`,
        { cause: error },
      )
    const throughput = positiveNumberOf(binding, 'containerThroughput')
    await createContainer(settings, place, { partitionKey, throughput })
    await upsertItem(settings, place, item)
  }
}
