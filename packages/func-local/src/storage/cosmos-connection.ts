import type { TokenCredential } from '@azure/identity'
import type { Settings } from '../config/settings.ts'
import { BindingError } from '../host/function.ts'
import { createCredential, identityKey } from './connection.ts'

/** How to reach an account of Cosmos DB: with a key, or as an identity. */
export type CosmosConnection = { readonly endpoint: string } & (
  | { readonly key: string }
  | {
      readonly credential: () => Promise<TokenCredential>
      /** What the credential is made of, in one text. */
      readonly identity: string
    }
)

// https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions.CosmosDB/Constants.cs
const DEFAULT_NAME = 'CosmosDB'
const PREFIX = 'AzureWebJobs'

/** The name of the connection that a binding names, for messages. */
export function cosmosConnectionName(name: string | undefined): string {
  return name === undefined || name === '' ? DEFAULT_NAME : name
}

/**
 * Finds the connection a binding names: `AzureWebJobs<NAME>` first, then `<NAME>`; each as a connection string, a setting, or a
 * section for an identity. `undefined` when the settings have none.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger#connections
 *
 * @throws {BindingError} when there is one that is not valid.
 */
export function findCosmosConnection(
  settings: Settings,
  name: string | undefined,
): CosmosConnection | undefined {
  const wanted = cosmosConnectionName(name)
  for (const candidate of [PREFIX + wanted, wanted]) {
    const text = settings.get(`ConnectionStrings:${candidate}`) ?? settings.get(candidate)
    if (text !== undefined && text !== '') return parsed(text, candidate)
    const get = (key: string): string | undefined => settings.get(`${candidate}:${key}`) || undefined // eslint-disable-line @typescript-eslint/prefer-nullish-coalescing
    const endpoint = get('accountEndpoint')
    if (endpoint !== undefined) {
      return {
        endpoint: checked(endpoint, `${candidate}__accountEndpoint`),
        credential: () => createCredential(get),
        identity: identityKey(settings, candidate),
      }
    }
  }
  return undefined
}

/** @throws {BindingError} also when the settings have no such connection. */
export function resolveCosmosConnection(settings: Settings, name: string | undefined): CosmosConnection {
  const connection = findCosmosConnection(settings, name)
  if (connection !== undefined) return connection
  const shown = cosmosConnectionName(name)
  throw new BindingError(
    `Cosmos DB connection configuration '${shown}' does not exist. Make sure that it is a defined App Setting: set ${shown} ` +
      `(AccountEndpoint=…;AccountKey=…), or ${shown}__accountEndpoint, in local.settings.json or in the environment.`,
  )
}

/** What it holds is a secret and is not shown. */
function parsed(text: string, setting: string): CosmosConnection {
  const fields = new Map(
    text.split(';').map((field) => {
      const [name = '', ...value] = field.split('=')
      return [name.trim().toLowerCase(), value.join('=').trim()]
    }),
  )
  const endpoint = fields.get('accountendpoint') ?? ''
  const key = fields.get('accountkey') ?? ''
  if (endpoint === '' || key === '') {
    throw new BindingError(
      `The Cosmos DB connection string in the setting '${setting}' is not valid: it needs AccountEndpoint and AccountKey.`,
    )
  }
  return { endpoint: checked(endpoint, setting), key }
}

function checked(endpoint: string, setting: string): string {
  if (/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) return endpoint
  throw new BindingError(
    `The account's endpoint in the setting '${setting}' is not a URL: https://<account>.documents.azure.com:443/.`,
  )
}
