// One storage account: the orders (table and queues), the files of orders and the Functions host's own blobs and queues.

import { numberedQueues } from '../settings.bicep'

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags object

@description('Copies of the orders: in one zone (LRS), in three zones of the region (ZRS), or in a second region too (GRS, GZRS).')
param redundancy string

@description('Queues that orders are spread over by their ids. 1: all orders take the queue orders.')
param orderQueues int

@description('True: there is a queue of the events about orders, for other systems.')
param orderEvents bool

@description('False: reachable through private endpoints only.')
param publicNetworkAccess bool

@description('Host id of the function app: its blob trigger queues what it has to do under this name.')
param hostId string

var containers = [
  // Files of orders, and what became of them.
  'imports'
  'import-reports'
  // Where a deployment puts the package.
  'deployments'
  // The host's locks and its record of the app, and the function keys. The host would make these two itself; here
  // they are made for it, because its role reaches no further than the containers (roles.bicep).
  'azure-webjobs-hosts'
  'azure-webjobs-secrets'
]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Queues and tables under the account's key, so that a key of your own can follow one day: this is fixed when the account
    // is created. https://learn.microsoft.com/azure/storage/common/account-encryption-key-create
    encryption: {
      keySource: 'Microsoft.Storage'
      services: {
        blob: { enabled: true, keyType: 'Account' }
        queue: { enabled: true, keyType: 'Account' }
        table: { enabled: true, keyType: 'Account' }
      }
    }
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      defaultAction: publicNetworkAccess ? 'Allow' : 'Deny'
      bypass: 'None'
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource container 'containers' = [
      for container in containers: {
        name: container
        properties: { publicAccess: 'None' }
      }
    ]
  }

  resource queues 'queueServices' = {
    name: 'default'

    resource orders 'queues' = {
      name: 'orders'
    }

    resource poison 'queues' = {
      name: 'orders-poison'
    }

    resource events 'queues' = if (orderEvents) {
      name: 'order-events'
    }

    // With a smaller number the others stay, messages and roles included: a deployment deletes nothing that it does not name, and
    // queueMonitor empties them (docs/scaling.md).
    resource numbered 'queues' = [
      for name in numberedQueues(orderQueues): {
        name: name
      }
    ]

    // Where the host puts copies of its own.
    resource numberedPoison 'queues' = [
      for name in numberedQueues(orderQueues): {
        name: '${name}-poison'
      }
    ]

    // The host's own: files whose import is to be run, and those whose import failed too often. The host would make these two
    // itself; here they are made for it, because its role reaches no further than the queues (roles.bicep).
    resource blobTrigger 'queues' = {
      name: 'azure-webjobs-blobtrigger-${hostId}'
    }

    resource blobTriggerPoison 'queues' = {
      name: 'webjobs-blobtrigger-poison'
    }
  }

  resource tables 'tableServices' = {
    name: 'default'

    resource orders 'tables' = {
      name: 'orders'
    }
  }
}
