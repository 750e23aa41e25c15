import { settingValues } from '../settings.ts'
import { MOST_QUEUES, QUEUES_SETTING } from './names.ts'
import { StorageSettingsError } from './settingsError.ts'

/**
 * Over how many queues orders are spread: the setting `ORDER_QUEUES`, 1 when it is not set.
 *
 * @throws StorageSettingsError naming the allowed values
 */
export function orderQueueCount(environment: NodeJS.ProcessEnv): number {
  const [value = '1', ...others] = new Set(settingValues(environment, QUEUES_SETTING))
  const count = /^[1-9]\d?$/.test(value) ? Number(value) : 0
  // The host does not say which of several spellings it takes.
  if (count < 1 || count > MOST_QUEUES || others.length > 0) {
    const found = [value, ...others].map((text) => JSON.stringify(text)).join(' and ')
    throw new StorageSettingsError(
      `${QUEUES_SETTING} is ${found}. Set it to a whole number from 1 to ${MOST_QUEUES}, or remove it: the default is 1.`,
    )
  }
  return count
}
