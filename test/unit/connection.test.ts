import { describe, expect, it, test } from '@jest/globals'
import { storageConnection } from '../../src/storage/connection.ts'
import { StorageSettingsError } from '../../src/storage/settingsError.ts'

describe('the storage settings', () => {
  it('name a connection string', () => {
    expect(storageConnection({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' })).toStrictEqual({
      kind: 'connectionString',
      connectionString: 'UseDevelopmentStorage=true',
    })
  })

  it.each([
    'azurewebjobsstorage',
    'ConnectionStrings:AzureWebJobsStorage',
    'ConnectionStrings__AzureWebJobsStorage',
    'CONNECTIONSTRINGS:AZUREWEBJOBSSTORAGE',
  ])('name a connection string in every spelling that the host takes: %s', (name) => {
    expect(storageConnection({ [name]: 'UseDevelopmentStorage=true' })).toStrictEqual({
      kind: 'connectionString',
      connectionString: 'UseDevelopmentStorage=true',
    })
  })

  it('of ConnectionStrings take precedence, as in the host', () => {
    const environment = { AzureWebJobsStorage: 'a', ConnectionStrings__AzureWebJobsStorage: 'b' }
    expect(storageConnection(environment)).toMatchObject({ connectionString: 'b' })
  })

  it.each([
    'AzureWebJobsStorage__accountName',
    'AzureWebJobsStorage:accountName',
    'AZUREWEBJOBSSTORAGE__ACCOUNTNAME',
  ])('name an account in every spelling that the host takes: %s', (name) => {
    expect(storageConnection({ [name]: 'shop' })).toMatchObject({
      kind: 'identity',
      queueServiceUri: 'https://shop.queue.core.windows.net',
    })
  })

  it('name an account, which stands for its services in Azure', () => {
    expect(storageConnection({ AzureWebJobsStorage__accountName: 'shop' })).toStrictEqual({
      kind: 'identity',
      queueServiceUri: 'https://shop.queue.core.windows.net',
      tableServiceUri: 'https://shop.table.core.windows.net',
      blobServiceUri: 'https://shop.blob.core.windows.net',
    })
  })

  it('name the services, which take precedence over the account', () => {
    const uris = {
      AzureWebJobsStorage__queueServiceUri: 'https://queues.example/',
      AzureWebJobsStorage__tableServiceUri: 'https://tables.example/',
    }
    const expected = {
      kind: 'identity',
      queueServiceUri: 'https://queues.example/',
      tableServiceUri: 'https://tables.example/',
    }
    expect(storageConnection(uris)).toStrictEqual(expected)
    expect(storageConnection({ ...uris, AzureWebJobsStorage__accountName: 'shop' })).toStrictEqual({
      ...expected,
      blobServiceUri: 'https://shop.blob.core.windows.net',
    })
    expect(
      storageConnection({ ...uris, AzureWebJobsStorage__blobServiceUri: 'https://blobs.example/' }),
    ).toStrictEqual({ ...expected, blobServiceUri: 'https://blobs.example/' })
  })

  it('may name one service, and the account for the other', () => {
    expect(
      storageConnection({
        AzureWebJobsStorage__accountName: 'shop',
        AzureWebJobsStorage__tableServiceUri: 'https://tables.example/',
      }),
    ).toMatchObject({
      queueServiceUri: 'https://shop.queue.core.windows.net',
      tableServiceUri: 'https://tables.example/',
    })
  })

  it('name a user-assigned identity by its client id', () => {
    expect(
      storageConnection({
        AzureWebJobsStorage__accountName: 'shop',
        AzureWebJobsStorage__credential: 'managedidentity',
        AzureWebJobsStorage__clientId: 'c1',
      }),
    ).toMatchObject({ kind: 'identity', clientId: 'c1' })
  })

  it('are case-insensitive, as in the host', () => {
    expect(storageConnection({ AZUREWEBJOBSSTORAGE__ACCOUNTNAME: 'shop' })).toMatchObject({
      queueServiceUri: 'https://shop.queue.core.windows.net',
    })
    expect(storageConnection({ azurewebjobsstorage: 'x=y' })).toMatchObject({ connectionString: 'x=y' })
  })

  it('are ignored when they are empty', () => {
    expect(
      storageConnection({
        AzureWebJobsStorage: '',
        AzureWebJobsStorage__accountName: 'shop',
        AzureWebJobsStorage__clientId: '',
      }),
    ).toStrictEqual({
      kind: 'identity',
      queueServiceUri: 'https://shop.queue.core.windows.net',
      tableServiceUri: 'https://shop.table.core.windows.net',
      blobServiceUri: 'https://shop.blob.core.windows.net',
    })
  })

  it('prefer the connection string over the identity, as the host does', () => {
    const both = { AzureWebJobsStorage: 'x=y', AzureWebJobsStorage__accountName: 'shop' }
    expect(storageConnection(both).kind).toBe('connectionString')
  })

  test.each([
    ['nothing is set', {}],
    ['only the queues are named', { AzureWebJobsStorage__queueServiceUri: 'https://queues.example/' }],
    ['only the tables are named', { AzureWebJobsStorage__tableServiceUri: 'https://tables.example/' }],
    ['only the credential is named', { AzureWebJobsStorage__credential: 'managedidentity' }],
  ])('are refused, with what is missing, when %s', (_, environment) => {
    expect(() => storageConnection(environment)).toThrow(StorageSettingsError)
    // The log and the portal show the name.
    expect(() => storageConnection(environment)).toThrow(
      expect.objectContaining({ name: 'StorageSettingsError' }),
    )
    expect(() => storageConnection(environment)).toThrow(
      /AzureWebJobsStorage to a connection string .*__accountName, or both .*__queueServiceUri and .*__tableServiceUri/,
    )
  })
})
