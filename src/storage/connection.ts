import { settingValues } from '../settings.ts'
import { STORAGE_CONNECTION } from './names.ts'
import { StorageSettingsError } from './settingsError.ts'

/** How storage is reached: with a connection string (locally, Azurite), or as the identity the app runs under. */
export type StorageConnection =
  | { readonly kind: 'connectionString'; readonly connectionString: string }
  | {
      readonly kind: 'identity'
      readonly queueServiceUri: string
      readonly tableServiceUri: string
      /** Files of orders need it, nothing else does. */
      readonly blobServiceUri?: string
      /** Client id of a user-assigned managed identity; without it, the system-assigned one. */
      readonly clientId?: string
    }

/**
 * Reads the settings that the Functions host itself reads, so that one configuration serves both.
 * https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
 *
 * @throws StorageSettingsError naming the settings that are missing
 */
export function storageConnection(environment: NodeJS.ProcessEnv): StorageConnection {
  const setting = (suffix = '') => settingValues(environment, STORAGE_CONNECTION + suffix)[0]

  const connectionString =
    settingValues(environment, `ConnectionStrings:${STORAGE_CONNECTION}`)[0] ?? setting()
  if (connectionString !== undefined) return { kind: 'connectionString', connectionString }

  const account = setting('__accountName')
  const serviceUri = (service: 'blob' | 'queue' | 'table') =>
    setting(`__${service}ServiceUri`) ?? (account && `https://${account}.${service}.core.windows.net`)
  const queueServiceUri = serviceUri('queue')
  const tableServiceUri = serviceUri('table')
  if (queueServiceUri === undefined || tableServiceUri === undefined) {
    throw new StorageSettingsError(
      `Storage is not configured. Set ${STORAGE_CONNECTION} to a connection string (UseDevelopmentStorage=true for ` +
        `Azurite), or ${STORAGE_CONNECTION}__accountName, or both ${STORAGE_CONNECTION}__queueServiceUri and ` +
        `${STORAGE_CONNECTION}__tableServiceUri, to use an identity.`,
    )
  }
  const blobServiceUri = serviceUri('blob')
  const clientId = setting('__clientId')
  return {
    kind: 'identity',
    queueServiceUri,
    tableServiceUri,
    ...(blobServiceUri !== undefined && { blobServiceUri }),
    ...(clientId !== undefined && { clientId }),
  }
}
