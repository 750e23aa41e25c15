// What the app's identity may do: six roles in seven assignments, each on the one resource it is needed for, and no other.
// Ids: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles

@description('Name of the managed identity the app runs as.')
param identityName string

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

var roles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
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
  }

  resource queues 'queueServices' existing = {
    name: 'default'

    resource orders 'queues' existing = {
      name: 'orders'
    }

    resource poison 'queues' existing = {
      name: 'orders-poison'
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

// The app and the host put messages there. Only operators read it, as themselves (docs/operations.md).
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

// The function keys, kept by the host: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
resource ownFunctionKeys 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::secrets
  name: guid(account::blobs::secrets.id, identity.id, roles.storageBlobDataOwner)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

// The package: the platform stores and fetches it as this identity.
// https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#configure-deployment-settings
resource storeDeployments 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::deployments
  name: guid(account::blobs::deployments.id, identity.id, roles.storageBlobDataContributor)
  properties: {
    principalId: identity.properties.principalId
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
