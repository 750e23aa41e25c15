import { describe, expect, it } from '@jest/globals'
import { cosmosConnection } from '../../src/storage/cosmosConnection.ts'
import { StorageSettingsError } from '../../src/storage/settingsError.ts'

const TEXT = 'AccountEndpoint=https://shop.documents.azure.com:443/;AccountKey=a2V5==;'
const PARSED = { kind: 'connectionString', endpoint: 'https://shop.documents.azure.com:443/', key: 'a2V5==' }

describe('the settings of Cosmos DB', () => {
  it.each(['CosmosDb', 'COSMOSDB', 'ConnectionStrings:CosmosDb', 'connectionstrings__cosmosdb'])(
    'name a connection string in every spelling that the host takes: %s',
    (name) => {
      expect(cosmosConnection({ [name]: TEXT })).toStrictEqual(PARSED)
    },
  )

  it('name a connection string whose parts are in any order', () => {
    const text = ' accountkey=a2V5== ; Database=x; AccountEndpoint=https://shop.documents.azure.com:443/ '
    expect(cosmosConnection({ CosmosDb: text })).toStrictEqual(PARSED)
  })

  it('of ConnectionStrings take precedence, and a connection string over an identity, as in the host', () => {
    const other = TEXT.replace('shop', 'other')
    expect(
      cosmosConnection({
        CosmosDb: TEXT,
        ConnectionStrings__CosmosDb: other,
        CosmosDb__accountEndpoint: 'https://x',
      }),
    ).toMatchObject({ endpoint: 'https://other.documents.azure.com:443/' })
  })

  it('name an account, for an identity, which may be one that a client id names', () => {
    const identity = { kind: 'identity', endpoint: 'https://shop.documents.azure.com:443/' }
    expect(cosmosConnection({ CosmosDb__accountEndpoint: identity.endpoint })).toStrictEqual(identity)
    expect(
      cosmosConnection({ 'cosmosdb:accountendpoint': identity.endpoint, CosmosDb__clientId: 'c' }),
    ).toStrictEqual({ ...identity, clientId: 'c' })
  })

  it.each([
    [{}, 'Set CosmosDb to a connection string, or CosmosDb__accountEndpoint to use an identity.'],
    [{ CosmosDb: 'UseDevelopmentStorage=true' }, 'CosmosDb is not a connection string: AccountEndpoint='],
    [{ CosmosDb: 'AccountEndpoint=https://shop' }, 'CosmosDb is not a connection string: AccountEndpoint='],
    [{ CosmosDb: 'AccountEndpoint=https://shop;AccountKey=' }, 'CosmosDb is not a connection string'],
    [{ CosmosDb: 'AccountEndpoint=shop;AccountKey=x' }, 'AccountEndpoint of CosmosDb is not a URL'],
    [{ CosmosDb__accountEndpoint: 'shop' }, 'CosmosDb__accountEndpoint is not a URL'],
    [{ CosmosDb__accountEndpoint: 'ftp://shop' }, 'CosmosDb__accountEndpoint is not a URL'],
  ])('are refused as %j, with what is missing', (environment, message) => {
    const read = () => cosmosConnection(environment)
    expect(read).toThrow(StorageSettingsError)
    expect(read).toThrow(message)
  })

  it('are refused without a secret in the message', () => {
    expect(() => cosmosConnection({ CosmosDb: 'AccountKey=secret' })).not.toThrow('secret')
  })
})
