import { settingValues } from '../settings.ts'
import { COSMOS_CONNECTION } from './names.ts'
import { StorageSettingsError } from './settingsError.ts'

/** How Cosmos DB is reached: with a connection string (locally, an emulator), or as the identity the app runs under. */
export type CosmosConnection =
  | { readonly kind: 'connectionString'; readonly endpoint: string; readonly key: string }
  | {
      readonly kind: 'identity'
      readonly endpoint: string
      /** Client id of a user-assigned managed identity; without it, the system-assigned one. */
      readonly clientId?: string
    }

/**
 * Reads the settings that the host's own trigger of Cosmos DB reads, so that one configuration serves both.
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger#connections
 *
 * @throws StorageSettingsError naming the settings that are missing, or what is wrong with them
 */
export function cosmosConnection(environment: NodeJS.ProcessEnv): CosmosConnection {
  const setting = (suffix = '') => settingValues(environment, COSMOS_CONNECTION + suffix)[0]

  const connectionString =
    settingValues(environment, `ConnectionStrings:${COSMOS_CONNECTION}`)[0] ?? setting()
  if (connectionString !== undefined) return parsed(connectionString)

  const endpoint = setting('__accountEndpoint')
  if (endpoint === undefined) {
    throw new StorageSettingsError(
      `Cosmos DB is not configured. Set ${COSMOS_CONNECTION} to a connection string, or ` +
        `${COSMOS_CONNECTION}__accountEndpoint to use an identity.`,
    )
  }
  const clientId = setting('__clientId')
  return {
    kind: 'identity',
    endpoint: checked(endpoint, `${COSMOS_CONNECTION}__accountEndpoint`),
    ...(clientId !== undefined && { clientId }),
  }
}

function parsed(connectionString: string): CosmosConnection {
  const fields = new Map(
    connectionString.split(';').map((field) => {
      const [name = '', ...value] = field.split('=')
      return [name.trim().toLowerCase(), value.join('=').trim()]
    }),
  )
  const endpoint = fields.get('accountendpoint')
  const key = fields.get('accountkey')
  if (endpoint === undefined || key === undefined || key === '') {
    throw new StorageSettingsError(
      `${COSMOS_CONNECTION} is not a connection string: AccountEndpoint=https://…;AccountKey=….`,
    )
  }
  return {
    kind: 'connectionString',
    endpoint: checked(endpoint, `AccountEndpoint of ${COSMOS_CONNECTION}`),
    key,
  }
}

function checked(endpoint: string, name: string): string {
  const { protocol } = URL.parse(endpoint) ?? {}
  if (protocol === 'https:' || protocol === 'http:') return endpoint
  throw new StorageSettingsError(`${name} is not a URL: https://<account>.documents.azure.com:443/.`)
}
