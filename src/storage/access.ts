import type { TokenCredential } from '@azure/identity'
import { storageConnection, type StorageConnection } from './connection.ts'

/** A way to storage, with the credential that opens it: one for all clients, so that they share its tokens. */
export type StorageAccess =
  | Extract<StorageConnection, { readonly kind: 'connectionString' }>
  | (Extract<StorageConnection, { readonly kind: 'identity' }> & { readonly credential: TokenCredential })

/**
 * Reads from the settings how storage is reached. The identity's library is loaded only where it is used.
 *
 * @throws StorageSettingsError
 */
export async function storageAccess(environment: NodeJS.ProcessEnv): Promise<StorageAccess> {
  const connection = storageConnection(environment)
  if (connection.kind === 'connectionString') return connection
  const { storageCredential } = await import('./identity.ts')
  return { ...connection, credential: storageCredential(connection.clientId, environment) }
}
