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
    if (value !== undefined && value !== '') {
      checkConnectionString(value, candidate)
      return { kind: 'connectionString', value }
    }
    const identity = identityConnection(settings, candidate)
    if (identity !== undefined) return identity
  }
  const shown = connectionName(name)
  throw new BindingError(
    `Storage account connection string '${shown}' does not exist. Make sure that it is a defined App Setting: ` +
      `set ${shown} in local.settings.json (UseDevelopmentStorage=true for Azurite) or in the environment.`,
  )
}

/**
 * The setting, or the beginning of the settings, where a connection is found.
 *
 * @throws {BindingError} when the settings have no such connection.
 */
export function connectionSetting(settings: Settings, name: string | undefined): string {
  // Says what is missing, when there is none.
  resolveConnection(settings, name)
  const wanted = name === undefined || name === '' ? DEFAULT_NAME : name
  const candidates = [PREFIX + wanted, wanted]
  const isSet = (candidate: string): boolean =>
    (settings.get(candidate) ?? '') !== '' || identityConnection(settings, candidate) !== undefined
  return candidates.find(isSet) ?? connectionName(name)
}

/** The name of the connection that a binding names, for messages. */
export function connectionName(name: string | undefined): string {
  return name === undefined || name === '' || name === DEFAULT_NAME ? `${PREFIX}${DEFAULT_NAME}` : name
}

/**
 * Checks the form of a connection string; what it holds is a secret and is not shown:
 * https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
 */
function checkConnectionString(value: string, setting: string): void {
  const fault = connectionStringFault(value)
  if (fault === undefined) return
  throw new BindingError(
    `The storage connection string in the setting '${setting}' is not valid: ${fault} ` +
      'Write UseDevelopmentStorage=true for Azurite, or copy the connection string of the storage account.',
  )
}

function connectionStringFault(value: string): string | undefined {
  const parts = new Map<string, string>()
  for (const part of value.split(';').filter((text) => text.trim() !== '')) {
    const equals = part.indexOf('=')
    if (equals <= 0) return 'its settings must be of the form "name=value", with semicolons between.'
    parts.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim())
  }
  if (parts.get('usedevelopmentstorage')?.toLowerCase() === 'true') return undefined
  const hasKey = parts.has('accountname') && parts.has('accountkey')
  const hasSignature =
    parts.has('sharedaccesssignature') && [...parts.keys()].some((key) => key.endsWith('endpoint'))
  if (!hasKey && !hasSignature)
    return 'it needs AccountName and AccountKey, or an endpoint and SharedAccessSignature.'
  const key = parts.get('accountkey')
  return key === undefined || /^[A-Za-z0-9+/]+={0,2}$/.test(key) ? undefined : 'its AccountKey is not Base64.'
}

/** A key that is the same for connections that lead to the same account in the same way. */
export function connectionKey(settings: Settings, name: string | undefined): string {
  const connection = resolveConnection(settings, name)
  // Names differ, `Storage` and `AzureWebJobsStorage`, where the settings are the same.
  return connection.kind === 'connectionString'
    ? connection.value
    : `identity:${connectionSetting(settings, name)}`
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

/**
 * The credential of a connection with an identity, from the settings below its name.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-reference#common-properties-for-identity-based-connections
 */
export async function createCredential(get: (key: string) => string | undefined): Promise<TokenCredential> {
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
