import { settingValues } from '../settings.ts'
import { STORE_SETTING } from './names.ts'
import { StorageSettingsError } from './settingsError.ts'

/** Where order records can be: in a table, the default, or in Cosmos DB. */
export const ORDER_STORES = ['tables', 'cosmos'] as const
export type OrderStore = (typeof ORDER_STORES)[number]

/**
 * Where order records are: the setting `ORDER_STORE`, `tables` when it is not set.
 *
 * @throws StorageSettingsError naming the allowed values, or that this package was built without Cosmos DB
 */
export function orderStore(environment: NodeJS.ProcessEnv): OrderStore {
  const [value = 'tables', ...others] = new Set(settingValues(environment, STORE_SETTING))
  const store = ORDER_STORES.find((name) => name === value)
  if (store === 'cosmos' && typeof ORDERS_WITH_COSMOS !== 'undefined' && !ORDERS_WITH_COSMOS) {
    throw new StorageSettingsError(
      `${STORE_SETTING} is "cosmos", but this package was built without Cosmos DB. Build it with ${STORE_SETTING}=cosmos in ` +
        'the environment, or remove the setting: the default is tables.',
    )
  }
  // The host does not say which of several spellings it takes.
  if (store === undefined || others.length > 0) {
    const found = [value, ...others].map((text) => JSON.stringify(text)).join(' and ')
    throw new StorageSettingsError(
      `${STORE_SETTING} is ${found}. Set it to ${ORDER_STORES.join(' or ')}, or remove it: the default is tables.`,
    )
  }
  return store
}
