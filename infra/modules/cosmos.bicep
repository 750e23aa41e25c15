// An account of Cosmos DB for the records of orders (docs/cosmos.md). The queues and the files stay in the storage account.

@description('Name of the account.')
@minLength(3)
@maxLength(44)
param name string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags object

@description('True: copies in three zones of the region. It is fixed when the account is created.')
param zoneRedundant bool

@description('False: reachable through private endpoints only.')
param publicNetworkAccess bool

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    // Billed by what is used. Such an account has one region, and nothing is provisioned in it.
    // https://learn.microsoft.com/azure/cosmos-db/serverless
    capabilities: [{ name: 'EnableServerless' }]
    // What one instance has written all others must see at once: a GET right after a 202 finds the order, and a delivery finds
    // what another one has processed. A session covers one instance only. In one region it costs reads, not writes.
    // https://learn.microsoft.com/azure/cosmos-db/consistency-levels
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: zoneRedundant }]
    // An ETag is compared in the region of the write: with several of them two writes could both succeed.
    enableMultipleWriteLocations: false
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    // No address has a way around that, and no service of Azure.
    ipRules: []
    networkAclBypass: 'None'
    // Any second of the last seven days, restored by the team itself, into another account. With periodic backups there are two
    // copies of the last eight hours, and a support request. It can't be taken back.
    // https://learn.microsoft.com/azure/cosmos-db/continuous-backup-restore-introduction
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: 'Continuous7Days' } }
  }

  resource database 'sqlDatabases' = {
    name: 'orders'
    properties: { resource: { id: 'orders' } }

    // An identity may not create containers. This one is as src/storage/cosmos.ts would create it: read by id and nothing else, so
    // nothing is indexed.
    resource orders 'containers' = {
      name: 'orders'
      properties: {
        resource: {
          id: 'orders'
          partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 }
          indexingPolicy: { includedPaths: [], excludedPaths: [{ path: '/*' }] }
        }
      }
    }

    // Where the host keeps how far the changes were delivered. It wants this partition key, and it queries.
    // https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger
    resource leases 'containers' = {
      name: 'leases'
      properties: {
        resource: {
          id: 'leases'
          partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 }
        }
      }
    }
  }
}
