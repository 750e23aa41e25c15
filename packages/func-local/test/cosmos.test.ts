import { describe, expect, test } from '@jest/globals'
import { registry } from './harness/registry.ts'
import { findCosmosConnection } from '../src/storage/cosmos-connection.ts'
import { settingsOf } from '../src/config/settings.ts'
import { fakeFunction, fakeServices, fakeTriggerContext } from './harness/services.ts'

const KEY = 'AccountEndpoint=https://one.documents.azure.com:443/;AccountKey=a2V5==;'
const PLACE = { connection: 'COSMOS', databaseName: 'd', containerName: 'c' }

const bind = (trigger: Readonly<Record<string, unknown>>, settings: Readonly<Record<string, string>> = {}) =>
  registry
    .trigger('cosmosDBTrigger')
    .bind(
      fakeTriggerContext(
        fakeFunction({ type: 'cosmosDBTrigger', ...trigger }),
        fakeServices({ COSMOS: KEY, ...settings }),
      ),
    )

describe('the trigger of Cosmos DB', () => {
  test('listens where its connection is set, and is on call where it is not', () => {
    expect(bind(PLACE).onCall).toBeUndefined()
    expect(bind({ ...PLACE, connection: 'OTHER' }).onCall).toEqual({
      ...{ service: 'Cosmos DB', connection: 'OTHER', packages: [] },
      because: "'OTHER' is not set",
    })
    expect(bind({}).onCall?.because).toBe("'CosmosDB' is not set")
    expect(bind({ databaseName: 'd', containerName: 'c' }, { CosmosDB: KEY }).onCall).toBeUndefined()
  })

  test('names settings in its names', () => {
    expect(() => bind({ ...PLACE, containerName: '%NAME%' }, { NAME: 'leases' })).toThrow(
      'cannot be the one that has the leases',
    )
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['no database', { databaseName: '' }, /'databaseName' of its cosmosDBTrigger binding is missing/],
    ['no container', { containerName: undefined }, /'containerName' .* is missing/],
    ['leases in what it watches', { leaseContainerName: 'c' }, /cannot be the one that has the leases/],
    ['two starts', { startFromBeginning: true, startFromTime: '2026-01-01T00:00:00Z' }, /Only one of/],
    ['no time', { startFromTime: 'yesterday' }, /'startFromTime' .* ISO 8601/],
    ['no number', { maxItemsPerInvocation: 'many' }, /'maxItemsPerInvocation' .* positive whole number/],
    ['a negative number', { feedPollDelay: -1 }, /'feedPollDelay' .* positive whole number/],
    ['an unknown connection of the leases', { leaseConnection: 'NONE' }, /'NONE' does not exist/],
  ])('refuses %s', (_, changes, reason) => {
    expect(() => bind({ ...PLACE, ...changes })).toThrow(reason)
  })

  test.each([
    { leaseDatabaseName: 'other', leaseContainerName: 'c' },
    { startFromTime: '2026-01-01T00:00:00Z' },
    { feedPollDelay: 0, maxItemsPerInvocation: 5 },
  ])('takes %j', (changes) => {
    expect(bind({ ...PLACE, ...changes }).onCall).toBeUndefined()
  })
})

describe('a connection to Cosmos DB', () => {
  const find = (settings: Readonly<Record<string, string>>) =>
    findCosmosConnection(settingsOf(new Map(Object.entries(settings))), 'A')

  test('there is none where no setting names one', () => {
    expect(find({})).toBeUndefined()
  })

  test.each<[Record<string, string>, object]>([
    [{ A: KEY }, { endpoint: 'https://one.documents.azure.com:443/', key: 'a2V5==' }],
    [{ 'ConnectionStrings:A': KEY }, { key: 'a2V5==' }],
    [
      { A: KEY, AzureWebJobsA: KEY.replace('one', 'two') },
      { endpoint: 'https://two.documents.azure.com:443/' },
    ],
    [{ A__accountEndpoint: 'https://b/' }, { endpoint: 'https://b/', credential: expect.any(Function) }],
  ])('%j', (settings, expected) => {
    expect(find(settings)).toMatchObject(expected)
  })

  test.each([
    [{ A: 'AccountKey=a2V5' }, /in the setting 'A' is not valid/],
    [{ A: 'AccountEndpoint=https://b/;AccountKey=' }, /in the setting 'A' is not valid/],
    [{ A: 'AccountEndpoint=b;AccountKey=a2V5' }, /in the setting 'A' is not a URL/],
    [{ A__accountEndpoint: 'ftp://b' }, /in the setting 'A__accountEndpoint' is not a URL/],
  ])('%j is refused, and its secret is not shown', (settings, reason) => {
    expect(() => find(settings as Record<string, string>)).toThrow(reason)
    expect(() => find(settings as Record<string, string>)).not.toThrow(/a2V5/)
  })
})
