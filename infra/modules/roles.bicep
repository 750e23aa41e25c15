// What the two identities may do, each role on the one resource it is needed for, and no other.
// Ids: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles

import { numberedQueues } from '../settings.bicep'

@description('Name of the managed identity the app runs as.')
param identityName string

@description('Name of the managed identity that the package is stored and fetched as.')
param deploymentIdentityName string

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the key vault that has the function keys. Empty: they are in the storage account.')
param keyVaultName string

@description('Name of the account of Cosmos DB that has the records. Empty: they are in the storage account.')
param cosmosAccountName string

@description('Queues that orders are spread over by their ids. 1: all orders take the queue orders.')
param orderQueues int

@description('Host id of the function app.')
param hostId string

var roles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageQueueDataReader: '19e7f393-937e-4f77-808e-94535e297925'
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource deploymentIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: deploymentIdentityName
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource deployments 'containers' existing = {
      name: 'deployments'
    }

    resource hosts 'containers' existing = {
      name: 'azure-webjobs-hosts'
    }

    resource secrets 'containers' existing = {
      name: 'azure-webjobs-secrets'
    }

    resource importReports 'containers' existing = {
      name: 'import-reports'
    }
  }

  resource queues 'queueServices' existing = {
    name: 'default'

    resource orders 'queues' existing = {
      name: 'orders'
    }

    resource poison 'queues' existing = {
      name: 'orders-poison'
    }

    resource events 'queues' existing = if (!empty(cosmosAccountName)) {
      name: 'order-events'
    }

    resource numbered 'queues' existing = [
      for name in numberedQueues(orderQueues): {
        name: name
      }
    ]

    resource numberedPoison 'queues' existing = [
      for name in numberedQueues(orderQueues): {
        name: '${name}-poison'
      }
    ]

    resource blobTrigger 'queues' existing = {
      name: 'azure-webjobs-blobtrigger-${hostId}'
    }

    resource blobTriggerPoison 'queues' existing = {
      name: 'webjobs-blobtrigger-poison'
    }
  }

  resource tables 'tableServices' existing = {
    name: 'default'

    resource orders 'tables' existing = {
      name: 'orders'
    }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = if (!empty(keyVaultName)) {
  name: empty(keyVaultName) ? 'none' : keyVaultName
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' existing = if (!empty(cosmosAccountName)) {
  name: empty(cosmosAccountName) ? 'none' : cosmosAccountName

  resource dataContributor 'sqlRoleDefinitions' existing = {
    name: '00000000-0000-0000-0000-000000000002'
  }
}

// The trigger receives, deletes and *updates* messages (it renews the lease while an order is processed, and
// `visibilityTimeout` of host.json takes effect by an update); the app sends. Message Processor with Reader, the pair the
// documentation names, can't update: a failed order would come back after the full lease of 10 minutes, and one that
// takes longer would run twice. Sender can't receive. Contributor, on this one queue, is the least built-in role that can
// do both: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
resource receiveAndSendOrders 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::queues::orders
  name: guid(account::queues::orders.id, identity.id, roles.storageQueueDataContributor)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataContributor
    )
  }
}

// The same for the queues that orders are spread over. The role on a queue stays when their number becomes smaller: queueMonitor
// empties that queue.
resource receiveAndSendNumbered 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in numberedQueues(orderQueues): {
    scope: account::queues::numbered[i]
    name: guid(account::queues::numbered[i].id, identity.id, roles.storageQueueDataContributor)
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles.storageQueueDataContributor
      )
    }
  }
]

// The app and the host put messages on orders-poison, and the host on the poison queue of a numbered one. Neither can receive or
// delete one: only operators do, as themselves (docs/operations.md).
resource sendPoison 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::queues::poison
  name: guid(account::queues::poison.id, identity.id, roles.storageQueueDataMessageSender)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataMessageSender
    )
  }
}

resource sendNumberedPoison 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in numberedQueues(orderQueues): {
    scope: account::queues::numberedPoison[i]
    name: guid(account::queues::numberedPoison[i].id, identity.id, roles.storageQueueDataMessageSender)
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles.storageQueueDataMessageSender
      )
    }
  }
]

// queueMonitor lists the queues, since a smaller number of them may have left one behind with messages, and measures each: depth,
// and age by a peek. Listing needs queues/read on the account; Reader is the least built-in role that has it.
resource measureQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, identity.id, roles.storageQueueDataReader)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataReader)
  }
}

// The order records. No built-in role reads and writes entities without also deleting.
resource readAndWriteOrders 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::tables::orders
  name: guid(account::tables::orders.id, identity.id, roles.storageTableDataContributor)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageTableDataContributor
    )
  }
}

// The host's locks and its record of the app. Owner is what the host asks for:
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
resource ownHostLocks 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::hosts
  name: guid(account::blobs::hosts.id, identity.id, roles.storageBlobDataOwner)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

// The host's health check lists the account's containers every 30 seconds; without this each of them is a 403 and a warning,
// for as long as the app runs. Listing needs containers/read on the account. Reader is the least built-in role that has it;
// a custom role would leave out reading blobs, and whoever deploys would have to be allowed to define roles.
// https://github.com/Azure/azure-functions-host/issues/11765 https://github.com/Azure/azure-functions-host/issues/11938
resource listContainers 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, identity.id, roles.storageBlobDataReader)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataReader)
  }
}

// Files of orders are read by the role above. What became of them is written here: Contributor is the least built-in role that
// writes a blob.
resource writeImportReports 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::importReports
  name: guid(account::blobs::importReports.id, identity.id, roles.storageBlobDataContributor)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
  }
}

// The host's own queue of files to import: it sends, receives, updates and deletes.
// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#grant-permission-to-the-identity
resource queueImports 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::queues::blobTrigger
  name: guid(account::queues::blobTrigger.id, identity.id, roles.storageQueueDataContributor)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataContributor
    )
  }
}

// Where the host puts the name of a file whose import failed too often.
resource sendImportPoison 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::queues::blobTriggerPoison
  name: guid(account::queues::blobTriggerPoison.id, identity.id, roles.storageQueueDataMessageSender)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataMessageSender
    )
  }
}

// orderChanged sends events; it is other systems that receive them.
resource sendEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(cosmosAccountName)) {
  scope: account::queues::events
  name: guid(account::queues::events.id, identity.id, roles.storageQueueDataMessageSender)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataMessageSender
    )
  }
}

// Data in Cosmos DB has roles of its own, which belong to the account: whoever may create the account may define them. This one
// can't delete, overwrite unseen (upsert) or query, which the built-in Data Contributor can.
// https://learn.microsoft.com/azure/cosmos-db/reference-data-plane-security
resource orderRecords 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2025-04-15' = if (!empty(cosmosAccountName)) {
  parent: cosmos
  name: guid(cosmos.id, 'order-records')
  properties: {
    roleName: 'Order records: create, read, replace, and their changes'
    type: 'CustomRole'
    assignableScopes: ['${cosmos.id}/dbs/orders']
    permissions: [
      {
        dataActions: [
          // What the client libraries ask before they ask for data: regions, partition keys, partitions. Granted on the database,
          // not on its containers, since the host's change feed processor has read the database as well:
          // https://github.com/Azure/azure-cosmos-dotnet-v3/issues/3638 The account level would add the list of databases.
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/replace'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/readChangeFeed'
        ]
      }
    ]
  }
}

resource readAndWriteRecords 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-04-15' = if (!empty(cosmosAccountName)) {
  parent: cosmos
  name: guid(cosmos.id, 'order-records', identity.id)
  properties: {
    principalId: identity.properties.principalId
    roleDefinitionId: orderRecords.id
    scope: '${cosmos.id}/dbs/orders'
  }
}

// The host's leases, which it creates, queries, replaces and deletes. Data Contributor is the built-in role that the documentation
// of the trigger names, here on the one container.
// https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger#grant-permission-to-the-identity
resource keepLeases 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-04-15' = if (!empty(cosmosAccountName)) {
  parent: cosmos
  name: guid(cosmos.id, 'leases', identity.id)
  properties: {
    principalId: identity.properties.principalId
    roleDefinitionId: cosmos::dataContributor.id
    scope: '${cosmos.id}/dbs/orders/colls/leases'
  }
}

// The function keys, kept by the host: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
resource ownFunctionKeys 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (empty(keyVaultName)) {
  scope: account::blobs::secrets
  name: guid(account::blobs::secrets.id, identity.id, roles.storageBlobDataOwner)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

resource ownFunctionKeysInVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(keyVaultName)) {
  scope: vault
  name: guid(subscription().id, resourceGroup().id, keyVaultName, identity.id, roles.keyVaultSecretsOfficer)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
  }
}

// The package: the platform stores and fetches it as an identity of its own, which the app's settings do not name.
// https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#configure-deployment-settings
resource storeDeployments 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::deployments
  name: guid(account::blobs::deployments.id, deploymentIdentity.id, roles.storageBlobDataContributor)
  properties: {
    principalId: deploymentIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
  }
}

// Telemetry, which Application Insights takes from identities only.
resource publishTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: applicationInsights
  name: guid(applicationInsights.id, identity.id, roles.monitoringMetricsPublisher)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
  }
}
