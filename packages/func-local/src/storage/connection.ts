import type { TokenCredential } from '@azure/identity'
import type { Settings } from '../config/settings.ts'
import { BindingError } from '../host/function.ts'

/** How to reach a storage account: by a connection string, or by an identity. */
export type StorageConnection =
  | { readonly kind: 'connectionString'; readonly value: string }
  | {
      readonly kind: 'identity'
      readonly serviceUri: (service: StorageService) => string
      readonly credential: () => Promise<TokenCredential>
    }

/** The storage services a connection may name a URI for. */
export type StorageService = 'blob' | 'queue' | 'table'

const DEFAULT_NAME = 'Storage'
const PREFIX = 'AzureWebJobs'

/**
 * Finds the connection a binding names, as the real host does: `AzureWebJobs<NAME>` first, then `<NAME>`; each as a
 * connection string, a setting, or a section for an identity.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#connections
 *
 * @throws {BindingError} when the settings have no such connection.
 */
export function resolveConnection(settings: Settings, name: string | undefined): StorageConnection {
  const wanted = name === undefined || name === '' ? DEFAULT_NAME : name
  for (const candidate of [PREFIX + wanted, wanted]) {
    const value = settings.get(`ConnectionStrings:${candidate}`) ?? settings.get(candidate)
    if (value !== undefined && value !== '') return { kind: 'connectionString', value }
    const identity = identityConnection(settings, candidate)
    if (identity !== undefined) return identity
  }
  const shown =
    name === undefined || name === '' || name === DEFAULT_NAME ? `${PREFIX}${DEFAULT_NAME}` : wanted
  throw new BindingError(
    `Storage account connection string '${shown}' does not exist. Make sure that it is a defined App Setting: ` +
      `set ${shown} in local.settings.json (UseDevelopmentStorage=true for Azurite) or in the environment.`,
  )
}

/** A key that is the same for connections that lead to the same account in the same way. */
export function connectionKey(settings: Settings, name: string | undefined): string {
  const connection = resolveConnection(settings, name)
  return connection.kind === 'connectionString' ? connection.value : `identity:${name ?? ''}`
}

function identityConnection(settings: Settings, section: string): StorageConnection | undefined {
  const get = (key: string): string | undefined => settings.get(`${section}:${key}`) || undefined // eslint-disable-line @typescript-eslint/prefer-nullish-coalescing
  const accountName = get('accountName')
  const uris = { blob: get('blobServiceUri'), queue: get('queueServiceUri'), table: get('tableServiceUri') }
  const general = get('serviceUri')
  if (
    accountName === undefined &&
    general === undefined &&
    Object.values(uris).every((uri) => uri === undefined)
  ) {
    return undefined
  }
  return {
    kind: 'identity',
    serviceUri: (service) => {
      const uri = uris[service] ?? general
      if (uri !== undefined) return uri
      if (accountName !== undefined) return `https://${accountName}.${service}.core.windows.net`
      throw new BindingError(
        `Set ${section}__${service}ServiceUri or ${section}__accountName: the connection names no ${service} service.`,
      )
    },
    credential: () => createCredential(get),
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-reference#common-properties-for-identity-based-connections */
async function createCredential(get: (key: string) => string | undefined): Promise<TokenCredential> {
  // Loaded on first use only: the identity library is larger than the rest of the host.
  const identity = await import('@azure/identity')
  const clientId = get('clientId')
  if (get('credential')?.toLowerCase() === 'managedidentity') {
    return clientId === undefined
      ? new identity.ManagedIdentityCredential()
      : new identity.ManagedIdentityCredential({ clientId })
  }
  const tenantId = get('tenantId')
  const clientSecret = get('clientSecret')
  if (tenantId !== undefined && clientId !== undefined && clientSecret !== undefined) {
    return new identity.ClientSecretCredential(tenantId, clientId, clientSecret)
  }
  return new identity.DefaultAzureCredential(
    clientId === undefined ? {} : { managedIdentityClientId: clientId },
  )
}
